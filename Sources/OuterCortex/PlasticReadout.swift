import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

/// What the plastic sites make of one position:
///
///     z = z0 + Σ_k g_k·m_k + readout        p = softmax(z)
///
/// m_k are the sites' terms, g_k what the neuromodulator lets each say here (1 without one), and
/// the readout its nonlinear correction for the tokens in question: at most what the sites say for
/// a token, P, and half of what they say against it, N. So z − z0 ≤ 2P − N/2, and more words
/// against a token lower it. Texts alone do not teach the readout so, since they say little against
/// a token: a disliked answer rose again with the second dislike. They meet the bound so rarely
/// that training does without it. Holds the buffers of one stream, made once.
struct PlasticReadout {
    private(set) var terms: SiteTerms
    private(set) var statistics: LocalStatistics
    /// p0, shape [vocabulary].
    private(set) var frozen: [Float]
    /// p, where a site says something.
    private var moved: [Float]
    /// ln Σ exp of z0 and of z, nats.
    private(set) var frozenNormalizer: Float = 0
    private(set) var adaptedNormalizer: Float = 0
    /// z − z0: logits, shape [vocabulary].
    private(set) var shift: [Float]
    /// Whether any site says anything here: if not, p is p0.
    private(set) var isSilent = true

    private let protectedTokens: [Int32]
    private let neuromodulator: Neuromodulator?
    private let collectsStatistics: Bool
    private var scratch: Neuromodulator.Scratch?
    var candidates: CandidateTokens
    private var corrections: [Float] = []

    /// - Parameter logsTokens: whether to compute the statistics without a neuromodulator too.
    init(cortex: Cortex, logsTokens: Bool) {
        let vocabularySize = cortex.inner.config.vocabularySize
        let zeros = [Float](repeating: 0, count: vocabularySize)
        (frozen, moved, shift) = (zeros, zeros, zeros)
        terms = SiteTerms(cortex: cortex)
        statistics = LocalStatistics(
            vocabularySize: vocabularySize, orders: cortex.rule.orderRates.count)
        candidates = CandidateTokens(
            vocabularySize: vocabularySize, orders: cortex.rule.orderRates.count)
        corrections.reserveCapacity(TokenLog.slotLimit)
        protectedTokens = cortex.zone.protected.tokens
        neuromodulator = cortex.rule.tensors.neuromodulator
        scratch = neuromodulator.map { Neuromodulator.Scratch(for: $0) }
        collectsStatistics = logsTokens || neuromodulator != nil
    }

    /// p, shape [vocabulary].
    var adapted: [Float] { isSilent ? frozen : moved }

    /// g_k in the order of `SiteIndex`; empty without a neuromodulator.
    var gains: [Float] { scratch?.gains ?? [] }

    /// Computes the position's distributions.
    /// - Parameters:
    ///   - row: of the slice.
    ///   - history: the text so far, newest last; contexts reach back at most to its start.
    ///   - tokensLearned: by the engram so far.
    /// - Complexity: O(vocabulary + synapses of the active latents), times the few sites.
    mutating func compute(
        _ slice: FrozenSlice, row: Int, history: ArraySlice<Int32>, sites: PlasticSites,
        tokensLearned: Int
    ) {
        let all = slice.logits.span
        let logits = all.extracting(slice.rowRange(row))
        frozenNormalizer = VectorKernels.softmax(logits, into: &frozen)
        terms.setContexts(history: history)
        isSilent = sites.isSilent
        guard !isSilent else {
            adaptedNormalizer = frozenNormalizer
            return
        }
        terms.compute(slice, row: row, frozen: frozen, sites: sites)
        if collectsStatistics {
            statistics.compute(
                logits: logits, frozen: frozen, frozenNormalizer: frozenNormalizer, terms: terms,
                slice: slice, row: row, familiarity: sites.familiarity,
                tokensLearned: tokensLearned, position: history.count - 1)
            candidates.select(frozen: frozen, ungated: statistics.ungated, terms: terms)
        }
        if let neuromodulator {
            neuromodulate(neuromodulator, logits: logits)
        } else {
            terms.sum(gains: nil, into: &shift)
        }
        // The terms say nothing of them; the neuromodulator's readout would say 0 up to rounding.
        for token in protectedTokens { shift[Int(token)] = 0 }
        adaptedNormalizer = VectorKernels.softmaxOfSum(logits, shift, into: &moved)
    }

    private mutating func neuromodulate(_ neuromodulator: Neuromodulator, logits: Span<Float>) {
        guard var scratch else { return }
        self.scratch = nil
        neuromodulator.gains(statistics.values, scratch: &scratch)
        terms.sum(gains: scratch.gains, into: &shift)
        candidates.gather(
            terms: terms, gains: scratch.gains, logits: logits, normalizer: frozenNormalizer)
        let count = candidates.tokens.count
        while corrections.count < count { corrections.append(0) }
        neuromodulator.readout(
            terms: candidates.terms, logProbabilities: candidates.logProbabilities,
            count: count, scratch: &scratch, into: &corrections)
        for index in 0..<count {
            shift[Int(candidates.tokens[index])] += min(
                corrections[index], candidates.correctionLimit(at: index))
        }
        self.scratch = scratch
    }

    /// Accounts for the token that came: the running averages move.
    mutating func settle(target: Int, logits: Span<Float>) {
        guard collectsStatistics, !isSilent else { return }
        statistics.settle(
            target: target, logits: logits, frozenNormalizer: frozenNormalizer, frozen: frozen,
            terms: terms)
    }

    /// g_k·m_kj summed over tokens against the errors of `adapted`: how much louder site k should
    /// have been, m_ky − Σ_j p_j m_kj.
    func drive(ofDense site: Int, target: Int) -> Float {
        let term = terms.dense[site]
        guard !term.isEmpty else { return 0 }
        let gain = gains.isEmpty ? 1 : gains[site]
        let adapted = adapted
        return gain * (term[target] - VectorKernels.dot(adapted.span, term.span))
    }

    /// The same for a site of a few tokens.
    func drive(ofSparse term: SparseTerm, site: Int, target: Int) -> Float {
        var sum: Float = 0
        let adapted = adapted
        for (token, weight) in zip(term.tokens, term.weights) {
            sum += weight * ((Int(token) == target ? 1 : 0) - adapted[Int(token)])
        }
        return (gains.isEmpty ? 1 : gains[site]) * sum
    }
}
