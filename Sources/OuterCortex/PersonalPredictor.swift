import Engrams
import Foundation
import Kernels

/// Predicts one context (a text, or a prompt with its completion) token by token: frozen core,
/// plastic sites, safe zone. Scoring, learning and generating all go through here.
struct PersonalPredictor {
    /// What one token cost, and how far adaptation had moved it.
    struct Outcome {
        /// −ln p(y), nats, under the frozen core and under what left the server.
        var frozenLoss: Double
        var adaptedLoss: Double
        /// KL(output ‖ frozen), nats, and the share of the adapted distribution in the output.
        var divergence: Float
        var strength: Float
    }

    private(set) var readout: PlasticReadout
    /// What leaves: shape [vocabulary], sums to 1.
    private(set) var output: [Float]
    private var mixture: NoHarmMixture
    private var latest = NoHarmMixture.Outcome(strength: 0, divergence: 0)
    private let orders: Int

    init(vocabularySize: Int, rule: PlasticityRule) {
        readout = PlasticReadout(vocabularySize: vocabularySize)
        output = [Float](repeating: 0, count: vocabularySize)
        mixture = NoHarmMixture(zone: rule.safeZone)
        orders = rule.sequenceRates.count
    }

    /// Computes `output` for the position after `history`.
    /// - Parameters: as `PlasticReadout.compute`.
    mutating func predict(
        logits: Span<Float>, latents: ArraySlice<Int32>, values: ArraySlice<Float>,
        history: ArraySlice<Int32>, sites: PlasticSites
    ) {
        readout.compute(
            logits: logits, latents: latents, values: values, history: history, orders: orders,
            sites: sites)
        latest = mixture.mix(
            frozen: readout.frozen, adapted: readout.adapted, into: &output)
    }

    /// Accounts for the token that came.
    /// - Parameter logits: z0 as given to `predict`.
    mutating func settle(target: Int, logits: Span<Float>) -> Outcome {
        let frozenLoss = Double(readout.frozenNormalizer) - Double(logits[target])
        let frozen = exp(-frozenLoss)
        let isMoved = !readout.isSilent && latest.strength > 0
        let shifted = Double(logits[target]) + Double(readout.shift[target])
        let adapted = isMoved ? exp(shifted - Double(readout.adaptedNormalizer)) : frozen
        let probability = mixture.settle(frozen: frozen, adapted: adapted)
        // Under 1e-300 the mixture's log is taken from its frozen part alone, an upper bound.
        let adaptedLoss =
            !isMoved
            ? frozenLoss
            : probability > 1e-300
                ? -log(probability) : frozenLoss - log1p(-Double(latest.strength))
        return Outcome(
            frozenLoss: frozenLoss, adaptedLoss: adaptedLoss, divergence: latest.divergence,
            strength: latest.strength)
    }
}

/// Sums of outcomes over a text.
struct OutcomeSums {
    var tokens = 0
    var frozenLoss = 0.0
    var adaptedLoss = 0.0
    var divergence = 0.0
    var maximumDivergence = 0.0
    var minimumStrength = 1.0

    mutating func add(_ outcome: PersonalPredictor.Outcome) {
        tokens += 1
        frozenLoss += outcome.frozenLoss
        adaptedLoss += outcome.adaptedLoss
        divergence += Double(outcome.divergence)
        maximumDivergence = max(maximumDivergence, Double(outcome.divergence))
        minimumStrength = min(minimumStrength, Double(outcome.strength))
    }

    var adaptation: Adaptation {
        Adaptation(
            klMean: tokens == 0 ? 0 : divergence / Double(tokens), klMax: maximumDivergence,
            strengthMin: tokens == 0 ? 0 : minimumStrength)
    }
}

/// How far adaptation moved the output over the tokens of one request.
public struct Adaptation: Sendable, Equatable {
    /// KL(output ‖ frozen), nats per token: mean and largest.
    public var klMean: Double
    public var klMax: Double
    /// The smallest share of the adapted distribution that was let through, 0...1.
    public var strengthMin: Double
}
