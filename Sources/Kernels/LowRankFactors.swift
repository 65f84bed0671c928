/// The best approximation of a matrix M by a product L·R of a lower rank, in the Frobenius norm
/// (Eckart and Young 1936), by a randomised singular value decomposition with power iterations
/// (Halko, Martinsson and Tropp 2011, algorithms 4.4 and 5.1): exact to rounding where the rank of
/// M is not above the one asked for, and within a few per mille of the best error otherwise.
///
/// The random numbers are seeded, so that the same matrix gives the same bytes on one kernel class.
public struct LowRankFactors: Sendable {
    /// r: at most what was asked for; less where M has no more directions, 0 for M = 0.
    public let rank: Int
    /// L, shape [rows, r]: columns of length √σ, largest σ first.
    public let left: [Float]
    /// R, shape [r, columns]: rows of length √σ.
    public let right: [Float]

    /// Directions beside the wanted ones that the subspace is searched with.
    private static let oversampling = 16
    private static let powerIterations = 8
    /// A direction weaker than this share of the strongest is rounding.
    private static let tolerance = 1e-6

    /// - Parameters:
    ///   - matrix: M, shape [rows, columns], finite.
    ///   - rank: at least 1.
    /// - Complexity: O(rows·columns·(rank + 16)), about 20 times.
    public init(_ matrix: [Float], rows: Int, columns: Int, rank: Int) {
        precondition(matrix.count == rows * columns && rank > 0, "a matrix of the given shape")
        let width = min(rank + Self.oversampling, min(rows, columns))
        var generator = SeededGenerator(seed: 0x10_0a)
        // The subspace as rows, so that a direction lies in one piece: [width, columns].
        var domain = (0..<width * columns).map { _ in generator.normal() }
        var range = [Float](repeating: 0, count: width * rows)
        for iteration in 0...Self.powerIterations {
            Self.multiply(domain, matrix, width, columns, rows, transposed: true, into: &range)
            Self.orthonormalise(&range, count: width, size: rows)
            Self.multiply(range, matrix, width, rows, columns, transposed: false, into: &domain)
            // The last product, QᵀM, is kept as it is: M ≈ Q·(QᵀM).
            if iteration < Self.powerIterations {
                Self.orthonormalise(&domain, count: width, size: columns)
            }
        }
        (self.rank, left, right) = Self.factors(
            range: range, product: domain, width: width, rows: rows, columns: columns, rank: rank)
    }

    /// out = a·m, or a·mᵀ; a of shape [count, inner].
    private static func multiply(
        _ a: [Float], _ matrix: [Float], _ count: Int, _ inner: Int, _ outer: Int,
        transposed: Bool, into out: inout [Float]
    ) {
        var all = out.mutableSpan
        BLAS.multiply(
            a: a.span, b: matrix.span, m: count, k: inner, n: outer, transposeB: transposed,
            into: &all)
    }

    /// Rows become orthonormal, or 0 where they depend on those before: Gram and Schmidt's way,
    /// twice, which is enough (Giraud et al. 2005).
    private static func orthonormalise(_ rows: inout [Float], count: Int, size: Int) {
        var done: [[Float]] = []
        for index in 0..<count {
            var row = Array(rows[index * size..<(index + 1) * size])
            let before = VectorKernels.dot(row.span, row.span).squareRoot()
            for _ in 0..<2 {
                for other in done {
                    let share = VectorKernels.dot(row.span, other.span)
                    var target = row.mutableSpan
                    VectorKernels.addScaled(other.span, -share, to: &target)
                }
            }
            let norm = VectorKernels.dot(row.span, row.span).squareRoot()
            do {
                var target = row.mutableSpan
                let isNew = norm > 1e-5 * before && norm > .leastNormalMagnitude
                VectorKernels.scale(&target, by: isNew ? 1 / norm : 0)
            }
            rows.replaceSubrange(index * size..<(index + 1) * size, with: row)
            done.append(row)
        }
    }

    /// M ≈ Q·C: the eigenvectors S of C·Cᵀ = S·Σ²·Sᵀ turn it into (Q·S)·(Sᵀ·C).
    private static func factors(
        range: [Float], product: [Float], width: Int, rows: Int, columns: Int, rank: Int
    ) -> (Int, [Float], [Float]) {
        var gram = [Double](repeating: 0, count: width * width)
        for i in 0..<width {
            for j in 0...i {
                var sum = 0.0
                for k in 0..<columns {
                    sum += Double(product[i * columns + k]) * Double(product[j * columns + k])
                }
                gram[i * width + j] = sum
                gram[j * width + i] = sum
            }
        }
        let eigen = SymmetricEigen(gram, size: width)
        let order = eigen.values.indices.sorted {
            (eigen.values[$0], $1) > (eigen.values[$1], $0)
        }
        let sigma = order.map { max(0, eigen.values[$0]).squareRoot() }
        let floor = (sigma.first ?? 0) * Self.tolerance
        let kept = min(rank, sigma.prefix { $0 > floor && $0 > 1e-30 }.count)
        var left = [Float](repeating: 0, count: rows * kept)
        var right: [Float] = []
        right.reserveCapacity(kept * columns)
        for place in 0..<kept {
            let root = sigma[place].squareRoot()
            var column = [Float](repeating: 0, count: rows)
            var row = [Float](repeating: 0, count: columns)
            var all = column.mutableSpan
            var part = row.mutableSpan
            for index in 0..<width {
                let weight = eigen.vectors[index * width + order[place]]
                VectorKernels.addScaled(
                    range.span.extracting(index * rows..<(index + 1) * rows),
                    Float(weight * root), to: &all)
                VectorKernels.addScaled(
                    product.span.extracting(index * columns..<(index + 1) * columns),
                    Float(weight / root), to: &part)
            }
            for index in 0..<rows { left[index * kept + place] = column[index] }
            right += row
        }
        return (kept, left, right)
    }
}
