import Engrams
import Foundation
import Kernels
import ModelFormats
import OuterCortex
import Synchronization
import Testing
import TinyCore

@testable import MetaLearning

@Suite("Evaluating what learning gains")
struct PersonalizationEvaluationTests {
    private static let words = ["heron", "pier", "tide", "north", "eel", "the", "an", "lamp"]

    /// Sentences that come back, each seed its own.
    private static func text(seed: UInt64, lines: Int) -> String {
        var generator = SeededGenerator(seed: seed)
        let sentences = (0..<3).map { _ in
            (0..<7).map { _ in words[Int(generator.next() % 8)] }.joined(separator: " ")
        }
        return (0..<lines).map { _ in sentences[Int(generator.next() % 3)] + ".\n" }.joined()
    }

    private static func withCortex<Result>(_ body: (Cortex) throws -> Result) throws -> Result {
        let folder = try TinyCore.make(seed: 6)
        defer { TinyCore.remove(folder) }
        return try body(try Cortex(folder: folder))
    }

    private static let users = (1...3).map {
        (name: "user \($0)", text: text(seed: UInt64($0), lines: 24))
    }
    private static let generic = "nothing of that kind is written here, and nobody said it\n"

    private static func report(_ cortex: Cortex, threads: Int) throws -> EvaluationReport {
        let systems =
            [EvaluatedSystem.frozen(cortex), .rule(cortex)] + EvaluatedSystem.rivals(cortex)
        var evaluation = PersonalizationEvaluation(cortex: cortex, systems: systems)
        evaluation.pieceBytes = 200
        evaluation.withPoison = false
        evaluation.threads = threads
        var report = try evaluation.run(users: users, generic: generic) { _, _ in }
        #expect(report.timings?.map(\.name) == systems.map(\.name))
        #expect(report.timings?.allSatisfy { $0.learning > 0 && $0.scoring > 0 } == true)
        report.timings = nil
        return report
    }

    @Test("What comes back gains, the frozen core gains nothing, and a second session goes on")
    func figures() throws {
        try Self.withCortex { cortex in
            let report = try Self.report(cortex, threads: 2)
            let frozen = try #require(report.system("frozen"))
            #expect(frozen.mean.streamGain == 0 && frozen.mean.nextGain == 0)
            #expect(frozen.mean.othersRise256 == 0 && frozen.mean.savedBytes == 0)
            let all = try #require(report.system(EvaluatedSystem.whole))
            #expect(all.users.map(\.user) == Self.users.map(\.name))
            for user in all.users {
                let figures = user.figures
                #expect(figures.streamGain > 10 && figures.nextGain > 10)
                #expect(figures.secondGain > 1.25 * figures.freshGain)
                #expect(figures.savedBytes > 1_000)
                let text = Self.users.first { $0.name == user.user }
                #expect(user.bytes == text?.text.utf8.count)
                #expect(user.frozenStream > 1)
            }
            for system in report.systems where system.name != "frozen" {
                #expect(system.mean.streamGain > 0 && system.mean.nextGain > 0)
            }
        }
    }

    @Test("The same report comes out again, byte for byte, on one thread as on two")
    func determinism() throws {
        let reports = try (1...2).map { threads in
            try Self.withCortex { try JSONEncoder.sorted.encode(Self.report($0, threads: threads)) }
        }
        #expect(reports[0] == reports[1])
    }

    @Test("One user alone has no others, and the last point of the curve is the gain")
    func oneUser() throws {
        try Self.withCortex { cortex in
            var evaluation = PersonalizationEvaluation(cortex: cortex, systems: [.rule(cortex)])
            evaluation.pieceBytes = 200
            evaluation.withPoison = false
            let notes = NoteCounter()
            let report = try evaluation.run(
                users: Array(Self.users.prefix(1)), generic: Self.generic
            ) { done, _ in notes.saw(done) }
            #expect(notes.seen == Array(1...evaluation.stepCount(users: 1)))
            let all = try #require(report.systems.first)
            #expect(all.mean.othersRise256 == nil && all.mean.othersRise1024 == nil)
            let last = try #require(all.curve.last)
            #expect(abs(last.gain - all.mean.streamGain) < 1e-9)
            #expect(all.curve.count == evaluation.curvePoints)
            #expect(all.curve.first.map { $0.gain < last.gain } == true)
        }
    }

