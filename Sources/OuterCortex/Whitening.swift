import Kernels

/// The two fixed maps between which the layer weights M learn: from the hidden state to decorrelated
/// inputs of norm 1, and from M's outputs to the directions of the unembedding.
///
///     ĥ = unit(T·(h − μ)),  T = C_h^(−¼)        term = U·(A·M·ĥ)        post = A·Σ_j e_j (U_j − ū)
///
/// A is symmetric, from the second moments of U's rows, and scaled so that A·(U_j − ū) has mean
/// norm 1. Without whitening M learns the few directions that every hidden state shares.
public struct Whitening: Sendable, Equatable {
    public let size: Int
    /// μ, shape [size].
    public var mean: [Float]
    /// T, shape [size, size], symmetric.
    public var transform: [Float]
    /// ū, shape [size].
    public var unembeddingMean: [Float]
    /// A, shape [size, size], symmetric.
    public var unembeddingTransform: [Float]

    /// - Precondition: shapes as stated.
    public init(
        mean: [Float], transform: [Float], unembeddingMean: [Float], unembeddingTransform: [Float]
    ) {
        size = mean.count
        precondition(
            transform.count == size * size && unembeddingMean.count == size
                && unembeddingTransform.count == size * size, "whitening of one size")
        self.mean = mean
        self.transform = transform
        self.unembeddingMean = unembeddingMean
        self.unembeddingTransform = unembeddingTransform
    }

    /// The maps that change nothing but the norm of h.
    public static func identity(size: Int) -> Whitening {
        let unit = (0..<size * size).map { Float($0 / size == $0 % size ? 1 : 0) }
        let zero = [Float](repeating: 0, count: size)
        return Whitening(
            mean: zero, transform: unit, unembeddingMean: zero, unembeddingTransform: unit)
    }

    /// ĥ of several positions.
    /// - Parameters:
    ///   - hidden: shape [count, size].
    ///   - output: replaced, same shape, rows of norm 1.
    /// - Complexity: O(count·size²); a row depends on itself alone.
    func apply(_ hidden: Span<Float>, count: Int, into output: inout [Float]) {
        output.removeAll(keepingCapacity: true)
        var centred = [Float](repeating: 0, count: size)
        var row = centred
        for index in 0..<count {
            for i in 0..<size { centred[i] = hidden[index * size + i] - mean[i] }
            Self.multiply(transform, centred, into: &row)
            let norm = VectorKernels.dot(row.span, row.span).squareRoot()
            let scale = norm > 0 ? 1 / norm : 0
            for value in row { output.append(value * scale) }
        }
    }

    /// A·x, shape [size].
    func unwhitened(_ x: [Float], into y: inout [Float]) {
        Self.multiply(unembeddingTransform, x, into: &y)
    }

    private static func multiply(_ matrix: [Float], _ x: [Float], into y: inout [Float]) {
        var output = y.mutableSpan
        MatrixKernels.multiply(matrix.span, by: x.span, into: &output)
    }
}
