import CKernels

/// Threads that share products (``PanelMatrix``). What is computed has the same bits on any number.
///
/// Between two products the threads look out for the next one for 20 µs and then sleep; waking them
/// costs the caller some microseconds, and what they are too late for it does itself. While one
/// caller's product is shared, another caller's runs on its own thread.
///
/// Sendable by this invariant: the pointer never changes, and the C code behind it may be called from
/// any thread.
public final class WorkerPool: @unchecked Sendable {
    /// Threads at work, the caller's included; fewer than asked for where the system gives no more.
    public let threads: Int
    let pool: OpaquePointer?

    /// - Parameter threads: at least 1, which starts none.
    public init(threads: Int) {
        precondition(threads >= 1, "WorkerPool: \(threads) threads")
        pool = hebb_pool_create(threads)
        self.threads = hebb_pool_threads(pool)
    }

    deinit { hebb_pool_destroy(pool) }
}
