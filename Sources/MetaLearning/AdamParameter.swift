import Foundation

/// A parameter vector with Adam's two moments (Kingma and Ba 2015).
struct AdamParameter: Sendable {
    var value: [Float]
    var first: [Float]
    var second: [Float]

    init(_ value: [Float]) {
        self.value = value
        first = [Float](repeating: 0, count: value.count)
        second = first
    }

    /// - Parameter step: from 1, for the correction of the moments' bias.
    mutating func update(_ gradient: [Float], rate: Float, step: Int) {
        Self.update(&value, &first, &second, gradient, rate: rate, step: step)
    }

    private static func update(
        _ value: inout [Float], _ first: inout [Float], _ second: inout [Float],
        _ gradient: [Float], rate: Float, step: Int
    ) {
        let (beta1, beta2): (Float, Float) = (0.9, 0.999)
        let correction1 = 1 / (1 - powf(beta1, Float(step)))
        let correction2 = 1 / (1 - powf(beta2, Float(step)))
        var values = value.mutableSpan
        var firsts = first.mutableSpan
        var seconds = second.mutableSpan
        let gradients = gradient.span
        for index in gradients.indices {
            let g = gradients[index]
            let m = beta1 * firsts[index] + (1 - beta1) * g
            let v = beta2 * seconds[index] + (1 - beta2) * g * g
            firsts[index] = m
            seconds[index] = v
            values[index] -=
                rate * (m * correction1) / ((v * correction2).squareRoot() + 1e-8)
        }
    }
}
