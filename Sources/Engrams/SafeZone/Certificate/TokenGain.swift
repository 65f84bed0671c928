import Foundation

/// What adaptation was worth on one token that came: the token was predicted, by the frozen core
/// and by what left the server, before either saw it.
public struct TokenGain: Sendable, Equatable {
    /// −ln p0(y), nats, not negative.
    public var frozenLoss: Float
    /// X = frozen loss − adapted loss, nats. At least ln(1 − maximumTrust): the safe zone's floor.
    public var gain: Float

    public init(frozenLoss: Float, gain: Float) {
        self.frozenLoss = frozenLoss
        self.gain = gain
    }
}

extension SafeZone {
    /// a: the most that a token can cost above the frozen core, nats. The output keeps a share of
    /// 1 − maximumTrust of every frozen probability, so X ≥ −a = ln(1 − maximumTrust).
    public var tokenLossBound: Double { -log1p(-maximumTrust) }
}
