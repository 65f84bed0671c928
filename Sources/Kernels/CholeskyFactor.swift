/// L of a symmetric positive definite matrix, S = L·Lᵀ (Golub and Van Loan, Matrix Computations,
/// 4.2), and products with its inverse.
public struct CholeskyFactor: Sendable {
    private let size: Int
    /// L, shape [n, n], row-major, its lower half.
    private let lower: [Double]

    /// - Parameter matrix: S, shape [n, n].
    /// - Returns: nil when it is not positive definite.
    /// - Complexity: O(n³/6).
    public init?(_ matrix: [Double], size n: Int) {
        precondition(matrix.count == n * n, "a square matrix")
        var lower = matrix
        for row in 0..<n {
            for column in 0...row {
                var sum = lower[row * n + column]
                for k in 0..<column { sum -= lower[row * n + k] * lower[column * n + k] }
                if row > column {
                    lower[row * n + column] = sum / lower[column * n + column]
                } else {
                    guard sum > 0, sum.isFinite else { return nil }
                    lower[row * n + row] = sum.squareRoot()
                }
            }
        }
        size = n
        self.lower = lower
    }

    /// B ← L⁻¹·B, in place.
    /// - Parameter values: B, shape [n, columns].
    /// - Complexity: O(n²·columns/2).
    public func solveLower(_ values: inout [Float], columns: Int) {
        solve(&values, columns: columns, rows: Array(0..<size)) { row, earlier in
            lower[row * size + earlier]
        }
    }

    /// B ← L⁻ᵀ·B, in place.
    public func solveUpper(_ values: inout [Float], columns: Int) {
        solve(&values, columns: columns, rows: Array((0..<size).reversed())) { row, earlier in
            lower[earlier * size + row]
        }
    }

    /// Substitution row by row, in an order in which each row needs those before it.
    private func solve(
        _ values: inout [Float], columns: Int, rows: [Int], weight: (Int, Int) -> Double
    ) {
        precondition(values.count == size * columns, "as many rows as the factor has")
        for (place, row) in rows.enumerated() {
            var sum = Array(values[row * columns..<(row + 1) * columns])
            var target = sum.mutableSpan
            for earlier in rows[..<place] {
                VectorKernels.addScaled(
                    values.span.extracting(earlier * columns..<(earlier + 1) * columns),
                    -Float(weight(row, earlier)), to: &target)
            }
            VectorKernels.scale(&target, by: Float(1 / lower[row * size + row]))
            values.replaceSubrange(row * columns..<(row + 1) * columns, with: sum)
        }
    }
}
