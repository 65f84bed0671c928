import Foundation

/// Processor time of one piece of work, which other load on the machine lengthens little.
struct ThreadClock {
    private(set) var seconds = 0.0
    private(set) var tokens = 0

    var microsecondsPerToken: Double { 1e6 * seconds / Double(max(1, tokens)) }

    /// Runs `work` and adds its time.
    mutating func measure<Result>(tokens count: Int, _ work: () throws -> Result) rethrows -> Result
    {
        let start = Self.now
        defer {
            seconds += Self.now - start
            tokens += count
        }
        return try work()
    }

    mutating func add(_ other: ThreadClock) {
        seconds += other.seconds
        tokens += other.tokens
    }

    /// What the calling thread has computed so far, seconds.
    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
