import Foundation
import Kernels

/// The last step before a token leaves: a Bayes mixture of the frozen and the adapted
/// distribution that no text can turn against its reader (DESIGN §4a, §5).
///
/// Per token, with trust w and u the largest share ≤ min(w, cap) for which
/// KL((1−u)p0 + u·p ‖ p0) ≤ ε:
///
///     output = (1−u)·p0 + u·p
///     w ← w·p̃(y)/output(y),  p̃ = p0 + (u/w)(p − p0);   then w ← (1−s)·w + s·w0
///
/// p̃ is the distribution by which the caps replace the adapted expert. It is one (0 ≤ u/w ≤ 1), and
/// the output is the exact w-mixture of p0 and p̃. So fixed share's guarantee holds with both caps
/// inside the recursion: on any text of n tokens and for any engram,
///
///     loss(output) ≤ loss(frozen) + ln(1/(1−w0)) − n·ln(1−s·w0)   nats,
///
/// since (1−w_t)·Π output(y) ≥ (1−w0)(1−s·w0)^n·Π p0(y). Sources: Herbster and Warmuth 1998, Tracking the best expert;
/// the caps inside the recursion are ours.
public struct NoHarmMixture: Sendable {
    private let zone: SafeZone
    /// w, the posterior share of the adapted distribution, in 0...1.
    public private(set) var trust: Double
    private var mixed: Outcome?

    /// What one token's mixture came to.
    public struct Outcome: Sendable {
        /// u: the share of the adapted distribution that was let through, 0...maximumTrust.
        public var strength: Float
        /// KL(output ‖ frozen), nats, at most the safe zone's.
        public var divergence: Float

        public init(strength: Float, divergence: Float) {
            self.strength = strength
            self.divergence = divergence
        }
    }

    /// Starts a context: one text, or one prompt with its completion.
    public init(zone: SafeZone) {
        self.zone = zone
        trust = zone.initialTrust
    }

    /// Mixes one token's distributions.
    /// - Parameters:
    ///   - frozen: p0, shape [vocabulary], sums to 1.
    ///   - adapted: p, shape [vocabulary]; when it holds NaN or an infinity, the output is p0.
    ///   - output: receives the mixture, shape [vocabulary]; nothing where it is empty.
    /// - Complexity: One pass over the vocabulary, 12 when the KL cap binds; allocates nothing.
    public mutating func mix(
        frozen: [Float], adapted: [Float], into output: inout [Float]
    ) -> Outcome {
        func divergence(at share: Float, of other: [Float], _ output: inout [Float]) -> Float {
            var mixed = output.mutableSpan
            return VectorKernels.mixedDivergence(
                frozen.span, other.span, weight: share, into: &mixed)
        }
        var share = Float(min(trust, zone.maximumTrust))
        // The margin is for the rounding of a sum over the vocabulary.
        let limit = Float(zone.maximumDivergence) * 0.9999
        var found = divergence(at: share, of: adapted, &output)
        if !(found <= limit), !VectorKernels.isFinite(adapted.span) { share = 0 }
        if share > 0, !(found <= limit) {
            var (low, high) = (Float(0), share)
            for _ in 0..<10 {
                let middle = (low + high) / 2
                let isWithin = divergence(at: middle, of: adapted, &output) <= limit
                if isWithin { low = middle } else { high = middle }
            }
            share = low
            found = divergence(at: share, of: adapted, &output)
        }
        if share == 0 {
            // Weight 0 would still take in what is not finite.
            _ = divergence(at: 0, of: frozen, &output)
            found = 0
        }
        return outcome(share, max(0, found))
    }

    /// What `mix` comes to where the adapted distribution is the frozen one.
    public mutating func keep() -> Outcome { outcome(Float(min(trust, zone.maximumTrust)), 0) }

    private mutating func outcome(_ strength: Float, _ divergence: Float) -> Outcome {
        let outcome = Outcome(strength: strength, divergence: divergence)
        mixed = outcome
        return outcome
    }

    /// Moves the trust by the token that came.
    /// - Parameters: that token's probability under both, in Double, since a probability below
    ///   Float's range is still a finite surprise.
    /// - Returns: Its probability under the mixture that left.
    /// - Precondition: `mix` was called for this token.
    public mutating func settle(frozen: Double, adapted: Double) -> Double {
        guard let outcome = mixed else { preconditionFailure("settle follows mix") }
        mixed = nil
        let share = Double(outcome.strength)
        let step = share > 0 ? adapted - frozen : 0
        let output = frozen + share * step
        if trust > 0, output > 0 {
            // w·p̃(y)/output(y), with p̃ = p0 + (u/w)·step.
            trust = min(1, max(0, (trust * frozen + share * step) / output))
        }
        trust = (1 - zone.trustShare) * trust + zone.trustShare * zone.initialTrust
        return output
    }
}
