import Dispatch
import Synchronization

/// `body` of 0..<count on a few threads; results in the order of their numbers, whichever thread
/// computed them. The first error in that order is thrown after all have ended.
func parallelMap<Result: Sendable>(
    _ count: Int, threads: Int, _ body: @Sendable (Int) throws -> Result
) throws -> [Result] {
    let results = Mutex([Int: Swift.Result<Result, any Error>]())
    let next = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: max(1, min(threads, count))) { _ in
        while true {
            let index = next.withLock { value in
                value += 1
                return value - 1
            }
            guard index < count else { return }
            let result = Swift.Result { try body(index) }
            results.withLock { $0[index] = result }
        }
    }
    return try results.withLock { found in
        try (0..<count).compactMap { try found[$0]?.get() }
    }
}
