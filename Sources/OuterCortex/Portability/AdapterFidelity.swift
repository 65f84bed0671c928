import Foundation

/// How true an adapter, run by another program on the frozen core, is to the personal model that
/// it was taken from: measured over a text.
///
/// Beside the sites that it cannot hold, an adapter lacks the gains, the mixture and the bound of
/// the safe zone: other programs apply it in full, always.
public struct AdapterFidelity: Sendable, Equatable {
    /// What was measured on: the session's own journal, or what the frozen core itself writes when
    /// there is none.
    public enum Text: String, Sendable { case session, core }

    public var text: Text
    /// Whether a part of it was fitted, on other positions than were measured.
    public var isFitted = false
    public var tokens = 0
    public var bytes = 0
    /// KL(personal model ‖ frozen core with the adapter), nats a token: mean and largest.
    public var klMean = 0.0
    public var klMax = 0.0
    /// Surprise of the text in all, bits: under the core, the personal model, and the core with the
    /// adapter.
    public var frozenBits = 0.0
    public var adaptedBits = 0.0
    public var adapterBits = 0.0

    public init(text: Text) { self.text = text }

    /// The share of the personal model's gain that the adapter keeps, below 0 where it does harm;
    /// nil where there is no gain on this text.
    public var gainKept: Double? {
        let gain = frozenBits - adaptedBits
        return gain > 1e-9 * max(1, frozenBits) ? (frozenBits - adapterBits) / gain : nil
    }

    private func perByte(_ bits: Double) -> String { figure(bits / Double(max(1, bytes))) }

    private func figure(_ value: Double) -> String { String(format: "%.6g", value) }

    /// One line of `name=value`, by semicolons; `gain_kept` is `none` where there is no gain.
    public var summary: String {
        [
            ("text", text.rawValue), ("fitted", isFitted ? "lm_head" : "none"),
            ("tokens", String(tokens)), ("kl_mean", figure(klMean)),
            ("kl_max", figure(klMax)), ("bits_per_byte_frozen", perByte(frozenBits)),
            ("bits_per_byte_adapted", perByte(adaptedBits)),
            ("bits_per_byte_adapter", perByte(adapterBits)),
            ("gain_kept", gainKept.map(figure) ?? "none"),
        ].map { "\($0.0)=\($0.1)" }.joined(separator: "; ")
    }

    mutating func finish(divergences: Double) {
        klMean = tokens == 0 ? 0 : divergences / Double(tokens)
    }
}
