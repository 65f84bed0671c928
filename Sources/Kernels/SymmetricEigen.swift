/// Eigenvalues and eigenvectors of a small symmetric matrix by cyclic Jacobi rotations (Golub and
/// Van Loan, Matrix Computations, 8.5): slow next to LAPACK and exact to rounding, without it.
public struct SymmetricEigen: Sendable {
    /// In no particular order.
    public let values: [Double]
    /// Shape [n, n], row-major; column j belongs to values[j] and has length 1.
    public let vectors: [Double]

    /// - Parameter matrix: shape [n, n], symmetric.
    /// - Complexity: O(n³) a sweep, about eight sweeps: 2 ms at n = 40.
    public init(_ matrix: [Double], size n: Int) {
        precondition(matrix.count == n * n)
        var a = matrix
        var v = [Double](repeating: 0, count: n * n)
        for i in 0..<n { v[i * n + i] = 1 }
        let scale = a.reduce(0) { $0 + $1 * $1 }
        for _ in 0..<60 {
            var off = 0.0
            for i in 0..<n { for j in 0..<i { off += a[i * n + j] * a[i * n + j] } }
            if off <= 1e-30 * scale { break }
            for p in 0..<n {
                for q in p + 1..<max(p + 1, n) { Self.rotate(&a, &v, n, p, q) }
            }
        }
        values = (0..<n).map { a[$0 * n + $0] }
        vectors = v
    }

    /// Makes a[p, q] zero.
    private static func rotate(
        _ a: inout [Double], _ v: inout [Double], _ n: Int, _ p: Int, _ q: Int
    ) {
        let apq = a[p * n + q]
        guard apq != 0 else { return }
        let theta = (a[q * n + q] - a[p * n + p]) / (2 * apq)
        let t = (theta < 0 ? -1 : 1) / (theta.magnitude + (theta * theta + 1).squareRoot())
        let c = 1 / (t * t + 1).squareRoot()
        let s = t * c
        for k in 0..<n {
            let (x, y) = (a[k * n + p], a[k * n + q])
            a[k * n + p] = c * x - s * y
            a[k * n + q] = s * x + c * y
        }
        for k in 0..<n {
            let (x, y) = (a[p * n + k], a[q * n + k])
            a[p * n + k] = c * x - s * y
            a[q * n + k] = s * x + c * y
        }
        for k in 0..<n {
            let (x, y) = (v[k * n + p], v[k * n + q])
            v[k * n + p] = c * x - s * y
            v[k * n + q] = s * x + c * y
        }
    }
}
