import Foundation

/// A parameter vector with Adam's two moments (Kingma and Ba 2015), and decay apart from them.
struct AdamParameter: Sendable {
    var value: [Float]
    var first: [Float]
    var second: [Float]

    init(_ value: [Float]) {
        self.value = value
        first = [Float](repeating: 0, count: value.count)
        second = first
    }

    /// One step down the gradient.
    ///
    /// - Parameters:
    ///   - step: from 1, for the correction of the moments' bias.
    ///   - decay: share of the value, times the rate, that a step takes away whatever the gradient
    ///     (AdamW, Loshchilov and Hutter 2019).
    ///   - momentum: β₁, in 0..<1.
    mutating func update(
        _ gradient: [Float], rate: Float, step: Int, decay: Float = 0, momentum: Float = 0.9
    ) {
        Self.update(
            &value, &first, &second, gradient, rate: rate, step: step, kept: 1 - rate * decay,
            beta1: momentum)
    }

    private static func update(
        _ value: inout [Float], _ first: inout [Float], _ second: inout [Float],
        _ gradient: [Float], rate: Float, step: Int, kept: Float, beta1: Float
    ) {
        let beta2: Float = 0.999
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
            values[index] =
                kept * values[index]
                - rate * (m * correction1) / ((v * correction2).squareRoot() + 1e-8)
        }
    }
}
