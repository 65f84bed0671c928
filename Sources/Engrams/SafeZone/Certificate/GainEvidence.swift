import Foundation

/// Evidence, as an e-value, that the personal model helps on the tokens of this session.
///
/// A bettor who starts with 1 stakes the share λ·X_t of their capital on each token's gain:
/// E_t = mean over a grid of λ of Π_i (1 + λ·X_i), with λ·a ≤ 0.9 so that no token ruins them.
///
/// Null hypothesis at time t: the mean conditional gain so far, (1/t)·Σ_{i≤t} E[X_i | past], is not
/// positive. Π_i (1 + λX_i)·e^(−λμ_i) is a nonnegative supermartingale, and where Σμ_i ≤ 0 the
/// capital is no larger than it; so the probability that E_t ≥ 1/δ at *any* t at which the null
/// holds is at most δ. In particular, if the model never helps, E ever reaches 20 with probability
/// at most 5 %, however long one looks (Ville 1939; Ramdas, Grünwald, Vovk, Shafer 2023).
///
/// It speaks of the whole personal model as it was at each token: what the session started with
/// plus what it had learned by then. To test the start alone would take a second forward readout of
/// every token, under an engram that no longer predicts. `tokensUntilEvidence` says how soon the
/// evidence was there: within the first tens of tokens it is nearly all the start's.
struct GainEvidence: Sendable, Equatable, Codable {
    /// ln 20: what counts as evidence, at 5 %.
    static let threshold = log(20.0)
    private static let gridSize = 8

    let lossBound: Double
    private var tokens = 0
    /// Σ_i ln(1 + λX_i), one a λ.
    private var logs = [Double](repeating: 0, count: Self.gridSize)
    /// The token at which E first exceeded 20.
    private(set) var tokensUntilEvidence: Int?

    /// - Parameter lossBound: a ≥ 0, nats.
    init(lossBound: Double) { self.lossBound = lossBound }

    /// - Parameter gain: X_t, nats; clipped as for the confidence bound.
    /// - Complexity: O(1), eight logarithms; allocates nothing.
    mutating func add(_ gain: Double) {
        let gain = GainConfidence.clipped(gain, lossBound: lossBound)
        var rate = 0.9 / max(1, lossBound)
        for index in logs.indices {
            logs[index] += log1p(rate * gain)
            rate /= 2
        }
        tokens += 1
        if tokensUntilEvidence == nil, helps { tokensUntilEvidence = tokens }
    }

    /// ln E_t; 0 before the first token.
    var logValue: Double { GainConfidence.logMean(of: logs) }

    var helps: Bool { logValue > Self.threshold }
}
