import ModelFormats

/// One user's text, cut for the evaluation.
struct UserTexts: Sendable {
    let name: String
    /// The part that is streamed, in pieces as a client sends them.
    let stream: [[TokenID]]
    /// The part that is held back: as one text, and in pieces.
    let next: [TokenID]
    let second: [[TokenID]]
    let streamBytes: Int
    let nextBytes: Int

    init(
        name: String, text: String, pieceBytes: Int, streamedShare: Double, tokenizer: Tokenizer
    ) {
        let parts = Self.split(text, share: streamedShare)
        func encode(_ text: String) -> [TokenID] {
            tokenizer.encode(text, parsingSpecialTokens: false)
        }
        self.name = name
        stream = TextPieces.split(parts.stream, bytes: pieceBytes).map(encode)
        next = encode(parts.next)
        second = TextPieces.split(parts.next, bytes: pieceBytes).map(encode)
        streamBytes = parts.stream.utf8.count
        nextBytes = parts.next.utf8.count
    }

    /// Whole lines, the first of at most `share` of the bytes.
    private static func split(_ text: String, share: Double) -> (stream: String, next: String) {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let target = Int(Double(text.utf8.count) * share)
        var (count, length) = (0, 0)
        while count < lines.count, length + lines[count].utf8.count + 1 <= target {
            length += lines[count].utf8.count + 1
            count += 1
        }
        return (
            lines[..<count].joined(separator: "\n") + "\n", lines[count...].joined(separator: "\n")
        )
    }
}

extension [TokenID] {
    /// A text's tokens dealt to contexts of at most `length` tokens, of which the first is the
    /// start-of-text token that the reader adds.
    func dealt(toContextsOf length: Int) -> [[TokenID]] {
        stride(from: 0, to: count, by: length - 1).map {
            Array(self[$0..<Swift.min(count, $0 + length - 1)])
        }
    }
}

/// Cuts a text into pieces for streaming.
public enum TextPieces {
    /// - Returns: Consecutive pieces of at most `bytes` bytes that end at line breaks; a longer
    ///   line is a piece of its own. Joined they are the text.
    public static func split(_ text: String, bytes: Int) -> [String] {
        var pieces: [String] = []
        var current = ""
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            let next = line + "\n"
            if !current.isEmpty, current.utf8.count + next.utf8.count > bytes {
                pieces.append(current)
                current = ""
            }
            current += next
        }
        // The last line had no line break after it.
        if current.last == "\n" { current.removeLast() }
        if !current.isEmpty { pieces.append(current) }
        return pieces
    }
}
