import Foundation
import Kernels
import Testing

@testable import Engrams

/// Distributions to mix: from quiet to hostile.
private enum Adversary: CaseIterable {
    case helpful, random, certainAndWrong, alternating, notFinite, almostZero

    func distribution(
        _ frozen: [Float], target: Int, step: Int, using generator: inout SeededGenerator
    ) -> [Float] {
        let count = frozen.count
        var p: [Float]
        switch self {
        case .helpful:
            p = frozen
            p[target] += 2
        case .random: p = (0..<count).map { _ in generator.uniform() }
        case .certainAndWrong:
            p = [Float](repeating: 1e-30, count: count)
            p[(target + 1) % count] = 1
        case .alternating:
            p = [Float](repeating: 1e-8, count: count)
            p[step / 50 % 2 == 0 ? target : (target + 1) % count] = 1
        case .notFinite: return [Float](repeating: step % 2 == 0 ? .nan : .infinity, count: count)
        case .almostZero:
            p = [Float](repeating: 0, count: count)
            p[Int(generator.next() % UInt64(count))] = 1
        }
        let sum = p.reduce(0, +)
        return p.map { $0 / sum }
    }
}

@Suite("The no-harm mixture")
struct NoHarmMixtureTests {
    @Test(
        "keeps every token within the divergence bound and every text within the harm bound",
        arguments: [0.1, 1, 4])
    func bounds(epsilon: Double) {
        var zone = SafeZone()
        zone.maximumDivergence = epsilon
        let vocabulary = 61
        var generator = SeededGenerator(seed: 7)
        var tokens = 0
        // 3 bounds × 6 adversaries × (4 short texts and a long one): 108,000 tokens in all.
        for adversary in Adversary.allCases {
            for length in [1, 300, 700, 1000, 4000] {
                var mixture = NoHarmMixture(zone: zone)
                var (frozenLoss, loss) = (0.0, 0.0)
                for step in 0..<length {
                    let raw = (0..<vocabulary).map { _ in exp(3 * generator.normal()) }
                    let sum = raw.reduce(0, +)
                    let frozen = raw.map { $0 / sum }
                    let target = sample(frozen, using: &generator)
                    let adapted = adversary.distribution(
                        frozen, target: target, step: step, using: &generator)
                    var output = [Float](repeating: 0, count: vocabulary)
                    let outcome = mixture.mix(
                        frozen: frozen, adapted: adapted, into: &output)
                    let divergence = Self.divergence(output, frozen)
                    #expect(divergence <= epsilon + 1e-4)
                    #expect(abs(divergence - Double(outcome.divergence)) < 1e-3)
                    let floor = Float(1 - zone.maximumTrust) * 0.999
                    #expect(zip(output, frozen).allSatisfy { $0 >= floor * $1 })
                    frozenLoss -= log(Double(frozen[target]))
                    loss -= log(
                        mixture.settle(
                            frozen: Double(frozen[target]), adapted: Double(adapted[target])))
                    #expect(loss <= frozenLoss + zone.harmBound(tokens: step + 1) + 1e-6)
                    tokens += 1
                }
            }
        }
        #expect(tokens == 36_006)
    }

    @Test("follows a better expert: a helpful adaptation keeps its gain")
    func keepsGain() {
        var generator = SeededGenerator(seed: 3)
        var mixture = NoHarmMixture(zone: SafeZone())
        var (frozenLoss, adaptedLoss, loss) = (0.0, 0.0, 0.0)
        for step in 0..<1000 {
            let frozen = [Float](repeating: 1.0 / 50, count: 50)
            let target = Int(generator.next() % 50)
            let adapted = Adversary.helpful.distribution(
                frozen, target: target, step: step, using: &generator)
            var output = frozen
            _ = mixture.mix(frozen: frozen, adapted: adapted, into: &output)
            frozenLoss -= log(Double(frozen[target]))
            adaptedLoss -= log(Double(adapted[target]))
            loss -= log(
                mixture.settle(frozen: Double(frozen[target]), adapted: Double(adapted[target])))
        }
        #expect(frozenLoss - loss > 0.9 * (frozenLoss - adaptedLoss))
    }

    private func sample(_ p: [Float], using generator: inout SeededGenerator) -> Int {
        var rest = generator.uniform()
        for (index, value) in p.enumerated() {
            rest -= value
            if rest < 0 { return index }
        }
        return p.count - 1
    }

    private static func divergence(_ p: [Float], _ q: [Float]) -> Double {
        zip(p, q).reduce(0) { sum, pair in
            let (a, b) = (Double(pair.0), Double(pair.1))
            return a > 0 ? sum + a * log(a / b) : sum
        }
    }
}
