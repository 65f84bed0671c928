import Foundation
import Kernels

/// A stream of gains whose every conditional mean is known, whatever it does next.
protocol GainStream: Sendable {
    init(seed: UInt64)
    /// Draws the next gain.
    /// - Returns: It, and its expectation just before it was drawn; nats.
    mutating func next() -> (gain: Double, mean: Double)
}

/// The floor of the default safe zone, nats.
let lossBound = -log1p(-0.95)

extension SeededGenerator {
    /// −floor with the probability that makes the mean, else `win`: the largest variance there is.
    mutating func twoPoint(mean: Double, win: Double) -> Double {
        let loss = (win - mean) / (win + lossBound)
        return uniformDouble() < loss ? -lossBound : win
    }
}

/// Infinite variance: a Pareto tail of index 3/2 above, losses down to the floor below.
struct HeavyTailed: GainStream {
    static let mean = -0.25
    private var generator: SeededGenerator
    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> (gain: Double, mean: Double) {
        // Mean of the tail: 3/2 · 0.5/(1/2) = 1.5.
        let tail = 0.5 * pow(1 - generator.uniformDouble(), -2.0 / 3)
        return (tail - 1.5 + Self.mean, Self.mean)
    }
}

/// The mean wanders with what came before, and so does the spread.
struct Drifting: GainStream {
    private var generator: SeededGenerator
    private var tokens = 0.0
    private var sum = 0.0
    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> (gain: Double, mean: Double) {
        let mean = 0.4 * sin(tokens / 150) + (sum > 0 ? -0.3 : 0.2)
        let isCalm = tokens.truncatingRemainder(dividingBy: 900) < 450
        let gain = generator.twoPoint(mean: mean, win: isCalm ? 1 : 4)
        tokens += 1
        sum += gain
        return (gain, mean)
    }
}

/// Looks harmless for a long while: small gains, and rarely all is lost. It raises the stakes while
/// it is lucky, so that one who stops at the best moment sees the most.
struct LuckyStreak: GainStream {
    private var generator: SeededGenerator
    private var streak = 0
    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> (gain: Double, mean: Double) {
        let win = min(2, 0.02 + 0.01 * Double(streak))
        let gain = generator.twoPoint(mean: 0, win: win)
        streak = gain > 0 ? streak + 1 : 0
        return (gain, 0)
    }
}

/// Fair, small and even: the stream on which a betting bound has the least slack.
struct FairCoin: GainStream {
    private var generator: SeededGenerator
    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> (gain: Double, mean: Double) {
        (generator.uniformDouble() < 0.5 ? 0.5 : -0.5, 0)
    }
}

/// Harm first, then help, so that the mean so far stays just under zero to the end.
struct Recovering: GainStream {
    private var generator: SeededGenerator
    private var total = 0.0
    private var tokens = 0
    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> (gain: Double, mean: Double) {
        tokens += 1
        let mean = tokens < 200 ? -0.3 : min(0.2, -total)
        total += mean
        return (generator.twoPoint(mean: mean, win: 1.5), mean)
    }
}
