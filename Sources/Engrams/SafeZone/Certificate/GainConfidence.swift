import Foundation

/// A lower confidence bound for the mean gain so far that holds at all token counts at once, so
/// that one may look after every token and stop when one likes.
///
/// Let X_t ≥ −a be token t's gain, μ_t = E[X_t | the past] its expectation just before it came, and
/// m_t the mean of the earlier gains, clipped to −a...1. For 0 < λ < 1/(a+1) the product
///
///     M_t(λ) = Π_i (1 + λ(X_i − m_i)) · e^(λ(m_i − μ_i))
///
/// is a nonnegative supermartingale, because E[1 + λ(X_i − m_i) | past] = 1 + λ(μ_i − m_i) ≤
/// e^(λ(μ_i − m_i)). So is its mean over a fixed grid of λ, and by Ville's inequality that mean
/// ever reaches 1/δ with probability at most δ. As ln M_t(λ) = L_t(λ) − λ·Σμ_i falls with Σμ_i, the
/// sum at which the mean is exactly 1/δ bounds Σμ_i from below, for all t together.
///
/// - What is certified is the plain mean (1/t)·Σ_{i≤t} μ_i: each λ is constant, so no token weighs
///   more than another, and the grid stands in for a horizon. Nothing is assumed of the tokens but
///   the floor: they may depend on each other, drift, and have heavy tails.
/// - In units of a + 1 nats, ln(1+λξ) ≥ λξ + ξ²·(ln(1−λ) + λ) for every ξ ≥ −1 and 0 ≤ λ < 1 (Fan,
///   Grama, Liu 2015). So it is never looser than the empirical-Bernstein sequence over the same
///   grid (Howard, Ramdas, McAuliffe, Sekhon 2021, theorem 4), which has the right side in place of
///   the left. The betting form is that of Waudby-Smith and Ramdas 2024.
struct GainConfidence: Sendable, Equatable, Codable {
    /// δ: how often the bound may ever fail.
    static let risk = 0.05
    /// Gains above this count as this, nats: a smaller X only lowers the bound, and sums stay
    /// finite whatever a core's logits are.
    static let gainCeiling = 32.0
    /// Where m_t is clipped, nats. A larger one would shrink every λ; typical means are below 1.
    private static let predictionCeiling = 1.0
    /// λ halves along the grid: from what decides some ten tokens to what decides 10^7.
    private static let gridSize = 10

    /// a, nats.
    let lossBound: Double
    private var tokens = 0
    /// Σ X_i with the ceiling, for m_t.
    private var sum = 0.0
    /// L_t(λ) = Σ_i ln(1 + λ(X_i − m_i)) + λ·m_i, one a λ.
    private var logs = [Double](repeating: 0, count: Self.gridSize)

    /// - Parameter lossBound: a ≥ 0, nats.
    init(lossBound: Double) { self.lossBound = lossBound }

    private func rate(_ index: Int) -> Double {
        0.9 / (lossBound + Self.predictionCeiling) * exp2(-Double(index))
    }

    /// - Parameter gain: X_t, nats; a NaN counts as −a, the worst there is.
    /// - Complexity: O(1), ten logarithms; allocates nothing.
    mutating func add(_ gain: Double) {
        let gain = Self.clipped(gain, lossBound: lossBound)
        let prediction = max(
            -lossBound, min(Self.predictionCeiling, sum / Double(tokens + 1)))
        for index in logs.indices {
            let rate = rate(index)
            logs[index] += log1p(rate * (gain - prediction)) + rate * prediction
        }
        sum += gain
        tokens += 1
    }

    /// Into −a...ceiling. Rounding may leave a gain a hair under the floor.
    static func clipped(_ gain: Double, lossBound: Double) -> Double {
        gain.isNaN ? -lossBound : min(gainCeiling, max(-lossBound, gain))
    }

    /// Whether Σμ_i = `total` is ruled out: the bound lies above it.
    func excludes(total: Double) -> Bool { logMean(at: total) >= Self.threshold }

    /// ln(1/δ).
    private static let threshold = -log(risk)

    /// The bound on (1/t)·Σμ_i, nats a token; −a, which always holds, before the first token.
    /// - Complexity: O(1), 60 steps of bisection.
    var lowerBound: Double {
        guard tokens > 0 else { return -lossBound }
        let threshold = Self.threshold
        let count = log(Double(logs.count))
        // One λ alone, at its share of the mean, gives a bound that is too low; the best λ, had it
        // all of the mean, one that is too high.
        let single = logs.indices.map { (logs[$0] - threshold) / rate($0) }
        let shared = logs.indices.map { (logs[$0] - threshold - count) / rate($0) }
        var (low, high) = (shared.max() ?? 0, single.max() ?? 0)
        for _ in 0..<60 {
            let middle = (low + high) / 2
            if excludes(total: middle) { low = middle } else { high = middle }
        }
        return max(-lossBound, low / Double(tokens))
    }

    /// ln of the mean of M_t over the grid, if Σμ_i were `total`.
    private func logMean(at total: Double) -> Double {
        let terms = logs.indices.map { logs[$0] - rate($0) * total }
        return Self.logMean(of: terms)
    }

    /// ln((1/n)·Σ e^term), without overflow.
    static func logMean(of terms: [Double]) -> Double {
        let peak = terms.max() ?? 0
        return peak + log(terms.reduce(0) { $0 + exp($1 - peak) } / Double(terms.count))
    }
}
