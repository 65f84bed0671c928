import Kernels

/// The change of one projection's weights, in the factors of LoRA (Hu et al. 2021):
/// y ← y + B·(A·x), with the adapter's scale α/r already in B.
public struct LowRankDelta: Sendable, Equatable {
    /// The largest rank that is accepted anywhere.
    public static let maximumRank = 64

    public let inputs: Int
    public let outputs: Int
    /// r.
    public let rank: Int
    /// A, shape [r, inputs], row-major.
    public let a: [Float]
    /// B, shape [outputs, r], row-major.
    public let b: [Float]

    /// - Precondition: `a.count == rank * inputs` and `b.count == outputs * rank`, rank above 0.
    public init(inputs: Int, outputs: Int, rank: Int, a: [Float], b: [Float]) {
        precondition(
            rank > 0 && a.count == rank * inputs && b.count == outputs * rank,
            "LowRankDelta: factors of another shape")
        self.inputs = inputs
        self.outputs = outputs
        self.rank = rank
        self.a = a
        self.b = b
    }

    /// The best delta of a rank for a whole matrix of changes; nil when the matrix is 0.
    /// - Parameter matrix: shape [outputs, inputs].
    public init?(approximating matrix: [Float], inputs: Int, outputs: Int, rank: Int) {
        let best = LowRankFactors(matrix, rows: outputs, columns: inputs, rank: rank)
        guard best.rank > 0 else { return nil }
        self.init(inputs: inputs, outputs: outputs, rank: best.rank, a: best.right, b: best.left)
    }

    /// B·A, shape [outputs, inputs].
    public var product: [Float] {
        var product = [Float](repeating: 0, count: outputs * inputs)
        add(1, to: &product)
        return product
    }

    /// matrix ← matrix + scale·B·A.
    /// - Parameter matrix: shape [outputs, inputs].
    public func add(_ scale: Float, to matrix: inout [Float]) {
        var all = matrix.mutableSpan
        BLAS.multiply(
            a: b.span, b: a.span, m: outputs, k: rank, n: inputs, alpha: scale, beta: 1, into: &all)
    }

    /// ‖B·A‖_F = √Σ_kl (AAᵀ)_kl·(BᵀB)_kl; not a number when a factor has none or is huge.
    /// - Complexity: O(r²·(inputs + outputs)).
    public var frobeniusNorm: Float {
        let none = [Float](repeating: 0, count: rank * rank)
        var (rows, columns) = (none, none)
        do {
            var gram = rows.mutableSpan
            BLAS.multiply(
                a: a.span, b: a.span, m: rank, k: inputs, n: rank, transposeB: true, into: &gram)
        }
        do {
            var gram = columns.mutableSpan
            BLAS.multiply(
                a: b.span, b: b.span, m: rank, k: outputs, n: rank, transposeA: true, into: &gram)
        }
        let square = VectorKernels.dot(rows.span, columns.span)
        // Rounding can leave a hair below 0; what is not a number must not become 0.
        return square < 0 ? 0 : square.squareRoot()
    }

    /// The first of A, then of B, that is NaN or infinite; nil when all are finite.
    public var firstNotFinite: Int? {
        a.firstIndex { !$0.isFinite } ?? b.firstIndex { !$0.isFinite }.map { a.count + $0 }
    }

    /// factor·B·A.
    public func scaled(by factor: Float) -> LowRankDelta {
        LowRankDelta(
            inputs: inputs, outputs: outputs, rank: rank, a: a, b: b.map { $0 * factor })
    }

    /// The same change in factors of a larger rank: zeros fill up.
    /// - Precondition: `rank` is not below the delta's own.
    public func padded(to rank: Int) -> LowRankDelta {
        precondition(rank >= self.rank, "LowRankDelta: padded to a smaller rank")
        let added = rank - self.rank
        var wider: [Float] = []
        wider.reserveCapacity(outputs * rank)
        for row in 0..<outputs {
            wider += b[row * self.rank..<(row + 1) * self.rank]
            wider += [Float](repeating: 0, count: added)
        }
        return LowRankDelta(
            inputs: inputs, outputs: outputs, rank: rank,
            a: a + [Float](repeating: 0, count: added * inputs), b: wider)
    }

    /// self + scale·other, of rank `maximumRank` at most; nil when nothing is left.
    ///
    /// While the ranks fit, the factors stand side by side and the sum is exact; else it is the
    /// best approximation. Equal factors taken off leave nothing.
    /// - Precondition: both are of one projection.
    public func adding(_ other: LowRankDelta, scale: Float) -> LowRankDelta? {
        precondition(inputs == other.inputs && outputs == other.outputs, "deltas of one projection")
        if self == other { return scale == -1 ? nil : scaled(by: 1 + scale) }
        guard rank + other.rank <= Self.maximumRank else {
            var sum = product
            other.add(scale, to: &sum)
            return LowRankDelta(
                approximating: sum, inputs: inputs, outputs: outputs, rank: Self.maximumRank)
        }
        let wide = padded(to: rank + other.rank)
        var columns = wide.b
        for row in 0..<outputs {
            for k in 0..<other.rank {
                columns[row * wide.rank + rank + k] = scale * other.b[row * other.rank + k]
            }
        }
        return LowRankDelta(
            inputs: inputs, outputs: outputs, rank: wide.rank, a: a + other.a, b: columns)
    }
}
