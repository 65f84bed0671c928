import Kernels

/// From a hidden state to the key by which its position is remembered: k = unit(P·(h − μ)), with P
/// the leading whitened principal directions, Λ^(−¼)·Eᵀ of the hidden states' covariance E·Λ·Eᵀ.
public struct KeyProjection: Sendable, Equatable {
    /// μ, shape [hidden].
    public let mean: [Float]
    /// P, shape [keySize, hidden].
    public let projection: [Float]

    public var keySize: Int { projection.count / max(1, mean.count) }

    /// - Precondition: `projection` holds whole rows of `mean.count`.
    public init(mean: [Float], projection: [Float]) {
        precondition(!mean.isEmpty && projection.count % mean.count == 0, "rows of hidden size")
        self.mean = mean
        self.projection = projection
    }

    /// Keys that are the hidden states' directions.
    public static func identity(size: Int) -> KeyProjection {
        KeyProjection(
            mean: [Float](repeating: 0, count: size),
            projection: (0..<size * size).map { $0 / size == $0 % size ? 1 : 0 })
    }

    /// The keys of several positions.
    /// - Parameters:
    ///   - hidden: shape [count, hidden].
    ///   - output: replaced, shape [count, keySize], rows of norm 1 (or 0).
    ///   - centred: scratch.
    /// - Complexity: O(count·hidden·keySize); a row depends on itself alone. Allocates only for more
    ///   positions than before.
    func apply(
        _ hidden: Span<Float>, count: Int, centred: inout [Float], into output: inout [Float]
    ) {
        let (width, size) = (mean.count, keySize)
        if centred.count != width { centred = [Float](repeating: 0, count: width) }
        output.removeAll(keepingCapacity: true)
        output.append(contentsOf: repeatElement(0, count: count * size))
        var keys = output.mutableSpan
        for index in 0..<count {
            for i in 0..<width { centred[i] = hidden[index * width + i] - mean[i] }
            var row = keys._mutatingExtracting(index * size..<(index + 1) * size)
            MatrixKernels.multiply(projection.span, by: centred.span, into: &row)
            let norm = VectorKernels.dot(row.span, row.span).squareRoot()
            VectorKernels.scale(&row, by: norm > 0 ? 1 / norm : 0)
        }
    }
}
