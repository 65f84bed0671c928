/// Cuts texts: into what is streamed and what is held back, and into pieces for streaming.
///
/// Lines are told by their bytes, not by characters: "\r\n" is one `Character` and no "\n".
public enum TextPieces {
    private static let lineBreak = UInt8(ascii: "\n")

    /// - Returns: Consecutive pieces of at most `bytes` bytes that end at line breaks; a longer
    ///   line is a piece of its own. Joined they are the text.
    public static func split(_ text: String, bytes: Int) -> [String] {
        var pieces: [String] = []
        var start = text.startIndex
        var size = 0
        for line in text.utf8.split(separator: lineBreak, omittingEmptySubsequences: false) {
            // The last line counts as if it had a line break too.
            let lineSize = line.count + 1
            if size > 0, size + lineSize > bytes {
                pieces.append(String(text[start..<line.startIndex]))
                start = line.startIndex
                size = 0
            }
            size += lineSize
        }
        if start < text.endIndex { pieces.append(String(text[start...])) }
        return pieces
    }

    /// A text's beginning and end, cut after the last line break within the first `share` of its
    /// bytes; where there is none, before the character that reaches beyond them.
    public static func part(_ text: String, share: Double) -> (first: String, second: String) {
        let target = text.utf8.index(
            text.startIndex, offsetBy: Int(Double(text.utf8.count) * share))
        if let last = text.utf8[..<target].lastIndex(of: lineBreak) {
            let cut = text.utf8.index(after: last)
            return (String(text[..<cut]), String(text[cut...]))
        }
        var cut = target
        while cut > text.startIndex, String.Index(cut, within: text) == nil {
            cut = text.utf8.index(before: cut)
        }
        return (String(text[..<cut]), String(text[cut...]))
    }
}
