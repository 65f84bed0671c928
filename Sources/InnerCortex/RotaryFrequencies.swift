import Foundation
import ModelFormats

/// The angular frequencies of rotary positions (Su et al. 2021), after scaling.
///
/// Computed in single precision step by step as `transformers` does, because at position p an
/// angle carries p times the frequency's rounding error.
struct RotaryFrequencies: Sendable {
    /// Radians a position, shape [size/2].
    let values: [Float]

    /// - Parameter size: how much of a head is turned.
    init(_ rope: RopeParameters, size: Int) {
        values = (0..<size / 2).map { index in
            let exponent = Float(2 * index) / Float(size)
            let frequency = 1 / Float(pow(rope.theta, Double(exponent)))
            return Self.scaled(frequency, index, rope.scaling)
        }
    }

    private static func scaled(
        _ frequency: Float, _ index: Int, _ scaling: RopeParameters.Scaling
    ) -> Float {
        switch scaling {
        case .each(let factors): return frequency / factors[index]
        case .none, .dynamic: return frequency
        case .linear(let factor): return frequency / factor
        case .llama3(let factor, let low, let high, let originalContext):
            let wavelength = 2 * Float.pi / frequency
            let original = Float(originalContext)
            if wavelength < original / high { return frequency }
            if wavelength > original / low { return frequency / factor }
            let smooth = (original / wavelength - low) / (high - low)
            return (1 - smooth) * (frequency / factor) + smooth * frequency
        }
    }

    /// cos and sin of the angles at a part's positions, in its rows.
    func fill(_ part: RowPlan.Part, into angles: inout Workspace.Angles) {
        for row in part.rows {
            let position = Float(part.position + row - part.rows.lowerBound)
            for (index, frequency) in values.enumerated() {
                let angle = Double(position * frequency)
                angles.cosines[row * values.count + index] = Float(cos(angle))
                angles.sines[row * values.count + index] = Float(sin(angle))
            }
        }
    }
}
