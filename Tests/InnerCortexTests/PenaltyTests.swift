import ModelFormats
import Testing

@testable import InnerCortex

@Suite("What is added to logits before a token is drawn")
struct PenaltyTests {
    private let logits: [Float] = [2, 1.5, 1, -1]

    private func first(_ options: SamplingOptions, answer: [Int] = []) -> Int {
        var options = options
        options.temperature = 0
        var sampler = Sampler(options: options, seed: 1)
        return sampler.next(
            logits: logits.span, history: [], answer: answer.map { TokenID($0) }[...]
        ).index
    }

    @Test("A bias moves its token alone")
    func bias() {
        #expect(first(SamplingOptions()) == 0)
        #expect(first(SamplingOptions(logitBias: [TokenID(3): 3.5])) == 3)
        #expect(first(SamplingOptions(logitBias: [TokenID(0): -100, TokenID(1): -100])) == 2)
        #expect(first(SamplingOptions(logitBias: [TokenID(9): 100])) == 0)
    }

    @Test("Presence counts once, frequency each time, and neither outside of the answer")
    func penalties() {
        #expect(first(SamplingOptions(presencePenalty: 0.4), answer: [0, 0, 0]) == 0)
        #expect(first(SamplingOptions(presencePenalty: 0.6), answer: [0]) == 1)
        #expect(first(SamplingOptions(frequencyPenalty: 0.4), answer: [0]) == 0)
        #expect(first(SamplingOptions(frequencyPenalty: 0.4), answer: [0, 0]) == 1)
        #expect(first(SamplingOptions(frequencyPenalty: 0.4), answer: [0, 0, 0, 1, 1]) == 2)
        #expect(first(SamplingOptions(presencePenalty: -2), answer: [1]) == 1)
        #expect(first(SamplingOptions(frequencyPenalty: 2), answer: []) == 0)
    }

    @Test(
        "What is out of bounds is refused",
        arguments: [
            SamplingOptions(frequencyPenalty: 2.1), SamplingOptions(presencePenalty: .nan),
            SamplingOptions(logitBias: [TokenID(0): 101]),
            SamplingOptions(logitBias: [TokenID(0): .nan]),
        ])
    func bounds(options: SamplingOptions) {
        #expect(throws: SamplingError.self) { try options.validated() }
    }
}