    @Test("A poison is streamed after the user's text: none changes nothing, noise hurts a cache")
    func poison() throws {
        try Self.withCortex { cortex in
            let texts = UserTexts(
                name: "user", text: Self.users[0].text, pieceBytes: 200, streamedShare: 0.8,
                tokenizer: cortex.tokenizer)
            let noise = PoisonStream.noise.pieces(
                tokenizer: cortex.tokenizer, vocabularySize: TinyCore.vocabularySize,
                pieceBytes: 200)
            let generic = cortex.tokenizer.encode(Self.generic, parsingSpecialTokens: false)
            func poisoned(_ system: EvaluatedSystem) throws -> [PoisonFigures]? {
                try UserEvaluation(
                    system: system, user: texts, others: [], generic: generic,
                    poisons: [(name: "nothing", pieces: []), (name: "noise", pieces: noise)]
                ).run().report.poison
            }
            let rival = try #require(try poisoned(EvaluatedSystem.rivals(cortex)[1]))
            #expect(rival.map(\.poison) == ["nothing", "noise"])
            #expect(rival[0].nextChange == 0 && rival[0].genericChange == 0)
            #expect(rival[1].nextChange < -1)
            #expect(rival[1].genericRise != rival[0].genericRise)
            #expect(try poisoned(.frozen(cortex)) == nil)
        }
    }

    @Test("Poison is what it says: one sentence again and again, seeded noise, two ends by turns")
    func poisonStreams() throws {
        try Self.withCortex { cortex in
            func pieces(_ poison: PoisonStream) -> [[TokenID]] {
                poison.pieces(
                    tokenizer: cortex.tokenizer, vocabularySize: TinyCore.vocabularySize,
                    pieceBytes: 2_048)
            }
            func text(_ poison: PoisonStream) -> String {
                let bytes = pieces(poison).joined().flatMap { cortex.tokenizer.bytes(of: $0) }
                return String(decoding: bytes, as: UTF8.self)
            }
            let noise = pieces(.noise)
            #expect(noise.joined().count == 2_000)
            #expect(noise == pieces(.noise))
            #expect(Set(noise.joined()).count > 200)
            #expect(noise.joined().allSatisfy { !cortex.tokenizer.specialTokens.contains($0) })
            let repeated = text(.repetition).split(separator: "\n")
            #expect(repeated.count == 500 && Set(repeated).count == 1)
            let turns = text(.alternation).split(separator: "\n")
            #expect(turns.count == 500 && Set(turns).count == 2)
            #expect(zip(turns, turns.dropFirst()).allSatisfy { $0 != $1 })
        }
    }

    @Test("A part of a rule has one site on, none gated, and the rest as it was")
    func parts() throws {
        try Self.withCortex { cortex in
            let systems = try EvaluatedSystem.parts(of: cortex)
            let built = [PlasticSite.bias, .sequences, .features].map { cortex.rule.only($0) }
            #expect(systems.map(\.name) == ["bias alone", "sequences alone", "features alone"])
            let rule = cortex.rule
            #expect(built.map(\.bias.isOn) == [true, false, false])
            #expect(built.map(\.sequence.isOn) == [false, true, false])
            #expect(built.map(\.feature.isOn) == [false, false, true])
            #expect(built[1].sequence == rule.sequence && built[2].feature == rule.feature)
            #expect(built.allSatisfy { $0.safeZone == rule.safeZone })

            var whole = rule
            whole.matrix.rate = 1
            whole.episode.capacity = 10
            whole.layer.dense.rate = 1
            // Sayings are on where there are weights for them, which this rule has not.
            let sites = PlasticSite.allCases.filter { $0 != .sayings }
            for site in sites {
                let part = whole.only(site)
                let on = [
                    part.bias.isOn, part.sequence.isOn, part.feature.isOn, part.matrix.isOn,
                    part.episode.isOn, part.layer.isOn,
                ]
                #expect(on == sites.map { $0 == site })
            }
            var generator = SeededGenerator(seed: 1)
            whole.tensors.neuromodulator = .neutral(
                statisticCount: 3, siteCount: 2, hidden: 2, readout: 0, generator: &generator)
            #expect(whole.withoutNeuromodulator.tensors.neuromodulator == nil)
            #expect(whole.only(.bias).tensors.neuromodulator == nil)
        }
    }

