import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

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

    var readout: PlasticReadout
    /// The mixture, where it is kept.
    private var mixed: [Float] = []
    private var mixture: NoHarmMixture
    private var latest = NoHarmMixture.Outcome(strength: 0, divergence: 0)

    /// - Parameters:
    ///   - logsTokens: whether `readout` is to compute what training logs.
    ///   - keepsOutput: whether `output` is wanted, and not only what a token costs.
    init(cortex: Cortex, logsTokens: Bool = false, keepsOutput: Bool = false) {
        readout = PlasticReadout(cortex: cortex, logsTokens: logsTokens)
        if keepsOutput {
            mixed = [Float](repeating: 0, count: cortex.inner.config.vocabularySize)
        }
        mixture = NoHarmMixture(zone: cortex.zone)
    }

    /// What leaves: shape [vocabulary], sums to 1.
    /// - Precondition: it is kept, or no site says anything.
    var output: [Float] {
        guard !readout.isSilent else { return readout.frozen }
        precondition(!mixed.isEmpty, "an output that is not kept")
        return mixed
    }

    /// Predicts the position after `history`.
    /// - Parameters: as `PlasticReadout.compute`.
    mutating func predict(
        _ slice: FrozenSlice, row: Int, history: ArraySlice<Int32>, sites: PlasticSites,
        tokensLearned: Int
    ) {
        readout.compute(
            slice, row: row, history: history, sites: sites, tokensLearned: tokensLearned)
        latest =
            readout.isSilent
            ? mixture.keep()
            : mixture.mix(frozen: readout.frozen, adapted: readout.adapted, into: &mixed)
    }

    /// Accounts for the token that came.
    /// - Parameters: the slice and row given to `predict`.
    mutating func settle(target: Int, _ slice: FrozenSlice, row: Int) -> Outcome {
        let all = slice.logits.span
        let logits = all.extracting(slice.rowRange(row))
        readout.settle(target: target, logits: logits)
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
