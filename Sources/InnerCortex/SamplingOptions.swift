public import ModelFormats

/// How the next token is drawn.
public struct SamplingOptions: Sendable, Equatable {
    /// Divides the logits; 0 takes the most probable token. 0...100.
    public var temperature: Float
    /// Keeps the k most probable tokens; 0 keeps all.
    public var topK: Int
    /// Keeps the smallest set of most probable tokens whose probabilities reach this sum; over 0,
    /// at most 1 (which keeps all).
    public var topP: Float
    /// Drops tokens less probable than this part of the most probable one's probability; 0...1.
    public var minP: Float
    /// Divides positive and multiplies negative logits of tokens that came before (Keskar et al.
    /// 2019); 1 changes nothing. 0.01...100.
    public var repetitionPenalty: Float
    /// Taken from a logit for each time that its token is in the answer so far; −2...2.
    public var frequencyPenalty: Float
    /// Taken once from the logits of tokens that are in the answer so far; −2...2.
    public var presencePenalty: Float
    /// Added to the logits of these tokens, before all else; −100...100 each.
    public var logitBias: [TokenID: Float]
    /// For drawing the same text again; nil when the caller does not mind.
    public var seed: UInt64?

    public init(
        temperature: Float = 1, topK: Int = 0, topP: Float = 1, minP: Float = 0,
        repetitionPenalty: Float = 1, frequencyPenalty: Float = 0, presencePenalty: Float = 0,
        logitBias: [TokenID: Float] = [:], seed: UInt64? = nil
    ) {
        self.temperature = temperature
        self.topK = topK
        self.topP = topP
        self.minP = minP
        self.repetitionPenalty = repetitionPenalty
        self.frequencyPenalty = frequencyPenalty
        self.presencePenalty = presencePenalty
        self.logitBias = logitBias
        self.seed = seed
    }

    /// Checks every bound.
    ///
    /// - Throws: `SamplingError` for the first option that is outside of its bounds or NaN.
    public func validated() throws(SamplingError) {
        try check("temperature", temperature, temperature >= 0 && temperature <= 100, "0...100")
        try check("topK", topK, topK >= 0, "0 (keeps all) or more")
        try check("topP", topP, topP > 0 && topP <= 1, "over 0, at most 1")
        try check("minP", minP, minP >= 0 && minP <= 1, "0...1")
        try check(
            "repetitionPenalty", repetitionPenalty,
            repetitionPenalty >= 0.01 && repetitionPenalty <= 100, "0.01...100")
        try check(
            "frequencyPenalty", frequencyPenalty, abs(frequencyPenalty) <= 2, "-2...2")
        try check("presencePenalty", presencePenalty, abs(presencePenalty) <= 2, "-2...2")
        for bias in logitBias.values {
            try check("logitBias", bias, abs(bias) <= 100, "-100...100")
        }
    }

    private func check<Value: CustomStringConvertible>(
        _ option: String, _ found: Value, _ holds: Bool, _ allowed: String
    ) throws(SamplingError) {
        if !holds {
            throw SamplingError(option: option, found: found.description, allowed: allowed)
        }
    }
}

/// A sampling option outside of its bounds.
public struct SamplingError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The property of `SamplingOptions`.
    public let option: String
    public let found: String
    public let allowed: String

    public var description: String { "\(option) is \(found), allowed is \(allowed)" }
}
