import Foundation

/// One cycle of the learning rate, against which Adam's first moment swings (Smith and Topin 2019;
/// the numbers are those of PyTorch's `OneCycleLR`): half a cosine up from peak/25 to the peak over
/// the first tenth of the steps, half a cosine down to peak/250,000 over the rest; β₁ goes from 0.95
/// to 0.85 and back.
struct OneCycleSchedule: Sendable {
    let steps: Int
    let peakRate: Double
    static let warmUpShare = 0.1

    /// - Parameter step: from 0.
    func rate(at step: Int) -> Float {
        let start = peakRate / 25
        return Float(value(at: step, start: start, middle: peakRate, end: start / 1e4))
    }

    func momentum(at step: Int) -> Float {
        Float(value(at: step, start: 0.95, middle: 0.85, end: 0.95))
    }

    private func value(at step: Int, start: Double, middle: Double, end: Double) -> Double {
        // The peak may lie between two steps, and before the first when there are few.
        let peak = Self.warmUpShare * Double(steps) - 1
        let last = Double(steps - 1)
        let position = Double(step)
        if position < peak { return Self.anneal(start, middle, position / peak) }
        return Self.anneal(middle, end, (position - peak) / (last - peak))
    }

    private static func anneal(_ from: Double, _ to: Double, _ share: Double) -> Double {
        to + (from - to) / 2 * (1 + cos(Double.pi * share))
    }
}
