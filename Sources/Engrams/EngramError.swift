/// Why an engram, or a change to one, was refused. Nothing was changed.
public enum EngramError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The file is no engram, or not one of a version that is understood.
    case malformed(file: String, reason: String)
    /// The engram was learned on something else. `part` says on what: core, SAE, rule or
    /// constitution.
    case wrongCortex(part: String, found: String, expected: String)
    /// The engram was learned on a cortex of other dimensions, and means nothing here.
    case otherShape(dimension: String, found: Int, expected: Int)
    /// A weight that is NaN or infinite.
    case notFinite(site: String, index: Int)
    /// A weight outside the safe zone.
    case outOfBounds(site: String, found: Float, allowed: Float)
    /// A token, latent or count outside what the core has.
    case outOfRange(site: String, found: Int, limit: Int)
    /// More of something than learning by this core's rule ever leaves.
    case tooMany(what: String, found: Int, limit: Int)
    /// A synapse that pushes a token, or begins at a latent, which the constitution protects.
    case protected(site: String, kind: String, found: Int)
    /// The proposal was made from another revision of the engram.
    case staleProposal(base: Revision, current: Revision)

    public var description: String {
        switch self {
        case .malformed(let file, let reason):
            "\(file) is not an engram that can be read: \(reason)."
        case .wrongCortex(let part, let found, let expected):
            "The engram was learned on another \(part) (its hash \(found.prefix(16))…, this "
                + "server's \(expected.prefix(16))…). Load it on the \(part) it was learned on, or "
                + "import its file with force, which measures what is left of it here."
        case .otherShape(let dimension, let found, let expected):
            "The engram was learned on a core whose \(dimension) is \(found); this server's is "
                + "\(expected). It cannot be carried over."
        case .notFinite(let site, let index):
            "The engram's \(site) has a value at position \(index) that is NaN or infinite."
        case .outOfBounds(let site, let found, let allowed):
            "The engram's \(site) has magnitude \(found), beyond the safe zone's \(allowed)."
        case .outOfRange(let site, let found, let limit):
            "The engram's \(site) names \(found), but this core has \(limit)."
        case .tooMany(let what, let found, let limit):
            "The engram has \(found) \(what); the rule of this core leaves at most \(limit). It was "
                + "not learned by it."
        case .protected(let site, let kind, let found):
            "The engram's \(site) would change \(kind) \(found), which the constitution protects."
        case .staleProposal(let base, let current):
            "The change was computed on revision \(base), but the engram is at \(current)."
        }
    }
}
