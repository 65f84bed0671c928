/// Everything that plasticity may change, as one value: a draft to compute on, or the content of
/// an engram. Changing a copy changes no engram; only `Engram.commit` does.
public struct PlasticSites: Sendable, Equatable {
    /// b: one bias per token, logits; empty while nothing was learned.
    public var bias: [Float]
    /// N: hashed context of the last tokens → token.
    public var sequences: SequenceSynapses
    /// W: SAE latent → token.
    public var features: FeatureSynapses
    /// M: whitened hidden state → hidden direction, before the unembedding.
    public var matrix: DenseSynapses
    /// What a hookpoint inside the network adds to the residual stream.
    public var layer: LayerSynapses
    /// E: positions of this session and the tokens that followed them.
    public var episodes: EpisodicMemory
    /// What was said, found again by what it means.
    public var sayings: SayingMemory
    /// How often each SAE latent was at work in what was learned; empty while nothing was. Tells
    /// the neuromodulator how familiar a position is.
    public var familiarity: [Int32]
    /// g: how loudly each site speaks.
    public var gains: SiteFactors
    /// The learning gate's running mean of the frozen loss, nats a token; nil before the first
    /// token. Part of the working state only: a checkpoint drops it.
    public var frozenLossAverage: Float?

    public init() {
        bias = []
        sequences = SequenceSynapses()
        features = FeatureSynapses()
        matrix = DenseSynapses()
        layer = LayerSynapses()
        episodes = EpisodicMemory()
        sayings = SayingMemory()
        familiarity = []
        gains = SiteFactors()
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

    /// w ← factor·w in every synapse: forgetting with time. Episodes are not synapses and stay.
    /// - Complexity: O(n) in what is stored.
    public mutating func decay(_ factors: SiteFactors) {
        if factors.bias != 1 { for index in bias.indices { bias[index] *= factors.bias } }
        if factors.sequence != 1 { sequences.scale(by: factors.sequence) }
        if factors.feature != 1 { features.scale(by: factors.feature) }
        if factors.matrix != 1 { matrix.scale(by: factors.matrix) }
        if factors.layer != 1 { layer.scale(by: factors.layer) }
    }

    /// The same sites without what only steers further learning (DESIGN §4, metaplasticity), and
    /// without episodes that live no longer than their session.
    public func withoutTraces() -> PlasticSites {
        var copy = self
        copy.sequences.dropVisits()
        copy.features.dropUsage()
        if !episodes.isKept { copy.episodes = EpisodicMemory() }
        copy.frozenLossAverage = nil
        return copy
    }
}

/// One number for each site, such as g: a gain, dimensionless, 1 at birth. Gains are saved with the
/// engram: without them a saved delta lost all its gain in the next session.
public struct SiteFactors: Sendable, Equatable {
    public var bias: Float = 1
    public var sequence: Float = 1
    public var feature: Float = 1
    public var matrix: Float = 1
    public var episode: Float = 1
    public var layer: Float = 1
    public init() {}

    /// The same number for every site.
    public init(repeating value: Float) {
        self.init(all: [Float](repeating: value, count: Self.count))
    }

    /// How many sites there are.
    static let count = 6

    /// In the order of the file format.
    var all: [Float] { [bias, sequence, feature, matrix, episode, layer] }

    /// - Precondition: as many values as sites.
    init(all values: [Float]) {
        precondition(values.count == Self.count, "one value for each site")
        (bias, sequence, feature) = (values[0], values[1], values[2])
        (matrix, episode, layer) = (values[3], values[4], values[5])
    }
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
