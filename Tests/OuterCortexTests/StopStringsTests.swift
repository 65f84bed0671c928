import Kernels
import Testing

@testable import OuterCortex

@Suite("Stop strings")
struct StopStringsTests {
    /// What is shown of a text that comes in these pieces.
    private func shown(_ pieces: [String], stop: [String]) -> (text: String, isStopped: Bool) {
        var scanner = StopScanner(stop: StopStrings(stop))
        var text = ""
        for piece in pieces { text += scanner.append(piece) }
        text += scanner.finish()
        #expect(text.utf8.elementsEqual(scanner.emitted.utf8))
        return (text, scanner.isStopped)
    }

    @Test(
        "They are code points, whatever these are to a reader",
        arguments: [
            ("e", "e\u{301}"), ("\n", "\n\u{301}"), (":", ":\u{fe0f}"), ("1", "1\u{fe0f}\u{20e3}"),
            ("\u{5d0}", "\u{5d0}\u{5b8}"), ("\u{1f44d}", "\u{1f44d}\u{1f3fd}"),
            ("</s>", "</s>\u{301}"), ("\n", "\r\n"), ("\u{301}", "e\u{301}"), ("K", "kK"),
        ])
    func codePoints(stop: String, text: String) throws {
        let whole = Array("x\(text)z".unicodeScalars)
        let place = try #require(
            whole.indices.first { whole[$0...].starts(with: stop.unicodeScalars) })
        let expected = String(String.UnicodeScalarView(whole[..<place]))
        for pieces in [["x\(text)z"], whole.map { String($0) }] {
            let (text, isStopped) = shown(pieces, stop: [stop])
            #expect(isStopped)
            #expect(text.utf8.elementsEqual(expected.utf8))
        }
    }

    @Test(
        "What only looks like one is none",
        arguments: [("\u{e9}", "e\u{301}"), ("e\u{301}", "\u{e9}"), ("K", "\u{212a}")])
    func lookalikes(stop: String, text: String) {
        let (shown, isStopped) = shown([text], stop: [stop])
        #expect(!isStopped)
        #expect(shown.utf8.elementsEqual(text.utf8))
    }

    /// The shortest beginning of the text that ends with a stop string, without the longest such.
    private func reference(_ text: String, stop: [String]) -> (text: String, isStopped: Bool) {
        let scalars = Array(text.unicodeScalars)
        for end in 0...scalars.count {
            let ending = stop.map { Array($0.unicodeScalars) }.filter {
                !$0.isEmpty && scalars[..<end].suffix($0.count).elementsEqual($0)
            }
            guard let longest = ending.map(\.count).max() else { continue }
            return (String(String.UnicodeScalarView(scalars[..<(end - longest)])), true)
        }
        return (text, false)
    }

    @Test("The answer ends at the first that is complete, however the text comes in pieces")
    func anyPieces() {
        var generator = SeededGenerator(seed: 4)
        let letters: [Unicode.Scalar] = ["a", "a", "b", "e", "\u{301}", "\u{e9}", "\n", "\r", "😀"]
        func word(_ length: ClosedRange<Int>) -> String {
            let scalars = (0..<Int.random(in: length, using: &generator)).map { _ in
                letters.randomElement(using: &generator)!
            }
            return String(String.UnicodeScalarView(scalars))
        }
        var stopped = 0
        for _ in 0..<5_000 {
            let stop = (0..<Int.random(in: 0...4, using: &generator)).map { _ in word(0...4) }
            let text = word(0...24)
            var pieces: [String] = []
            for scalar in text.unicodeScalars {
                if pieces.isEmpty || Bool.random(using: &generator) { pieces.append("") }
                pieces[pieces.count - 1].unicodeScalars.append(scalar)
            }
            let expected = reference(text, stop: stop)
            let found = shown(pieces, stop: stop)
            #expect(found.isStopped == expected.isStopped)
            #expect(
                found.text.utf8.elementsEqual(expected.text.utf8),
                "\(stop) in \(pieces)")
            if found.isStopped { stopped += 1 }
        }
        #expect((1_000..<4_500).contains(stopped))
    }

    @Test("Nothing is held back that cannot be the start of one")
    func holdsBack() {
        var scanner = StopScanner(stop: StopStrings(["aab", "b\u{301}"]))
        #expect(scanner.append("xa") == "x")
        #expect(scanner.append("a").isEmpty)
        #expect(scanner.append("a") == "a")
        #expect(scanner.append("c") == "aac")
        #expect(scanner.append("b").isEmpty)
        #expect(scanner.append("\u{302}").unicodeScalars.elementsEqual("b\u{302}".unicodeScalars))
        #expect(scanner.append("b").isEmpty)
        #expect(scanner.finish() == "b")
        #expect(scanner.emitted.unicodeScalars.count == 8)
    }

    @Test("A long one that nearly repeats itself costs a pass over the text, not a pass a token")
    func repeating() {
        let stop = String(repeating: "a", count: 20_000) + "b"
        let clock = ContinuousClock()
        var scanner = StopScanner(stop: StopStrings([stop]))
        let spent = clock.measure {
            for _ in 0..<20_000 { _ = scanner.append("a") }
            _ = scanner.append("a")
        }
        // A search of what is held at every token is 2·10⁸ comparisons at least.
        #expect(spent < .seconds(1))
        #expect(scanner.append("b").isEmpty && scanner.isStopped)
        #expect(scanner.emitted == "a")
    }
}
