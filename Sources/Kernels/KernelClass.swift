import CKernels

/// Which implementation of the numeric kernels this process runs.
///
/// The same inputs give the same bytes within one class and not across classes, because they add
/// in different orders; so whatever must be replayed bit by bit records the class it was made with.
/// A class whose sums change takes another number: `avx2` and its like multiplied by OpenBLAS in
/// tiles of 64 rows, `avx2.2` by ``PanelMatrix``, and `avx2.3` has keys and values
/// in half precision where weights have 16 bits or fewer.
public enum KernelClass {
    /// All that there are or were, on any machine: the names in the tables of `CKernels`.
    public static let names: Set = [
        "avx512", "avx2", "neon", "scalar", "avx512.2", "avx2.2", "neon.2", "scalar.2",
        "avx512.3", "avx2.3", "neon.3", "scalar.3",
    ]

    /// One of `names`: the fastest that this machine can run.
    public static var current: String { String(cString: kernels.pointee.name) }
}

/// The table of the fastest class, resolved once for the process.
///
/// Invariant: it points to a constant of the C library, which nothing ever writes.
nonisolated(unsafe) let kernels: UnsafePointer<hebb_kernels> = hebb_kernels_best()
