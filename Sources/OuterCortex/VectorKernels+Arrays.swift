import Kernels

/// The kernels over arrays that are stored properties: a span of one field may not live while its
/// owner is touched, so each call opens and closes its own.
extension VectorKernels {
    static func softmax(_ logits: Span<Float>, into probabilities: inout [Float]) -> Float {
        var output = probabilities.mutableSpan
        return softmax(logits, into: &output)
    }

    static func softmaxOfSum(
        _ logits: Span<Float>, _ shift: [Float], into probabilities: inout [Float]
    ) -> Float {
        var output = probabilities.mutableSpan
        return softmaxOfSum(logits, shift.span, into: &output)
    }

    static func logarithm(of x: [Float], into out: inout [Float]) {
        var output = out.mutableSpan
        logarithm(of: x.span, into: &output)
    }

    static func addScaled(_ x: [Float], _ scale: Float, to y: inout [Float]) {
        var output = y.mutableSpan
        addScaled(x.span, scale, to: &output)
    }
}
