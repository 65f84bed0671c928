import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing

@Suite struct SamplerTests {
    /// Logits whose softmax is the given distribution.
    func logits(_ probabilities: [Double]) -> [Float] { probabilities.map { Float(log($0)) } }

    /// Draws often; returns each token's share.
    func shares(
        _ options: SamplingOptions, _ logits: [Float], history: [TokenID] = [], draws: Int = 20_000
    ) -> [Double] {
        var sampler = Sampler(options: options, seed: 11)
        var counts = [Int](repeating: 0, count: logits.count)
        for _ in 0..<draws {
            counts[sampler.next(logits: logits.span, history: history[...]).index] += 1
        }
        return counts.map { Double($0) / Double(draws) }
    }

    /// Within four standard deviations of 20,000 draws at most.
    func near(_ found: [Double], _ expected: [Double]) -> Bool {
        zip(found, expected).allSatisfy { found, expected in
            expected == 0 ? found == 0 : abs(found - expected) < 0.015
        }
    }

    @Test("Without options tokens come as often as they are probable")
    func plain() {
        let p = [0.5, 0.2, 0.05, 0.25]
        #expect(near(shares(.init(), logits(p)), p))
    }

    @Test("Temperature 1/2 squares the odds, 2 takes their roots")
    func temperature() {
        let p = [0.8, 0.2]
        #expect(near(shares(.init(temperature: 0.5), logits(p)), [16 / 17.0, 1 / 17.0]))
        #expect(near(shares(.init(temperature: 2), logits(p)), [2 / 3.0, 1 / 3.0]))
    }

    @Test("Temperature 0 is greedy, ties go to the lower index")
    func greedy() {
        let z: [Float] = [1, 3, 3, 2]
        #expect(shares(.init(temperature: 0), z, draws: 10) == [0, 1, 0, 0])
        #expect(shares(.init(temperature: 1e-30), [1, 3, 2], draws: 10) == [0, 1, 0])
    }

    @Test("Top-k keeps k tokens with their odds")
    func topK() {
        let p = [0.1, 0.4, 0.3, 0.2]
        #expect(near(shares(.init(topK: 2), logits(p)), [0, 4 / 7.0, 3 / 7.0, 0]))
        #expect(near(shares(.init(topK: 1), logits(p)), [0, 1, 0, 0]))
        #expect(near(shares(.init(topK: 99), logits(p)), p))
    }

    @Test("Top-p keeps the smallest set that reaches p")
    func topP() {
        let p = [0.1, 0.4, 0.3, 0.2]
        #expect(near(shares(.init(topP: 0.39), logits(p)), [0, 1, 0, 0]))
        #expect(near(shares(.init(topP: 0.41), logits(p)), [0, 4 / 7.0, 3 / 7.0, 0]))
        #expect(near(shares(.init(topP: 0.69), logits(p)), [0, 4 / 7.0, 3 / 7.0, 0]))
        #expect(near(shares(.init(topP: 0.71), logits(p)), [0, 4 / 9.0, 3 / 9.0, 2 / 9.0]))
        #expect(near(shares(.init(topP: 1), logits(p)), p))
        #expect(shares(.init(topP: 1e-9), logits(p), draws: 50) == [0, 1, 0, 0])
    }

    @Test("Top-p counts in what top-k left, as in Hugging Face's generate")
    func topPAfterTopK() {
        // Of the first two, 4/7 and 3/7: 0.5 is reached by one, 0.6 by both.
        let p = [0.1, 0.4, 0.3, 0.2]
        #expect(near(shares(.init(topK: 2, topP: 0.5), logits(p)), [0, 1, 0, 0]))
        #expect(near(shares(.init(topK: 2, topP: 0.6), logits(p)), [0, 4 / 7.0, 3 / 7.0, 0]))
    }

    @Test("Top-p is exact in a large flat vocabulary, where it has to sort in rounds")
    func topPInLargeVocabulary() {
        var generator = SeededGenerator(seed: 3)
        let z = (0..<5_000).map { _ in generator.normal() * 0.3 }
        let total = z.reduce(0.0) { $0 + exp(Double($1)) }
        let sorted = z.indices.sorted { z[$0] > z[$1] }
        var mass = 0.0
        var kept: Set<Int> = []
        for index in sorted where mass < 0.5 {
            mass += exp(Double(z[index])) / total
            kept.insert(index)
        }
        let found = shares(.init(topP: 0.5), z, draws: 3_000)
        // One token of tolerance at the edge, where single precision may decide otherwise.
        let strays = found.indices.filter { found[$0] > 0 && !kept.contains($0) }
        #expect(strays.count <= 1)
        #expect(found.count { $0 > 0 } > 1_000)
    }

