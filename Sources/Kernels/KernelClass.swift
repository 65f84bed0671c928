import CKernels

/// Which implementation of the numeric kernels this process runs.
///
/// The same inputs give the same bytes within one class and not across classes, because they add
/// in different orders; so whatever must be replayed bit by bit records the class it was made with.
public enum KernelClass {
    /// All that there are, on any machine: the names in the tables of `CKernels`.
    public static let names: Set = ["avx512", "avx2", "neon", "scalar"]

    /// One of `names`: the fastest that this machine can run.
    public static var current: String { String(cString: kernels.pointee.name) }
}

/// The table of the fastest class, resolved once for the process.
///
/// Invariant: it points to a constant of the C library, which nothing ever writes.
nonisolated(unsafe) let kernels: UnsafePointer<hebb_kernels> = hebb_kernels_best()
