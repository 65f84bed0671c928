import Engrams
import Foundation
import Kernels

/// What one predicted token looked like to the plastic sites: an example to train a neuromodulator
/// on. Slot 0 is the token that came, slot 1 the remainder of the vocabulary as one, the rest
/// candidates: those that the readout corrects where it serves, whatever came.
public struct TokenLog: Sendable {
    /// Shape [F].
    public var statistics: [Float]
    /// Whether the token that came is a candidate. If it is not, the readout says nothing of it
    /// here as where it serves: an unlikely token in slot 0 would give itself away.
    public var isCandidate: Bool
    /// log p0 of each slot, nats.
    public var logProbabilities: [Float]
    /// m at gain 1, logits, shape [K, slots]; the remainder's are means under p0.
    public var terms: [Float]

    /// The most slots of a log.
    public static let slotLimit = CandidateTokens.limit + 2
}

/// Sees the tokens of a task as they are predicted.
public protocol TokenRecorder: AnyObject {
    /// Whether to log the next token, which costs about as much as predicting it.
    func wantsToken() -> Bool
    func record(_ log: TokenLog)
}

extension PlasticReadout {
    /// The position's log for the token that came; nil where the sites were silent.
    /// - Precondition: `compute` ran for this row, with `logsTokens`.
    mutating func log(target: Int32, slice: FrozenSlice, row: Int) -> TokenLog? {
        guard !isSilent else { return nil }
        let all = slice.logits.span
        let logits = all.extracting(slice.rowRange(row))
        let isCandidate = candidates.contains(target)
        candidates.set(tokens: [target] + candidates.tokens.filter { $0 != target })
        candidates.gather(terms: terms, gains: nil, logits: logits, normalizer: frozenNormalizer)

        let count = candidates.tokens.count
        let slots = count + 1
        let sites = candidates.terms.count / count
        let masses = candidates.tokens.map { frozen[Int($0)] }
        let rest = max(1 - masses.reduce(0, +), 1e-7)
        let means = terms.means(frozen: frozen)
        var log = TokenLog(
            statistics: statistics.values, isCandidate: isCandidate, logProbabilities: [],
            terms: [Float](repeating: 0, count: sites * slots))
        log.logProbabilities =
            [candidates.logProbabilities[0], logf(rest)] + candidates.logProbabilities[1...]
        for index in log.logProbabilities.indices {
            log.logProbabilities[index] = min(0, max(-80, log.logProbabilities[index]))
        }
        for site in 0..<sites {
            let values = candidates.terms[site * count..<(site + 1) * count]
            let shared = zip(masses, values).reduce(Float(0)) { $0 + $1.0 * $1.1 }
            log.terms[site * slots] = values.first ?? 0
            log.terms[site * slots + 1] = (means[site] - shared) / rest
            for (index, value) in values.dropFirst().enumerated() {
                log.terms[site * slots + 2 + index] = value
            }
        }
        return log
    }
}

extension SiteTerms {
    /// Σ_j p0_j·m_kj of each site.
    fileprivate func means(frozen: [Float]) -> [Float] {
        func mean(_ term: SparseTerm) -> Float {
            zip(term.tokens, term.weights).reduce(0) { $0 + frozen[Int($1.0)] * $1.1 }
        }
        return dense.map { $0.isEmpty ? 0 : VectorKernels.dot($0.span, frozen.span) }
            + [mean(episode)] + sequences.map(mean)
    }
}
