/// Cuts a long text into pieces that a server learns one at a time.
///
/// The pieces joined are the text again. They end at line breaks where there is one; a line that
/// is longer than two pieces is cut after a space, or at least between two characters. The same
/// text always gives the same pieces, so that a repeated run can name each piece as before.
struct TextPieces {
    /// Pieces of this size are at most twice as large, 1 MiB: what a server takes at once by default.
    static let largestTarget = 1 << 19

    /// Bytes a piece should have; one may have up to twice as many.
    let targetSize: Int

    init(targetSize: Int = 4_096) {
        precondition(targetSize >= 16, "a piece must hold a few characters")
        self.targetSize = targetSize
    }

    /// The ranges of the pieces in `text`, in order and without gaps. O(bytes).
    func ranges(of text: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        while start < text.count {
            let end = endOfPiece(in: text, from: start)
            ranges.append(start..<end)
            start = end
        }
        return ranges
    }

    private func endOfPiece(in text: [UInt8], from start: Int) -> Int {
        // A rest that is little more than a piece stays whole: a crumb would be learned without
        // any context before it.
        if text.count - start <= targetSize + targetSize / 4 { return text.count }
        let near = start + targetSize
        if let end = lastBreak(in: text, start..<near, after: UInt8(ascii: "\n")) { return end }
        let far = min(start + 2 * targetSize, text.count)
        if let feed = text[near..<far].firstIndex(of: UInt8(ascii: "\n")) { return feed + 1 }
        if far == text.count { return far }
        if let end = lastBreak(in: text, start..<near, after: UInt8(ascii: " ")) { return end }
        return characterBoundary(in: text, atOrBefore: near, after: start)
    }

    private func lastBreak(in text: [UInt8], _ range: Range<Int>, after byte: UInt8) -> Int? {
        text[range].lastIndex(of: byte).map { $0 + 1 }
    }

    /// Not inside a UTF-8 sequence: a sequence has at most three continuation bytes.
    private func characterBoundary(
        in text: [UInt8], atOrBefore end: Int, after start: Int
    ) -> Int {
        var boundary = end
        while boundary > start + 1, end - boundary < 4, text[boundary] & 0xC0 == 0x80 {
            boundary -= 1
        }
        return text[boundary] & 0xC0 == 0x80 ? end : boundary
    }
}
