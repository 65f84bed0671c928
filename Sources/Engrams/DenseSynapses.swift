import Kernels

/// Layer-weight plasticity: a matrix of synapses, every input to every output.
public struct DenseSynapses: Sendable, Equatable {
    /// Outputs and inputs that it connects; 0 while nothing was learned.
    public private(set) var outputs = 0
    public private(set) var inputs = 0
    /// Shape [output, input], row-major.
    public private(set) var weights: [Float] = []

    public init() {}

    /// - Precondition: `weights.count == outputs * inputs`.
    public init(outputs: Int, inputs: Int, weights: [Float]) {
        precondition(weights.count == outputs * inputs, "a matrix of synapses")
        self.outputs = weights.isEmpty ? 0 : outputs
        self.inputs = weights.isEmpty ? 0 : inputs
        self.weights = weights
    }

    /// A square of synapses.
    public init(size: Int, weights: [Float]) {
        self.init(outputs: size, inputs: size, weights: weights)
    }

    public var isEmpty: Bool { weights.isEmpty }

    /// ‖M‖_F, which no singular value exceeds.
    /// - Complexity: O(outputs·inputs).
    public var frobeniusNorm: Float {
        VectorKernels.dot(weights.span, weights.span).squareRoot()
    }

    /// y = M·x; zeros while nothing was learned.
    /// - Parameters: x of shape [inputs], y of shape [outputs].
    /// - Complexity: O(outputs·inputs); allocates nothing.
    public func apply(to x: Span<Float>, into y: inout MutableSpan<Float>) {
        guard !isEmpty else {
            for index in y.indices { y[index] = 0 }
            return
        }
        precondition(x.count == inputs && y.count == outputs, "vectors of the site's sizes")
        let weights = weights
        MatrixKernels.multiply(weights.span, by: x, into: &y)
    }

    /// Changes every synapse by `change` of its two sides, then brings the matrix back to the norm
    /// that the safe zone allows, by scaling.
    /// - Parameters:
    ///   - post: shape [outputs]; - pre: shape [inputs].
    ///   - bound: the largest ‖M‖_F, above 0.
    /// - Complexity: O(outputs·inputs); allocates on the first call alone.
    public mutating func update(
        post: Span<Float>, pre: Span<Float>, change: SynapticChange, bound: Float
    ) {
        if isEmpty {
            (outputs, inputs) = (post.count, pre.count)
            weights = [Float](repeating: 0, count: outputs * inputs)
        }
        precondition(
            post.count == outputs && pre.count == inputs, "vectors of the site's sizes")
        Self.update(&weights, post: post, pre: pre, change: change, bound: bound)
    }

    private static func update(
        _ weights: inout [Float], post: Span<Float>, pre: Span<Float>, change: SynapticChange,
        bound: Float
    ) {
        let size = pre.count
        var all = weights.mutableSpan
        for row in 0..<post.count {
            var part = all._mutatingExtracting(row * size..<(row + 1) * size)
            let output = post[row]
            let retained = 1 - change.selfLimit * output * output
            if retained != 1 { VectorKernels.scale(&part, by: retained) }
            VectorKernels.addScaled(
                pre, change.coincidence * output + change.presynaptic, to: &part)
            let shift = change.postsynaptic * output + change.constant
            if shift != 0 { for index in part.indices { part[index] += shift } }
        }
        let norm = VectorKernels.dot(all.span, all.span).squareRoot()
        if norm > bound { VectorKernels.scale(&all, by: bound / norm) }
    }

    /// w ← factor·w everywhere.
    mutating func scale(by factor: Float) {
        var all = weights.mutableSpan
        VectorKernels.scale(&all, by: factor)
    }

    /// self + scale·other, brought back to the norm `bound`.
    func combined(with other: DenseSynapses, scale: Float, bound: Float) -> DenseSynapses {
        guard !other.isEmpty else { return self }
        var sum = isEmpty ? [Float](repeating: 0, count: other.weights.count) : weights
        var all = sum.mutableSpan
        VectorKernels.addScaled(other.weights.span, scale, to: &all)
        let norm = VectorKernels.dot(all.span, all.span).squareRoot()
        if norm > bound { VectorKernels.scale(&all, by: bound / norm) }
        return DenseSynapses(outputs: other.outputs, inputs: other.inputs, weights: sum)
    }
}
