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
        let parts = TextPieces.part(text, share: streamedShare)
        func encode(_ text: String) -> [TokenID] {
            tokenizer.encode(text)
        }
        self.name = name
        stream = TextPieces.split(parts.first, bytes: pieceBytes).map(encode)
        next = encode(parts.second)
        second = TextPieces.split(parts.second, bytes: pieceBytes).map(encode)
        streamBytes = parts.first.utf8.count
        nextBytes = parts.second.utf8.count
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