    @Test("Min-p drops what is under its part of the best, with and without sorting")
    func minP() {
        let p = [0.1, 0.4, 0.3, 0.2]
        let expected = [0, 4 / 9.0, 3 / 9.0, 2 / 9.0]
        #expect(near(shares(.init(minP: 0.3), logits(p)), expected))
        #expect(near(shares(.init(topK: 4, minP: 0.3), logits(p)), expected))
        #expect(near(shares(.init(topP: 0.999, minP: 0.3), logits(p)), expected))
        #expect(near(shares(.init(minP: 1), logits(p)), [0, 1, 0, 0]))
    }

    @Test("The repetition penalty divides positive and multiplies negative logits, once a token")
    func repetitionPenalty() {
        let z: [Float] = [2, -1, 0.5]
        let history = [0, 0, 0, 1, 77].map { TokenID($0) }
        let weights = [exp(1.0), exp(-2.0), exp(0.5)]
        let total = weights.reduce(0, +)
        let found = shares(.init(repetitionPenalty: 2), z, history: history)
        #expect(near(found, weights.map { $0 / total }))
        let greedy = SamplingOptions(temperature: 0, repetitionPenalty: 5)
        #expect(shares(greedy, z, history: history, draws: 5) == [0, 0, 1])
    }

    @Test("The same seed draws the same tokens, another seed others")
    func seeds() {
        var generator = SeededGenerator(seed: 5)
        let z = (0..<300).map { _ in generator.normal() }
        func draw(_ seed: UInt64) -> [TokenID] {
            var sampler = Sampler(options: .init(temperature: 0.9, topP: 0.95), seed: seed)
            return (0..<50).map { _ in sampler.next(logits: z.span, history: []) }
        }
        #expect(draw(1) == draw(1))
        #expect(draw(1) != draw(2))
    }

    static let hostile: [[Float]] = [
        [.nan, .nan, .nan], [.nan, 1, .nan], [.infinity, 0, .nan], [-.infinity, -.infinity],
        [.infinity, .infinity], [3e38, -3e38, 0], [0],
    ]

    @Test("Hostile logits give a token of the vocabulary, and never a NaN one", arguments: hostile)
    func hostileLogits(z: [Float]) {
        for options: SamplingOptions in [
            .init(), .init(temperature: 0), .init(temperature: 1e-20), .init(temperature: 100),
            .init(topK: 2), .init(topP: 0.5), .init(minP: 0.5),
            .init(topK: 2, topP: 0.9, minP: 0.1, repetitionPenalty: 2),
        ] {
            var sampler = Sampler(options: options, seed: 1)
            for _ in 0..<20 {
                let token = sampler.next(logits: z.span, history: [TokenID(0)]).index
                #expect(z.indices.contains(token))
                #expect(!z[token].isNaN || z.allSatisfy { $0.isNaN || $0 == -.infinity })
            }
        }
    }

    @Test("Where no token is possible, token 0 comes at every temperature")
    func nothingIsPossible() {
        for options: SamplingOptions in [
            .init(), .init(temperature: 0), .init(temperature: 0.5), .init(topK: 3),
            .init(topP: 0.9), .init(minP: 0.5), .init(temperature: 2, repetitionPenalty: 2),
        ] {
            for z: [Float] in [
                [Float](repeating: -.infinity, count: 5), [Float](repeating: .nan, count: 5),
                [.nan, -.infinity, .nan, -.infinity, -.infinity],
            ] {
                #expect(shares(options, z, history: [TokenID(1)], draws: 50) == [1, 0, 0, 0, 0])
            }
        }
    }

    @Test("Options outside of their bounds are refused by name")
    func validation() {
        let refused: [(SamplingOptions, String)] = [
            (.init(temperature: -1), "temperature"), (.init(temperature: .nan), "temperature"),
            (.init(temperature: .infinity), "temperature"), (.init(topK: -1), "topK"),
            (.init(topP: 0), "topP"), (.init(topP: 1.1), "topP"), (.init(topP: .nan), "topP"),
            (.init(minP: -0.1), "minP"), (.init(minP: 2), "minP"),
            (.init(repetitionPenalty: 0), "repetitionPenalty"),
            (.init(repetitionPenalty: .nan), "repetitionPenalty"),
        ]
        for (options, name) in refused {
            let error = #expect(throws: SamplingError.self) { try options.validated() }
            #expect(error?.option == name && error?.description.contains("allowed") == true)
        }
        #expect(throws: Never.self) { try SamplingOptions().validated() }
        #expect(throws: Never.self) {
            try SamplingOptions(temperature: 0, topK: 40, topP: 0.01, minP: 1).validated()
        }
    }
}
