/// Why a core was not served under its constitution, or not sealed. Each says which file or key,
/// what was found and what to do.
public enum ConstitutionError: Error, Sendable, Equatable, CustomStringConvertible {
    case mismatch(file: String, found: String, sealed: String)
    case missing(file: String, sealed: String)
    case unlisted(file: String, found: String)
    case unreadable(file: String, reason: String)
    /// A protected token or latent, or a probe, that this core cannot have.
    case unfit(item: String, reason: String)
    /// The frozen core does not pass.
    case failsProbe(ProbeReading)
    case unsigned(file: String)
    case wrongSigner(file: String, found: String, trusted: String)
    case badSignature(file: String, reason: String)
    case unusableKey(file: String, reason: String)

    public var description: String {
        switch self {
        case .mismatch(let file, let found, let sealed):
            "\(file) is not the file that was sealed: its SHA-256 is \(found), the constitution "
                + "has \(sealed). Fetch the sealed file again, or seal the core anew with "
                + "`hebb seal` if the change is yours."
        case .missing(let file, let sealed):
            "\(file) is sealed (SHA-256 \(sealed)) but not there. Fetch it again, or seal the "
                + "core anew with `hebb seal`."
        case .unlisted(let file, let found):
            "\(file) (SHA-256 \(found)) would be served, but the constitution does not list it. "
                + "Remove it, or seal the core anew with `hebb seal`."
        case .unreadable(let file, let reason):
            "\(file) cannot be read: \(reason)."
        case .unfit(let item, let reason):
            "The constitution's \(item) does not fit this core: \(reason)."
        case .failsProbe(let reading):
            "The frozen core itself fails the \(Self.text(reading)). Change the probe, or its "
                + "margin."
        case .unsigned(let file):
            "\(file) is not there, but --trust demands a signed constitution. Have its owner sign "
                + "it with `hebb seal --sign`."
        case .wrongSigner(let file, let found, let trusted):
            "\(file) is signed by the key \(found), not by the trusted \(trusted)."
        case .badSignature(let file, let reason):
            "\(file) does not sign the constitution beside it: \(reason). Seal and sign again, or "
                + "fetch both files from their source."
        case .unusableKey(let file, let reason):
            "\(file) is no key that can be used: \(reason)."
        }
    }

    /// "probe 'name': measured -5.2 nats, at least -3.1 needed".
    public static func text(_ reading: ProbeReading) -> String {
        func figure(_ value: Double) -> String {
            value.isFinite ? "\((value * 1e4).rounded() / 1e4)" : "\(value)"
        }
        let side =
            switch reading.bound {
            case .atLeast: "at least"
            case .atMost: "at most"
            }
        return "probe '\(reading.probe)': measured \(figure(reading.measured)) nats, \(side) "
            + "\(figure(reading.bound.value)) needed"
    }
}
