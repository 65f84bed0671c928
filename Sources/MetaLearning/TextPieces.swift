/// Cuts texts: into what is streamed and what is held back, and into pieces for streaming.
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

    /// A text's beginning and end, cut at the last line break before `share` of its bytes.
    public static func part(_ text: String, share: Double) -> (first: String, second: String) {
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
