/// Signs of collapse in one answer of the personal model, over its tokens. What a monitor averages
/// over a session; a figure that an answer is too short for is nil.
public struct GenerationVitals: Sendable, Equatable {
    /// Tokens of the answer.
    public var tokens: Int
    /// Share of its 3-grams that occurred among its 256 tokens before, 0...1. Within one answer
    /// only: asking twice for the same is no collapse.
    public var repetition: Double?
    /// Mean cosine of the core's final hidden states over all pairs of positions, −1...1.
    public var hiddenSimilarity: Double?
    /// Mean entropy of the distributions that left, and of the core's there, nats.
    public var entropy: Double
    public var frozenEntropy: Double
    /// Mean of ln p(y) − ln p0(y) over the tokens that were drawn, nats: how much likelier they
    /// were than under the core.
    public var logProbabilityDrift: Double
    /// KL(output ‖ frozen), nats a token: mean and largest.
    public var divergence: Double
    public var maximumDivergence: Double
    /// How many different distributions the answer was drawn from, effectively: 1 to
    /// `rankSamples`. Nil below 8 samples.
    public var effectiveRank: Double?
    public var rankSamples: Int

    public init(
        tokens: Int, repetition: Double?, hiddenSimilarity: Double?, entropy: Double,
        frozenEntropy: Double, logProbabilityDrift: Double, divergence: Double,
        maximumDivergence: Double, effectiveRank: Double?, rankSamples: Int
    ) {
        self.tokens = tokens
        self.repetition = repetition
        self.hiddenSimilarity = hiddenSimilarity
        self.entropy = entropy
        self.frozenEntropy = frozenEntropy
        self.logProbabilityDrift = logProbabilityDrift
        self.divergence = divergence
        self.maximumDivergence = maximumDivergence
        self.effectiveRank = effectiveRank
        self.rankSamples = rankSamples
    }
}
