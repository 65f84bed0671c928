/// The PAC-Bayes complexity of an engram: KL(N(Δ, σ²I) ‖ N(0, σ²I)) = ‖Δ‖²/2σ², nats.
///
/// Δ holds every weight of the engram, in logits at unit activity (episodes have none); the core is Δ = 0. It is how many nats the user's
/// text had to move the synapses away from the core, and the term by which a PAC-Bayes bound would
/// discount their gain (McAllester 1999). It is reported beside the certificate and enters nothing:
/// the served model is Δ itself and not a draw around it.
public struct EngramComplexity: Sendable, Equatable {
    /// σ, logits. Fixed before any text, as such a bound asks: one logit is the change that makes a
    /// token e times as likely, the grain at which a weight begins to matter.
    public static let width = 1.0

    /// ‖Δ‖²/2σ², nats.
    public let nats: Double

    public init(_ summary: EngramSummary) {
        let norms = [
            summary.biasNorm, summary.sequenceNorm, summary.featureNorm, summary.matrixNorm,
            summary.layerNorm,
        ]
        let squared = norms.reduce(0) { $0 + Double($1) * Double($1) }
        nats = squared / (2 * Self.width * Self.width)
    }
}
