import Engrams
import Foundation
import InnerCortex
import ModelFormats
import OuterCortex

/// What drafting is worth on a user's own text: the engram learns the first three quarters of it and
/// answers prompts from the rest, with guesses and without, in turns.
struct DraftingComparison {
    let cortex: Cortex
    let text: String

    func run(repeats: Int) throws {
        let tokens = cortex.tokenizer.encode(text)
        let learned = Array(tokens.prefix(tokens.count * 3 / 4))
        let task = cortex.startObserving(learned, from: cortex.emptyEngram())
        while !task.advance() {}
        var engram = cortex.emptyEngram()
        try engram.commit(task.result.proposal, within: cortex.zone)
        for (name, prompts) in [
            ("known", learned), ("further", Array(tokens.dropFirst(learned.count))),
        ] {
            for temperature in [Float(0), 0.8] {
                measure(name, prompts, temperature, engram, repeats)
            }
        }
    }

    private func measure(
        _ name: String, _ source: [TokenID], _ temperature: Float, _ engram: Engram, _ repeats: Int
    ) {
        let places = (0..<8).map { $0 * (source.count - 24) / 8 }
        func seconds(_ drafting: GenerationRequest.Drafting) -> (Double, [Generation]) {
            var answers: [Generation] = []
            let start = ContinuousClock.now
            for (number, place) in places.enumerated() {
                let task = cortex.startGenerating(
                    GenerationRequest(
                        prompt: Array(source[place..<place + 24]), maxTokens: 64,
                        sampling: SamplingOptions(temperature: temperature), seed: UInt64(number),
                        drafting: drafting), with: engram)
                while !task.advance() {}
                answers.append(task.result)
            }
            return ((ContinuousClock.now - start) / .seconds(1), answers)
        }
        var ratios: [Double] = []
        var counts = (drafted: 0, accepted: 0, tokens: 0)
        for _ in 0..<repeats {
            let (with, drafted) = seconds(.whenFaster)
            let (without, plain) = seconds(.off)
            precondition(drafted.map(\.tokens) == plain.map(\.tokens), "another answer")
            ratios.append(without / with)
            counts = drafted.reduce(into: (0, 0, 0)) {
                $0.drafted += $1.draftedTokens
                $0.accepted += $1.acceptedTokens
                $0.tokens += $1.tokens.count
            }
        }
        let median = ratios.sorted()[ratios.count / 2]
        print(
            name, "t=\(temperature)", "x\((median * 100).rounded() / 100)",
            "drafted \(counts.drafted) accepted \(counts.accepted) of \(counts.tokens)")
    }
}
