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

    /// ‖B·A‖_F = √Σ_kl (AAᵀ)_kl·(BᵀB)_kl, never below the true one: an adapter whose columns nearly
    /// cancel is as large as it is, whatever rounding makes of the sum. Not a number when a factor
    /// has none.
    ///
    /// The products of two Floats are exact in Double, so that only sums round, of `inputs`,
    /// `outputs` and r² numbers by at most 2⁻⁵³ each. With T = Σ_k ‖a_k‖·‖b_k‖, which bounds the sum
    /// of all magnitudes by T², the square is thus off by less than
    ///
    ///     (inputs + outputs + r²)·2⁻⁵²·T²
    ///
    /// where the factor of 2 is for the terms of higher order. That much is added: of an adapter
    /// whose columns do not cancel it is a share of 10⁻⁹.
    /// - Complexity: O(r²·(inputs + outputs)).
    public var frobeniusNorm: Float {
        let rows = gram(count: inputs) { a[$1 * inputs + $0] }
        let columns = gram(count: outputs) { b[$0 * rank + $1] }
        var (square, reach) = (0.0, 0.0)
        for k in 0..<rank {
            for l in 0..<k { square += 2 * rows[k * rank + l] * columns[k * rank + l] }
            let own = rows[k * rank + k] * columns[k * rank + k]
            square += own
            reach += own.squareRoot()
        }
        let rounding = Double(inputs + outputs + rank * rank) * 0x1p-52 * reach * reach
        // What is not a number must not become 0.
        let norm = ((square < 0 ? 0 : square) + rounding).squareRoot()
        let rounded = Float(norm)
        return Double(rounded) < norm ? rounded.nextUp : rounded
    }

    /// Σ_i x_ik·x_il over `count` vectors x_i of length r: shape [r, r], where l ≤ k.
    private func gram(count: Int, _ value: (_ i: Int, _ k: Int) -> Float) -> [Double] {
        var sums = [Double](repeating: 0, count: rank * rank)
        var vector = [Double](repeating: 0, count: rank)
        for i in 0..<count {
            for k in 0..<rank { vector[k] = Double(value(i, k)) }
            for k in 0..<rank {
                let (x, row) = (vector[k], k * rank)
                for l in 0...k { sums[row + l] += x * vector[l] }
            }
        }
        return sums
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
        if a == other.a {
            // One adapter twice, each at a volume of its own.
            let sum = zip(b, other.b).map { $0 + scale * $1 }
            return sum.allSatisfy { $0 == 0 }
                ? nil
                : LowRankDelta(inputs: inputs, outputs: outputs, rank: rank, a: a, b: sum)
        }
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
