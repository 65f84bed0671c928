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

    /// What the recalled stream says, and its share of the personal prediction, in 0...1.
    struct Recalled {
        var distribution: [Float]
        var share: Float
    }

    var readout: PlasticReadout
    /// The mixture, where it is kept.
    private var mixed: [Float] = []
    private var mixture: NoHarmMixture
    private var latest = NoHarmMixture.Outcome(strength: 0, divergence: 0)
    private let protectedTokens: [Int32]
    /// p with what was recalled; of use while `isRecalling`.
    private var recalled: [Float] = []
    private var isRecalling = false

    /// - Parameters:
    ///   - logsTokens: whether `readout` is to compute what training logs.
    ///   - keepsOutput: whether `output` is wanted, and not only what a token costs.
    init(cortex: Cortex, logsTokens: Bool = false, keepsOutput: Bool = false) {
        readout = PlasticReadout(cortex: cortex, logsTokens: logsTokens)
        if keepsOutput {
            mixed = [Float](repeating: 0, count: cortex.inner.config.vocabularySize)
        }
        mixture = NoHarmMixture(zone: cortex.zone)
        protectedTokens = cortex.zone.protected.tokens
    }

    /// Whether nothing personal has a say at this position, so that what leaves is p0.
    var isSilent: Bool { readout.isSilent && !isRecalling }

    /// What leaves: shape [vocabulary], sums to 1.
    /// - Precondition: it is kept, or no site says anything.
    var output: [Float] {
        guard !isSilent else { return readout.frozen }
        precondition(!mixed.isEmpty, "an output that is not kept")
        return mixed
    }

    /// Predicts the position after `history`: p0 with p' = (1 − c)·p + c·p_r under the safe zone,
    /// where something is recalled. A protected token keeps what it has in p.
    /// - Parameters: as `PlasticReadout.compute`.
    mutating func predict(
        _ slice: FrozenSlice, row: Int, history: ArraySlice<Int32>, sites: PlasticSites,
        tokensLearned: Int, recall: Recalled? = nil
    ) {
        readout.compute(
            slice, row: row, history: history, sites: sites, tokensLearned: tokensLearned)
        isRecalling = recall != nil
        if let recall { blend(recall) }
        latest =
            isSilent
            ? mixture.keep()
            : mixture.mix(
                frozen: readout.frozen, adapted: isRecalling ? recalled : readout.adapted,
                into: &mixed)
    }

    private mutating func blend(_ recall: Recalled) {
        let adapted = readout.adapted
        if recalled.count != adapted.count { recalled = adapted }
        do {
            var blended = recalled.mutableSpan
            VectorKernels.mix(
                adapted.span, recall.distribution.span, weight: recall.share, into: &blended)
        }
        guard !protectedTokens.isEmpty else { return }
        // Their mass stays; what the others have is scaled to the rest.
        var (kept, moved) = (Float(0), Float(0))
        for token in protectedTokens {
            kept += adapted[Int(token)]
            moved += recalled[Int(token)]
        }
        let scale = moved < 1 ? (1 - kept) / (1 - moved) : 0
        for index in recalled.indices { recalled[index] *= scale }
        for token in protectedTokens { recalled[Int(token)] = adapted[Int(token)] }
    }

    /// Accounts for the token that came.
    /// - Parameters: the slice and row given to `predict`.
    mutating func settle(target: Int, _ slice: FrozenSlice, row: Int) -> Outcome {
        let all = slice.logits.span
        let logits = all.extracting(slice.rowRange(row))
        readout.settle(target: target, logits: logits)
        let frozenLoss = Double(readout.frozenNormalizer) - Double(logits[target])
        let frozen = exp(-frozenLoss)
        let isMoved = !isSilent && latest.strength > 0
        let adapted = isMoved ? adaptedProbability(of: target, logits) : frozen
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

    /// Of the token that came, where anything personal had a say.
    private func adaptedProbability(
        of target: Int, _ logits: Span<Float>
    ) -> Double {
        if isRecalling { return Double(recalled[target]) }
        let shifted = Double(logits[target]) + Double(readout.shift[target])
        return exp(shifted - Double(readout.adaptedNormalizer))
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
