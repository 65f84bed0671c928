import Engrams
import Foundation
import Kernels

/// What one predicted token looked like to the plastic sites: an example to train a neuromodulator
/// on. Slot 0 is the token that came, the next few stand for the remainder of the vocabulary, the
/// rest are candidates: those that the readout corrects where it serves, whatever came.
///
/// A neuromodulator's loss on it is its loss in service, or training would find the difference: the
/// remainder is a sample of real tokens with their own terms, since one token with the mean of
/// all terms hides what gains do to tokens far from the mean.
public struct TokenLog: Sendable {
    /// Shape [F].
    public var statistics: [Float]
    /// Whether the token that came is a candidate. If it is not, the readout says nothing of it
    /// here as where it serves: an unlikely token in slot 0 would give itself away.
    public var isCandidate: Bool
    /// Slots 1...this are the remainder's, each with its share of that frozen probability.
    public var remainders: Int
    /// log p0 of each slot, nats; they add up to 1.
    public var logProbabilities: [Float]
    /// m at gain 1, logits, shape [K, slots].
    public var terms: [Float]

    /// The most slots of the remainder, and of a log.
    static let remainderLimit = 16
    public static let slotLimit = 1 + remainderLimit + CandidateTokens.limit
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
        let sample = sampledRemainder(without: target)
        candidates.set(
            tokens: [target] + sample.map(\.token) + candidates.tokens.filter { $0 != target })
        candidates.gather(terms: terms, gains: nil, logits: logits, normalizer: frozenNormalizer)
        var log = TokenLog(
            statistics: statistics.values, isCandidate: isCandidate, remainders: sample.count,
            logProbabilities: candidates.logProbabilities, terms: candidates.terms)
        for (index, part) in sample.enumerated() {
            log.logProbabilities[1 + index] = logf(max(part.share, .leastNormalMagnitude))
        }
        for index in log.logProbabilities.indices {
            log.logProbabilities[index] = min(0, max(-80, log.logProbabilities[index]))
        }
        return log
    }

    /// Tokens that stand for all that are neither candidates nor came, drawn evenly over their mean
    /// probability under p0 and under all sites at gain 1, and the part of the frozen probability
    /// that each stands for.
    private func sampledRemainder(without target: Int32) -> [(token: Int32, share: Float)] {
        let rest = frozen.indices.filter { $0 != Int(target) && !candidates.contains(Int32($0)) }
        let density = rest.map { frozen[$0] + statistics.ungated[$0] }
        let step = density.reduce(0, +) / Float(TokenLog.remainderLimit)
        guard step > 0 else { return [] }
        var sample: [(token: Int32, share: Float)] = []
        var (passed, marks) = (Float(0), 0)
        for (token, density) in zip(rest, density) {
            passed += density
            // The marks stand at ½, 1½, 2½, … steps; those in this token's stretch draw it.
            let drawn = min(TokenLog.remainderLimit, Int(passed / step + 0.5))
            if drawn > marks {
                sample.append((Int32(token), Float(drawn - marks) * frozen[token] / density))
                marks = drawn
            }
        }
        let whole = rest.reduce(Float(0)) { $0 + frozen[$1] }
        let scale = whole / max(sample.reduce(0) { $0 + $1.share }, .leastNormalMagnitude)
        return sample.map { ($0.token, $0.share * scale) }
    }
}
