import Testing

@testable import MetaLearning

@Suite("Cutting texts")
struct TextPiecesTests {
    private static func lines(_ count: Int, end: String) -> String {
        (0..<count).map { "line \($0) of a text\(end)" }.joined()
    }

    @Test("Lines that end as on Windows are lines, and nothing of the text is lost")
    func carriageReturns() {
        let text = Self.lines(40, end: "\r\n")
        let pieces = TextPieces.split(text, bytes: 100)
        #expect(pieces.joined() == text)
        #expect(pieces.count > 5)
        #expect(pieces.allSatisfy { $0.utf8.count <= 100 && $0.utf8.last == 0x0A })
        let (first, second) = TextPieces.part(text, share: 0.8)
        #expect(first + second == text)
        #expect(first.utf8.last == 0x0A && second.hasPrefix("line"))
        let size = Double(text.utf8.count)
        #expect((0.7...0.8).contains(Double(first.utf8.count) / size))
    }

    @Test("A text is cut after the last line break within its share")
    func partAtLineFeeds() {
        let text = "one\ntwo\nthree\nfour"
        let parts = (0...10).map { TextPieces.part(text, share: Double($0) / 10).first }
        #expect(parts[3...4].allSatisfy { $0 == "one\n" })
        #expect(parts[5...7].allSatisfy { $0 == "one\ntwo\n" })
        #expect(parts[8...10].allSatisfy { $0 == "one\ntwo\nthree\n" })
        #expect(TextPieces.part("all\nof it\n", share: 1).second.isEmpty)
        #expect(TextPieces.part("", share: 0.8) == ("", ""))
    }

    @Test("The pieces of lines with line feeds are the same as ever")
    func piecesAtLineFeeds() {
        #expect(TextPieces.split("", bytes: 4).isEmpty)
        #expect(TextPieces.split("a\n", bytes: 2) == ["a\n"])
        #expect(TextPieces.split("aa\nbb", bytes: 6) == ["aa\nbb"])
        // A last line without a line break counts as if it had one.
        #expect(TextPieces.split("aa\nbb", bytes: 5) == ["aa\n", "bb"])
        #expect(TextPieces.split("\n\na\n\nb", bytes: 3) == ["\n\n", "a\n\n", "b"])
        #expect(TextPieces.split("a long line\nb\nc\n", bytes: 4) == ["a long line\n", "b\nc\n"])
    }

    @Test("A text without line breaks is cut near its share, and never within a character")
    func withoutLineBreaks() {
        // One to eight bytes, one or two scalars a character.
        for letter in ["a", "é", "e\u{301}", "🇨🇭"] {
            let text = String(repeating: letter, count: 10)
            #expect(
                TextPieces.part(text, share: 0.8)
                    == (String(repeating: letter, count: 8), String(repeating: letter, count: 2)))
            #expect(TextPieces.part(text, share: 0.79).first.count == 7)
        }
        // The first line alone is longer than the share.
        let (first, second) = TextPieces.part("a long first line\nend", share: 0.5)
        #expect(first == "a long fir" && second == "st line\nend")
    }
}
