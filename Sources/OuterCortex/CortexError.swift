/// Why a cortex could not be assembled.
public enum CortexError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadableRule(file: String, reason: String)
    /// The SAE does not fit the core, or is of an architecture that is not run here.
    case unusableSparseAutoencoder(folder: String, reason: String)
    case missing(file: String, remedy: String)

    public var description: String {
        switch self {
        case .unreadableRule(let file, let reason):
            "The rule \(file) cannot be used: \(reason)."
        case .unusableSparseAutoencoder(let folder, let reason):
            "The sparse autoencoder in \(folder) cannot be used: \(reason)."
        case .missing(let file, let remedy):
            "\(file) is not there. \(remedy)"
        }
    }
}
