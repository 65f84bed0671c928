import Foundation

extension VectorKernels {
    /// Softmax where the greatest logit is infinite: the limit, shared equally by its holders.
    static func limitSoftmax(
        _ logits: Span<Float>, _ peak: Float, into probabilities: inout MutableSpan<Float>
    ) -> Float {
        var holders = 0
        for index in logits.indices where logits[index] == peak { holders += 1 }
        guard holders > 0 else { return peak }
        for index in logits.indices {
            probabilities[index] = logits[index] == peak ? 1 / Float(holders) : 0
        }
        return peak
    }

    /// The natural logarithm of the C library, in single precision.
    static func logarithm(_ x: Float) -> Float { Foundation.log(x) }
}
