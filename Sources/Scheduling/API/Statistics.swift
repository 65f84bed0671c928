public enum Health: String, Sendable { case loading, ready, draining }

/// Counters and gauges for `/metrics`; counts since start.
public struct Statistics: Sendable {
    public var observedTokens = 0
    public var scoredTokens = 0
    public var promptTokens = 0
    public var generatedTokens = 0
    /// Guesses of answers' tokens that were read along, and those of them that came true.
    public var draftedTokens = 0
    public var acceptedTokens = 0
    public var learningEvents = 0
    /// Of these, verdicts on answers.
    public var feedbackEvents = 0
    public var forgottenEvents = 0
    public var refusedCommits = 0
    public var cancelledGenerations = 0
    public var queueDepth = 0
    public var queueCapacity = 0
    public var residentEngrams = 0
    public var residentEngramBytes = 0
    public var sessions = 0
    /// Seconds the cortex thread was busy, since start.
    public var busySeconds = 0.0
    /// Passes through the frozen core, and the tokens that they read: of many users at once.
    public var corePasses = 0
    public var coreRows = 0
    public var contexts = ContextStatistics()
    public var latency = LatencyStatistics()
    public var safety = SafetyStatistics()
    public init() {}
}
