/// What an engram may hold beside what the safe zone bounds: the numbers of the rule that it is learned
/// by. Learning never leaves more; a stranger's file may name any number, and each costs time at every
/// token.
public struct EngramLimits: Sendable, Equatable {
    public var episodes = Int.max
    /// By how many latents an episode is found.
    public var latentsOfEpisode = Int.max
    /// How many tokens a context spans.
    public var tokensOfContext = Int.max
    public var sayings = SayingMemory.capacity
    /// Length of a saying's keys; nil for any.
    public var keyOfSaying: Int?

    /// No limits.
    public init() {}

    public init(
        episodes: Int, latentsOfEpisode: Int, tokensOfContext: Int, sayings: Int = 0,
        keyOfSaying: Int? = nil
    ) {
        self.sayings = sayings
        self.keyOfSaying = keyOfSaying
        self.episodes = episodes
        self.latentsOfEpisode = latentsOfEpisode
        self.tokensOfContext = tokensOfContext
    }
}

extension PlasticSites {
    /// Throws where there is more of something than allowed.
    /// - Complexity: O(contexts + episodes).
    func check(_ limits: EngramLimits) throws(EngramError) {
        func require(_ count: Int, _ limit: Int, _ what: String) throws(EngramError) {
            guard count <= limit else { throw .tooMany(what: what, found: count, limit: limit) }
        }
        try require(episodes.count, limits.episodes, "episodes")
        try require(episodes.mostLatents, limits.latentsOfEpisode, "latents in an episode")
        try require(sequences.longestOrder, limits.tokensOfContext, "tokens in a context")
        try require(sayings.count, limits.sayings, "sayings")
        if let size = limits.keyOfSaying, !sayings.isEmpty, sayings.keySize != size {
            throw .outOfRange(site: "sayings (key)", found: sayings.keySize, limit: size)
        }
    }

    /// What is left within limits: the newest episodes, found by their strongest latents, the newest
    /// sayings, and no context that is too long.
    func cut(to limits: EngramLimits) -> PlasticSites {
        var copy = self
        copy.episodes = .joined([episodes], capacity: limits.episodes)
            .foundBy(atMost: limits.latentsOfEpisode)
        copy.sayings = sayings.suffix(limits.sayings)
        if let size = limits.keyOfSaying, sayings.keySize != size { copy.sayings = SayingMemory() }
        if sequences.longestOrder > limits.tokensOfContext {
            copy.sequences = SequenceSynapses(
                sequences.sorted().filter { $0.order <= limits.tokensOfContext })
        }
        return copy
    }
}
