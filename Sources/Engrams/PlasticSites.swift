/// Everything that plasticity may change, as one value: a draft to compute on, or the content of
/// an engram. Changing a copy changes no engram; only `Engram.commit` does.
public struct PlasticSites: Sendable, Equatable {
    /// b: one bias per token, logits; empty while nothing was learned.
    public var bias: [Float]
    /// N: hashed context of the last tokens → token.
    public var sequences: SequenceSynapses
    /// W: SAE latent → token.
    public var features: FeatureSynapses
    /// g: how loudly each site speaks.
    public var gains: SiteGains
    /// The learning gate's running mean of the frozen loss, nats a token; nil before the first
    /// token. Part of the working state only: a checkpoint drops it.
    public var frozenLossAverage: Float?

    public init() {
        bias = []
        sequences = SequenceSynapses()
        features = FeatureSynapses()
        gains = SiteGains()
    }

    /// Keeps the strongest synapses and contexts that the budget allows. A long text prunes its
    /// draft as it goes, so that what it holds stays bounded.
    /// - Complexity: O(n log n) when over budget, O(rows) otherwise.
    @discardableResult
    public mutating func prune(within zone: SafeZone) -> CommitReport {
        CommitReport(
            prunedSynapses: features.prune(to: zone.synapseBudget),
            prunedContexts: sequences.prune(to: zone.contextBudget))
    }

    /// The same sites without what only steers further learning (DESIGN §4, metaplasticity).
    public func withoutTraces() -> PlasticSites {
        var copy = self
        copy.sequences.dropVisits()
        copy.features.dropUsage()
        copy.frozenLossAverage = nil
        return copy
    }
}

/// g: one gain per site, dimensionless, 1 at birth. Saved with the engram: without them a saved
/// delta lost all its gain in the next session.
public struct SiteGains: Sendable, Equatable {
    public var bias: Float = 1
    public var sequence: Float = 1
    public var feature: Float = 1
    public init() {}

    var all: [Float] { [bias, sequence, feature] }
}

/// One plastic connection onto a token.
public struct Synapse: Sendable, Equatable {
    public var token: Int32
    /// Logits at unit presynaptic activity.
    public var weight: Float
    /// G: the summed squared updates' drive, which slows further change (AdaGrad's accumulator,
    /// Duchi et al. 2011, read as metaplasticity). 0 in a checkpoint.
    public var usage: Float

    public init(token: Int32, weight: Float, usage: Float = 0) {
        self.token = token
        self.weight = weight
        self.usage = usage
    }
}
