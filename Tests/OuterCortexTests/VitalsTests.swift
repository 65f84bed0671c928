import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import OuterCortex

@Suite("The vitals of an answer")
struct VitalsTests {
    private func repetition(_ tokens: [Int32]) -> Double? {
        var count = RepetitionCount()
        for token in tokens { count.add(token) }
        return count.share
    }

    @Test("count the 3-grams that came before")
    func repetition() {
        #expect(repetition([1, 2]) == nil)
        #expect(repetition(Array(0..<50)) == 0)
        #expect(repetition([Int32](repeating: 7, count: 12)) == 0.9)
        // Ten rounds of five: all but the first five 3-grams have been there.
        let rounds = (0..<50).map { Int32($0 % 5) }
        #expect(repetition(rounds) == 43.0 / 48)
        // Two tokens in common are no 3-gram.
        #expect(repetition([1, 2, 3, 1, 2, 4, 1, 2, 5]) == 0)
    }

    @Test("forget a 3-gram after 256 tokens")
    func repetitionWindow() {
        let phrase: [Int32] = [1, 2, 3]
        func apart(_ distance: Int) -> [Int32] {
            phrase + (0..<(distance - 3)).map { Int32(100 + $0) } + phrase
        }
        #expect(repetition(apart(256)) == 1.0 / 257)
        #expect(repetition(apart(257)) == 0)
    }

    private func rank(_ distributions: [[Float]]) -> Double? {
        var rank = DistributionRank()
        for distribution in distributions {
            // Every fourth step is sampled.
            for _ in 0..<4 { rank.add(distribution) }
        }
        return rank.effectiveRank
    }

    private func certain(_ token: Int) -> [Float] {
        var distribution = [Float](repeating: 0, count: 4096)
        distribution[token] = 1
        return distribution
    }

    @Test("tell how many different distributions there were")
    func effectiveRank() throws {
        #expect(rank((0..<7).map { certain($0) }) == nil)
        for period in [1, 2, 4, 8] {
            let found = try #require(rank((0..<16).map { certain(100 * ($0 % period)) }))
            #expect(abs(found - Double(period)) < 0.5, "\(found) for \(period)")
        }
        // Overlapping ones count for less than disjoint ones.
        var generator = SeededGenerator(seed: 1)
        let flat = (0..<16).map { _ -> [Float] in
            let raw = (0..<4096).map { _ in generator.uniform() }
            let sum = raw.reduce(0, +)
            return raw.map { $0 / sum }
        }
        #expect(try #require(rank(flat)) < 1.5)
    }

    @Test(
        "keep 8 to 16 distributions, spread over the whole answer", arguments: [16, 17, 100, 333])
    func samples(count: Int) throws {
        var rank = DistributionRank()
        // The first half is one distribution, the second half another.
        for step in 0..<2 * count { rank.add(certain(step < count ? 5 : 900)) }
        #expect((8...16).contains(rank.sampleCount))
        #expect(abs(try #require(rank.effectiveRank) - 2) < 0.2)
    }

    private func step(_ token: Int32, hidden: [Float]) -> VitalsProbe.Step {
        let output: [Float] = [0.5, 0.25, 0.25]
        return VitalsProbe.Step(
            token: token, hidden: hidden, row: hidden.indices, output: output,
            logProbabilities: output.map { log($0) },
            frozenEntropy: 0.75, drift: Double(token), divergence: 0.5 * Double(token))
    }

    @Test("average an answer's steps")
    func probe() throws {
        var probe = VitalsProbe()
        #expect(probe.vitals == nil)
        probe.add(step(1, hidden: [3, 0, 0]))
        #expect(probe.vitals?.hiddenSimilarity == nil)
        probe.add(step(2, hidden: [0, 5, 0]))
        probe.add(step(3, hidden: [0, 0.1, 0]))
        let vitals = try #require(probe.vitals)
        #expect(vitals.tokens == 3)
        // Of the three pairs one is parallel, two are orthogonal.
        #expect(abs(try #require(vitals.hiddenSimilarity) - 1.0 / 3) < 1e-6)
        #expect(abs(vitals.entropy - 1.5 * log(2)) < 1e-6)
        #expect(vitals.frozenEntropy == 0.75)
        #expect(vitals.logProbabilityDrift == 2)
        #expect(vitals.divergence == 1)
        #expect(vitals.maximumDivergence == 1.5)
        #expect(vitals.effectiveRank == nil)
    }

    @Test("of a generation are what scoring its text says, and the frozen core has none")
    func generation() throws {
        let folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#)
        defer { TinyCore.remove(folder) }
        let cortex = try Cortex(folder: folder)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        func generate(_ engram: Engram, mode: GenerationRequest.Mode) -> Generation {
            let task = cortex.startGenerating(
                GenerationRequest(
                    prompt: cortex.encode("The heron"), maxTokens: 30,
                    sampling: SamplingOptions(), seed: 3, mode: mode), with: engram)
            task.run()
            return task.result
        }
        #expect(generate(engram, mode: .frozen).vitals == nil)

        let silent = try #require(generate(cortex.emptyEngram(), mode: .adapted).vitals)
        #expect(silent.logProbabilityDrift == 0 && silent.divergence == 0)
        #expect(abs(silent.entropy - silent.frozenEntropy) < 1e-4)

        let answer = generate(engram, mode: .adapted)
        let vitals = try #require(answer.vitals)
        #expect(vitals.tokens == answer.tokens.count)
        let scored = cortex.startScoring(cortex.encode("The heron") + answer.tokens, with: engram)
        scored.run()
        let tail = scored.result.perToken.suffix(answer.tokens.count)
        let drift = tail.reduce(0) { $0 + ($1.frozen - $1.adapted) * log(2) } / Double(tail.count)
        #expect(abs(vitals.logProbabilityDrift - drift) < 1e-3)
        #expect(vitals.logProbabilityDrift != 0)
        #expect(vitals.divergence > 0 && vitals.maximumDivergence <= cortex.zone.maximumDivergence)
        #expect(vitals.entropy != vitals.frozenEntropy)
    }
}