    @Test("Contexts hold every token once, and no more than there is room for beside the start")
    func contexts() {
        let tokens = (0..<1_000).map { TokenID($0) }
        for length in [2, 256, 1_000, 1_001, 1_024] {
            let dealt = tokens.dealt(toContextsOf: length)
            let isWhole = Array(dealt.joined()) == tokens
            #expect(isWhole)
            #expect(dealt.allSatisfy { $0.count < length && !$0.isEmpty })
            #expect(dealt.dropLast().allSatisfy { $0.count == length - 1 })
        }
        #expect([TokenID]().dealt(toContextsOf: 256).isEmpty)
    }

    @Test("The pieces of a text joined are the text", arguments: [1, 100, 5_000])
    func pieces(bytes: Int) {
        let text = Self.text(seed: 9, lines: 40) + "end"
        let pieces = TextPieces.split(text, bytes: bytes)
        #expect(pieces.joined() == text)
        #expect(pieces.dropLast().allSatisfy { $0.last == "\n" })
        #expect(pieces.count == (bytes == 1 ? 41 : bytes == 5_000 ? 1 : pieces.count))
    }

    @Test("Between two pieces the gain so far takes the bits as evenly spread")
    func curves() {
        func curve(_ adapted: [Double]) -> LearningCurve {
            var curve = LearningCurve()
            for bits in adapted {
                var cost = TextCost()
                (cost.tokens, cost.frozen, cost.adapted) = (100, 200, bits)
                curve.append(cost)
            }
            return curve
        }
        let one = curve([200, 100])
        #expect(one.gain(after: 50) == 0 && one.gain(after: 100) == 0)
        // Of 300 bits 250 are left after one and a half pieces.
        #expect(abs(one.gain(after: 150) - 100 / 6) < 1e-9)
        #expect(one.gain(after: 200) == 25)
        let both = LearningCurve.mean(of: [one, curve([100, 100, 100])], points: 2)
        #expect(both == [CurvePoint(tokens: 100, gain: 25), CurvePoint(tokens: 200, gain: 37.5)])
        #expect(LearningCurve.mean(of: [one, LearningCurve()], points: 2).isEmpty)
    }

    @Test("Two rules are compared user by user")
    func comparison() throws {
        let figures = PersonalizationFigures(
            streamGain: 8, nextGain: 6, secondGain: 9, freshGain: 3, othersRise256: nil,
            othersRise1024: nil, genericRise256: 0, genericRise1024: 0, savedBytes: 1)
        func system(_ name: String, less: Double) -> SystemReport {
            var weaker = figures
            weaker.streamGain -= less
            weaker.nextGain -= 2 * less
            return SystemReport(
                name: name,
                users: ["a", "b"].map {
                    UserReport(
                        user: $0, bytes: 1, frozenStream: 1, frozenNext: 1, figures: weaker)
                }, mean: weaker, curve: [])
        }
        let report = EvaluationReport(
            core: "core", rule: "rule", genericBytes: 1,
            systems: [system("all", less: 0), system("hand", less: 1.5)])
        let difference = try #require(report.compared("all", with: "hand"))
        #expect(
            difference
                == ["a", "b"].map {
                    RuleComparison(user: $0, stream: 1.5, next: 3, second: 0)
                })
        #expect(report.compared("all", with: "nobody") == nil)
    }
}

/// What a progress closure saw.
private final class NoteCounter: Sendable {
    private let counts = Mutex<[Int]>([])
    var seen: [Int] { counts.withLock { $0 } }
    func saw(_ done: Int) { counts.withLock { $0.append(done) } }
}

extension JSONEncoder {
    fileprivate static var sorted: JSONEncoder {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return encoder
    }
}
