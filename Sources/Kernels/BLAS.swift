import COpenBLAS

/// Matrix products by OpenBLAS, on the calling thread only.
///
/// At first use OpenBLAS is told to start no threads of its own (ours are the only ones) and to run
/// the kernels of this process's ``KernelClass``, because its own choice is poor on processors newer
/// than itself.
public enum BLAS {
    /// c ← alpha·op(a)·op(b) + beta·c, everything row-major and single precision.
    ///
    /// `leadingA`, `leadingB` and `leadingC` are the distances between the starts of two stored
    /// rows, in elements; nil means that the rows are adjacent.
    /// - Parameters:
    ///   - a: shape [m, k], or [k, m] when `transposeA`.
    ///   - b: shape [k, n], or [n, k] when `transposeB`.
    ///   - c: shape [m, n].
    /// - Precondition: every span holds its matrix.
    /// - Complexity: O(m·k·n). Allocates nothing after OpenBLAS's first call.
    public static func multiply(
        a: Span<Float>, b: Span<Float>, m: Int, k: Int, n: Int, transposeA: Bool = false,
        transposeB: Bool = false, alpha: Float = 1, beta: Float = 0, leadingA: Int? = nil,
        leadingB: Int? = nil, leadingC: Int? = nil, into c: inout MutableSpan<Float>
    ) {
        guard m > 0, n > 0 else { return }
        let (rowsA, columnsA) = transposeA ? (k, m) : (m, k)
        let (rowsB, columnsB) = transposeB ? (n, k) : (k, n)
        let (strideA, strideB, strideC) = (
            leadingA ?? columnsA, leadingB ?? columnsB, leadingC ?? n
        )
        checkShape("a", a.count, rowsA, columnsA, strideA)
        checkShape("b", b.count, rowsB, columnsB, strideB)
        checkShape("c", c.count, m, n, strideC)
        _ = prepared
        a.withUnsafeBufferPointer { a in
            b.withUnsafeBufferPointer { b in
                c.withUnsafeMutableBufferPointer { c in
                    cblas_sgemm(
                        CblasRowMajor, transposeA ? CblasTrans : CblasNoTrans,
                        transposeB ? CblasTrans : CblasNoTrans, blasint(m), blasint(n),
                        blasint(k), alpha, a.baseAddress, blasint(max(1, strideA)),
                        b.baseAddress, blasint(max(1, strideB)), beta, c.baseAddress,
                        blasint(max(1, strideC)))
                }
            }
        }
    }

    /// The processor family whose kernels OpenBLAS uses, for example `"SkylakeX"`.
    ///
    /// It follows ``KernelClass``, unless `OPENBLAS_CORETYPE` was set: so the bytes that a product
    /// gives depend on that class and on OpenBLAS's version only.
    public static var coreName: String {
        _ = prepared
        return String(cString: openblas_get_corename())
    }

    /// Runs once, before the first product (Swift initialises it under a lock).
    private static let prepared: Void = {
        switch KernelClass.current {
        case "avx512.3": hebb_blas_prepare("SKYLAKEX")
        case "avx2.3": hebb_blas_prepare("HASWELL")
        default: hebb_blas_prepare(nil)
        }
    }()

    private static func checkShape(
        _ name: String, _ count: Int, _ rows: Int, _ columns: Int, _ stride: Int
    ) {
        precondition(
            rows >= 0 && columns >= 0 && stride >= columns, "multiply: bad shape of \(name)")
        let needed = rows == 0 || columns == 0 ? 0 : (rows - 1) * stride + columns
        precondition(count >= needed, "multiply: \(name) has \(count) elements, needs \(needed)")
    }
}
