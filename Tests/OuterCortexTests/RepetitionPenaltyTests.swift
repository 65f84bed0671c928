import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("A repetition penalty")
final class RepetitionPenaltyTests {
    let folder: String
    let cortex: Cortex
    private let sampling = SamplingOptions(repetitionPenalty: 1.3)

    init() throws {
        folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#)
        cortex = try Cortex(folder: folder)
    }

    deinit { TinyCore.remove(folder) }

    /// The tokens of an answer, and ln p of the whole vocabulary at each.
    private func generate(
        _ engram: Engram, _ mode: GenerationRequest.Mode, seed: UInt64
    ) -> (tokens: [TokenID], logProbabilities: [[Float]]) {
        let size = TinyCore.vocabularySize
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: prompt, maxTokens: 40, sampling: sampling, seed: seed, mode: mode,
                topLogprobs: size),
            with: engram)
        task.run()
        let described = task.output().flatMap(\.tokens)
        let rows = described.map { token in
            var row = [Float](repeating: 0, count: size)
            for (token, logprob) in token.top { row[token.index] = Float(logprob) }
            return row
        }
        return (described.map(\.token), rows)
    }

    private var prompt: [TokenID] { cortex.encode("The heron on the") }

    /// z0 at each token of an answer, read as generating reads it.
    private func frozenLogits(before answer: [TokenID]) -> [[Float]] {
        let tokens = cortex.opening + prompt + answer
        let cache = cortex.inner.makeCache(capacity: tokens.count)
        var (hidden, logits): ([Float], [Float]) = ([], [])
        func read(_ positions: Range<Int>) -> [Float] {
            cortex.inner.forward(tokens[positions], cache: cache, hidden: &hidden)
            cortex.inner.unembed(hidden, count: positions.count, logits: &logits)
            return logits
        }
        _ = read(0..<prompt.count)
        return (prompt.count..<tokens.count - 1).map { read($0..<$0 + 1) }
    }

    /// What a sampler draws from these numbers on the way of an answer.
    private func drawn(
        _ scores: [[Float]], answer: [TokenID], seed: UInt64
    ) -> [TokenID] {
        var sampler = Sampler(options: sampling, seed: seed)
        var history = cortex.opening + prompt
        return zip(scores, answer).map { scores, token in
            defer { history.append(token) }
            return sampler.next(logits: scores.span, history: history[...])
        }
    }

    @Test(
        "acts on the frozen core's own logits where nothing was learned, or the core is asked for",
        arguments: [GenerationRequest.Mode.frozen, .adapted])
    func frozen(mode: GenerationRequest.Mode) throws {
        var engram = cortex.emptyEngram()
        if mode == .frozen { _ = try cortex.observe(lesson, into: &engram) }
        var tellsApart = false
        for seed in 1...8 as ClosedRange<UInt64> {
            let (answer, logProbabilities) = generate(engram, mode, seed: seed)
            #expect(!answer.isEmpty)
            #expect(drawn(frozenLogits(before: answer), answer: answer, seed: seed) == answer)
            // Log-probabilities are never above 0: a penalty on them is another one.
            if drawn(logProbabilities, answer: answer, seed: seed) != answer { tellsApart = true }
        }
        #expect(tellsApart)
    }

    @Test("acts on a personal model's probabilities on the scale of the core's logits")
    func adapted() throws {
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        for seed in 1...8 as ClosedRange<UInt64> {
            let (answer, logProbabilities) = generate(engram, .adapted, seed: seed)
            #expect(!answer.isEmpty)
            let frozen = frozenLogits(before: answer)
            let scores = zip(logProbabilities, frozen).map { row, logits in
                var probabilities = logits
                let normalizer = VectorKernels.softmax(logits.span, into: &probabilities)
                return row.map { $0 + normalizer }
            }
            #expect(drawn(scores, answer: answer, seed: seed) == answer)
        }
    }
}
