import ArgumentParser
import Foundation
import Testing

@testable import hebb

struct PieceNamingTests {
    private let alice: SessionAddress
    private let bob: SessionAddress

    init() throws {
        alice = try SessionAddress("alice")
        bob = try SessionAddress("bob")
    }

    private func content(_ text: String, _ reward: Double? = nil) -> PieceNaming.Content {
        PieceNaming.Content(text: text, reward: reward)
    }

    @Test("Equal pieces have equal names; the text, reward, count, session and run tell apart")
    func names() {
        let usual = PieceNaming.usual(secret: "s", since: nil)
        let name = usual.name(of: content("a"), count: 0, for: alice)
        #expect(name == usual.name(of: content("a"), count: 0, for: alice))
        #expect((1...255).contains(name.utf8.count))
        let others = [
            usual.name(of: content("b"), count: 0, for: alice),
            usual.name(of: content("a", 1), count: 0, for: alice),
            usual.name(of: content("a"), count: 1, for: alice),
            usual.name(of: content("a"), count: 0, for: bob),
            PieceNaming.usual(secret: "s", since: "evt-1").name(
                of: content("a"), count: 0, for: alice),
            PieceNaming.usual(secret: "t", since: nil).name(
                of: content("a"), count: 0, for: alice),
            PieceNaming.fresh().name(of: content("a"), count: 0, for: alice),
        ]
        #expect(Set(others + [name]).count == others.count + 1)
    }

    @Test("--run with the id that was printed gives the names of that run, and no name holds it")
    func given() {
        for naming in [PieceNaming.usual(secret: "s", since: "evt-1"), .fresh()] {
            let id = naming.runID(for: alice)
            let name = naming.name(of: content("a"), count: 0, for: alice)
            #expect(PieceNaming.given(id).name(of: content("a"), count: 0, for: alice) == name)
            // Else who reads the names could try texts.
            #expect(!name.contains(id))
        }
    }

    @Test("A run that was stopped says how to go on")
    func stopped() {
        let usual = LessonTally(
            pieces: 3, naming: .usual(secret: "s", since: nil), address: alice)
        usual.count(under: .usual(secret: "s", since: nil))
        #expect(usual.whenStopped.contains("after 1 of 3 pieces; the same command goes on"))
        let given = LessonTally(pieces: 3, naming: .given("77"), address: alice)
        #expect(given.whenStopped.contains("the same command with --run 77 goes on"))
    }

    @Test("--again and --run exclude each other")
    func again() {
        #expect(throws: (any Error).self) {
            try ObserveCommand.parse(["--again", "--run", "7", "notes.txt"])
        }
    }
}

struct LearnedTests {
    private func observation(
        _ tokens: Int, _ bytes: Int?, _ bits: (Double, Double), replayed: Bool = false
    ) -> WireObservation {
        WireObservation(
            event: "1", tokens: tokens, bytes: bytes,
            bitsPerByte: WireBits(frozen: bits.0, adapted: bits.1), revision: 1,
            replayed: replayed)
    }

    @Test("What was learned adds up by bytes")
    func sum() {
        var learned = Learned(file: "f")
        learned.add(observation(3, 10, (2, 1)), sentBytes: 10)
        learned.add(observation(4, nil, (4, 3)), sentBytes: 30)
        #expect(learned.bitsPerByte == WireBits(frozen: 3.5, adapted: 2.5))
        #expect(learned.all == Learned.Amount(bytes: 40, tokens: 7, pieces: 2))
        #expect(learned.before == Learned.Amount(bytes: 0, tokens: 0, pieces: 0))
    }

    @Test("What was learned before is told apart")
    func before() {
        var learned = Learned(file: "f")
        learned.add(observation(3, 10, (2, 1), replayed: true), sentBytes: 10)
        #expect(learned.line == "f: learned before; --again learns it once more")
        learned.add(nil, sentBytes: 10)
        #expect(learned.line.contains("1 pieces were forgotten and stay so"))
        learned.add(observation(4, 30, (4, 3)), sentBytes: 30)
        #expect(learned.line.hasPrefix("f: 4 tokens learned from 30 B"))
        #expect(learned.line.contains("; 10 B more were learned before"))
    }
}

struct ProgressTests {
    @Test("Times are told as closely as one wants to know them")
    func durations() {
        let expected = [
            (0, "0 s"), (59.4, "59 s"), (60, "1 min"), (89, "1 min"), (1_799, "30 min"),
            (3_599, "1 h 0 min"), (4_320, "1 h 12 min"), (172_800, "2 d 0 h"),
            (270_000, "3 d 3 h"), (-5, "0 s"),
        ]
        for (seconds, text) in expected { #expect(Figure.duration(seconds) == text) }
        #expect(Figure.duration(.infinity).hasSuffix("h"))
    }

    @Test("The bar never leaves its frame", arguments: [(0, 0), (0, 10), (5, 10), (20, 10)])
    func bar(done: Int, total: Int) {
        let bar = ProgressBar(label: "f", total: total, style: .bar)
        let line = bar.line(done: done, seconds: 2, note: "")
        #expect(line.filter { $0 == "#" || $0 == "-" }.count == 24)
        #expect(!line.contains("200 %"))
    }

    @Test("Bytes a second are told only of what is counted in bytes; without a terminal no bar")
    func units() {
        let bytes = ProgressBar(label: "f", total: 4096, countsBytes: true, style: .bar)
        let steps = ProgressBar(label: "f", total: 4096, style: .lines)
        #expect(bytes.line(done: 2048, seconds: 2, note: "").hasSuffix("1.0 KB/s, 2 s left"))
        #expect(steps.line(done: 2048, seconds: 7_200, note: "n") == "f: 50 %, 2 h 0 min left, n")
    }

    @Test("What was done before says nothing of the speed")
    func origin() {
        var bar = ProgressBar(label: "f", total: 4_000, style: .lines)
        bar.begin(at: 3_000)
        #expect(bar.line(done: 3_100, seconds: 100, note: "") == "f: 77 %, 15 min left")
        #expect(bar.line(done: 3_000, seconds: 100, note: "") == "f: 75 %")
    }
}
