import Foundation

/// What can be said for certain of a personal model's gain in its session (DESIGN §5.6), fed one
/// token at a time with the gain that was predicted before the token was learned.
///
/// Four parts, each with a claim of its own: the gain so far with a time-uniform lower bound
/// (`GainConfidence`), a forecast for the next block (`GainForecast`), evidence that the model helps
/// here (`GainEvidence`). The engram's complexity (`EngramComplexity`) is reported beside them.
///
/// It must only be fed tokens that somebody else wrote: on its own completions a model looks better
/// than the core by construction, KL nats a token. Its encoding stays under 4 KB whatever the
/// session's length.
public struct GainCertificate: Sendable, Equatable, Codable {
    /// How sure the certified gain is, at all times together.
    public static let confidence = 1 - GainConfidence.risk

    /// Tokens of a block of the forecast.
    public static let blockTokens = GainForecast.blockLength

    public private(set) var tokens = 0
    /// Σ of the gains and of the frozen losses, nats.
    private var gain = 0.0
    private var frozen = 0.0
    private var bound: GainConfidence
    private var blocks = GainForecast()
    private var bets: GainEvidence

    /// Starts before the first token.
    public init(zone: SafeZone) {
        bound = GainConfidence(lossBound: zone.tokenLossBound)
        bets = GainEvidence(lossBound: zone.tokenLossBound)
    }

    /// Accounts for one token. A gain that is not finite counts as the worst the floor allows (+∞:
    /// as the ceiling), a frozen loss that is not finite or negative as 0.
    /// - Complexity: O(1), about 0.3 µs.
    public mutating func add(_ token: TokenGain) {
        let gain = GainConfidence.clipped(Double(token.gain), lossBound: bound.lossBound)
        let loss = Double(token.frozenLoss)
        let frozen = loss.isFinite ? max(0, loss) : 0
        tokens += 1
        self.gain += gain
        self.frozen += frozen
        bound.add(gain)
        bets.add(gain)
        blocks.add(gain: gain, frozenLoss: frozen)
    }

    /// The gain that was measured: its mean, nats a token, and in percent of the frozen loss.
    public var measuredGain: Double { tokens == 0 ? 0 : gain / Double(tokens) }
    public var measuredGainPercent: Double { percent(measuredGain) }

    /// The mean over the tokens so far of each one's expected gain just before it came is at least
    /// this, with probability 95 % at all token counts together. Nats a token; negative as long as
    /// no gain is certified.
    public var certifiedGain: Double { bound.lowerBound }
    /// The same in percent of the frozen loss that the tokens cost.
    public var certifiedGainPercent: Double { percent(certifiedGain) }

    private func percent(_ mean: Double) -> Double {
        frozen > 0 ? 100 * mean * Double(tokens) / frozen : 0
    }

    /// The next 512 tokens gain at least this, percent of their frozen loss, with
    /// `forecastConfidence`, if blocks are exchangeable; nil before the first whole block.
    public var nextBlockGainPercent: Double? { blocks.nextBlockAtLeast }
    public var forecastConfidence: Double { blocks.confidence }
    public var forecastBlocks: Int { blocks.blockCount }

    /// ln of the e-value that the personal model helps on these tokens.
    public var logEvidence: Double { bets.logValue }
    /// Whether the e-value exceeds 20.
    public var helps: Bool { bets.helps }
    /// The token at which it first did.
    public var tokensUntilEvidence: Int? { bets.tokensUntilEvidence }
}
