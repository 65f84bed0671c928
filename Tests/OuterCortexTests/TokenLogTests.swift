import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// Keeps every log.
private final class Keeper: TokenRecorder {
    var logs: [TokenLog] = []
    func wantsToken() -> Bool { true }
    func record(_ log: TokenLog) { logs.append(log) }
}

@Suite("A token's log")
struct TokenLogTests {
    @Test("has all of the frozen probability, and its sites at gain 1 give the prediction")
    func accounts() throws {
        let folder = try TinyCore.make()
        defer { TinyCore.remove(folder) }
        let plain = try Cortex(folder: folder)
        var rule = richRule(hiddenSize: plain.identity.hiddenSize)
        rule.tensors.neuromodulator = nil
        // The logs are of the ungated sites, before mixing: let next to all of it through.
        rule.safeZone.maximumDivergence = 100
        rule.safeZone.initialTrust = 0.999
        rule.safeZone.maximumTrust = 0.999
        rule.safeZone.trustShare = 1
        let cortex = try plain.with(rule: rule)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let keeper = Keeper()
        let task = cortex.startScoring(
            plain.record(cortex.encode(lesson)), with: engram, recorder: keeper)
        task.run()
        #expect(keeper.logs.count == task.result.tokens)
        let sites = rule.siteCount
        var (logged, scored) = (0.0, 0.0)
        for (log, token) in zip(keeper.logs, task.result.perToken) {
            let slots = log.logProbabilities.count
            #expect(log.statistics.count == rule.statisticCount)
            #expect(log.statistics.allSatisfy { $0.isFinite })
            #expect((2...TokenLog.slotLimit).contains(slots))
            let total = log.logProbabilities.reduce(0.0) { $0 + exp(Double($1)) }
            #expect(abs(total - 1) < 1e-3)
            #expect(abs(-Double(log.logProbabilities[0]) / log2 - token.frozen) < 1e-3)
            let scores = (0..<slots).map { slot in
                (0..<sites).reduce(Double(log.logProbabilities[slot])) {
                    $0 + Double(log.terms[$1 * slots + slot])
                }
            }
            let peak = scores.max() ?? 0
            let normalizer = peak + Foundation.log(scores.reduce(0) { $0 + exp($1 - peak) })
            logged += (normalizer - scores[0]) / log2
            scored += token.adapted
        }
        // A few tokens stand for the remainder, and the mixture keeps a thousandth.
        #expect(abs(logged - scored) < 0.03 * scored)
    }

    private var log2: Double { Foundation.log(2.0) }

    @Test("holds the candidates that the readout corrects, the same whatever token comes")
    func candidates() throws {
        let folder = try TinyCore.make()
        defer { TinyCore.remove(folder) }
        let plain = try Cortex(folder: folder)
        let cortex = try plain.with(rule: richRule(hiddenSize: plain.identity.hiddenSize))
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        var pass = TextPass(cortex: cortex, tokens: Array(cortex.encode(lesson).prefix(40)))
        let vocabularySize = cortex.inner.config.vocabularySize
        var sizes: Set<Int> = []
        while let slice = pass.source.nextSlice(layer: LayerSynapses()) {
            for position in slice.positions {
                _ = pass.step(slice, position: position, sites: engram.sites, tokensLearned: 100)
                let readout = pass.predictor.readout
                let tokens = readout.candidates.tokens
                sizes.insert(tokens.count)
                #expect(Set(tokens).count == tokens.count && tokens.count <= 94)
                // Whatever is left out is no likelier than what N does not hold dear and is in.
                let held = Set(
                    readout.terms.sequences.flatMap { term in
                        zip(term.tokens, term.weights).filter { $0.1 > 0 }.map(\.0)
                    })
                func likelihood(_ token: Int) -> Float {
                    max(readout.frozen[token], readout.statistics.ungated[token])
                }
                let inside = Set(tokens.map(Int.init))
                let least = tokens.filter { !held.contains($0) }.map { likelihood(Int($0)) }.min()
                let greatest = (0..<vocabularySize).filter { !inside.contains($0) }.map(likelihood)
                    .max()
                #expect(try #require(greatest) <= #require(least))
                let row = position - slice.positions.lowerBound
                for target in [0, tokens[0], tokens[tokens.count - 1], Int32(vocabularySize - 1)] {
                    var copy = readout
                    let logged = copy.log(target: target, slice: slice, row: row)
                    let log = try #require(logged)
                    let isOne = inside.contains(Int(target))
                    #expect(log.isCandidate == isOne)
                    #expect(
                        log.logProbabilities.count
                            == tokens.count + log.remainders + (isOne ? 0 : 1))
                    #expect((1...16).contains(log.remainders))
                }
            }
        }
        #expect(sizes.contains { $0 > 60 })
    }
}
