public import Engrams

/// How a session's personal model stands against its bounds.
public struct SafetyReport: Sendable {
    public var session: SessionID
    public var revision: Revision
    /// What is below holds for the time since this revision: the session's start, its last reset,
    /// restore or import.
    public var since: Revision
    public var engram: EngramSummary
    public var zone: SafeZone
    /// Seen so far, in observed and generated tokens.
    public var divergence: DivergenceTally
    public var certificate: GainCertificate
    public var monitors: [CollapseMonitor.Reading]
    /// nil before the first, and where the constitution has no probes.
    public var lastAudit: ProbeAudit?

    public init(
        session: SessionID, revision: Revision, since: Revision, engram: EngramSummary,
        zone: SafeZone, divergence: DivergenceTally, certificate: GainCertificate,
        monitors: [CollapseMonitor.Reading], lastAudit: ProbeAudit? = nil
    ) {
        self.session = session
        self.revision = revision
        self.since = since
        self.engram = engram
        self.zone = zone
        self.divergence = divergence
        self.certificate = certificate
        self.monitors = monitors
        self.lastAudit = lastAudit
    }

    public var complexity: EngramComplexity { EngramComplexity(engram) }
    /// Whether learning from its own completions waits until no monitor fires.
    public var isPaused: Bool { monitors.contains(where: \.isFiring) }
}

/// The certificate in short, as an answer to `observe` carries it.
public struct CertificateBrief: Sendable, Equatable, Codable {
    public var tokens: Int
    /// Percent of the frozen bits.
    public var certifiedGainPercent: Double
    public var measuredGainPercent: Double
    /// How sure the certified gain is, at all times together.
    public var confidence: Double

    public init(
        tokens: Int, certifiedGainPercent: Double, measuredGainPercent: Double, confidence: Double
    ) {
        self.tokens = tokens
        self.certifiedGainPercent = certifiedGainPercent
        self.measuredGainPercent = measuredGainPercent
        self.confidence = confidence
    }

    public init(_ certificate: GainCertificate) {
        self.init(
            tokens: certificate.tokens, certifiedGainPercent: certificate.certifiedGainPercent,
            measuredGainPercent: certificate.measuredGainPercent,
            confidence: GainCertificate.confidence)
    }
}

/// The safety of all sessions together, for `/metrics`. Counts since start; gauges over the
/// sessions in memory, which are those in use: the others' ledgers stay in the store.
public struct SafetyStatistics: Sendable {
    /// What the observed tokens cost, bits.
    public var observedFrozenBits = 0.0
    public var observedAdaptedBits = 0.0
    /// Completions that were not learned from because a monitor fired.
    public var pausedCompletions = 0
    /// Engrams that were asked the constitution's probes, and those of them that failed.
    public var audits = 0
    public var failedAudits = 0
    /// Those that were made to fit.
    public var fittedEngrams = 0
    /// Automatic checkpoints that were not made, for whatever reason.
    public var refusedAutomaticCheckpoints = 0
    /// Sessions with that monitor firing.
    public var firingSessions: [CollapseMonitor.Monitor: Int] = [:]
    /// Sessions with a positive certified gain.
    public var certifiedSessions = 0
    /// Sessions whose e-value says that the personal model helps.
    public var helpedSessions = 0

    public init() {}
}
