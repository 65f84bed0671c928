public import Engrams

/// What an engram was audited for.
public enum AuditOccasion: String, Sendable, Codable { case checkpoint, `import`, merge }

/// One audit of an engram against the constitution's probes, as a session's ledger keeps it.
public struct ProbeAudit: Sendable, Equatable, Codable {
    public var occasion: AuditOccasion
    /// The session's, when it was audited.
    public var revision: Revision
    /// By the session's engram then. The audited one may count what another session learned, too.
    public var tokensLearned: Int
    public var probes: Int
    /// Of the probe nearest to its bound, or farthest beyond it.
    public var worst: ProbeReading
    /// What was turned down so that it passes; nil: nothing.
    public var fit: ProbeFit?

    public var passed: Bool { worst.passes }

    public init(
        occasion: AuditOccasion, revision: Revision, tokensLearned: Int, probes: Int,
        worst: ProbeReading, fit: ProbeFit? = nil
    ) {
        self.occasion = occasion
        self.revision = revision
        self.tokensLearned = tokensLearned
        self.probes = probes
        self.worst = worst
        self.fit = fit
    }
}
