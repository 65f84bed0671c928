import Synchronization

/// How often a figure fell where: what Prometheus calls a histogram.
public struct Histogram: Sendable, Equatable {
    /// The upper bounds of the buckets, ascending; one more bucket holds what is above.
    public let bounds: [Double]
    /// A count a bucket, of it alone.
    public private(set) var counts: [Int]
    public private(set) var sum = 0.0

    public init(bounds: [Double]) {
        self.bounds = bounds
        counts = [Int](repeating: 0, count: bounds.count + 1)
    }

    public mutating func add(_ value: Double, times: Int = 1) {
        counts[bounds.firstIndex { value <= $0 } ?? bounds.count] += times
        sum += value * Double(times)
    }
}

/// How long people waited, and how well their work was put together; since start.
public struct LatencyStatistics: Sendable {
    /// From when a generation was asked for to its first token, seconds; with waiting in line and
    /// reading the prompt.
    public var firstToken = Histogram(bounds: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30])
    /// Between the tokens of an answer, seconds.
    public var interToken = Histogram(bounds: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3])
    /// Until the thread that computes took work up, seconds.
    public var queue = Histogram(bounds: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30])
    /// How many pieces of work shared a pass through the core.
    public var batch = Histogram(bounds: [1, 2, 4, 8, 16, 32, 64])
    public init() {}
}

/// Takes the times of answers from whichever thread makes them.
final class AnswerTimes: Sendable {
    private let statistics = Mutex(LatencyStatistics())

    var snapshot: LatencyStatistics { statistics.withLock { $0 } }

    /// The times of one answer that was asked for at a moment. Lives on one thread.
    func stopwatch(since start: ContinuousClock.Instant) -> Stopwatch {
        Stopwatch(times: self, start: start)
    }

    struct Stopwatch {
        fileprivate let times: AnswerTimes
        fileprivate let start: ContinuousClock.Instant
        private var last: ContinuousClock.Instant?

        fileprivate init(times: AnswerTimes, start: ContinuousClock.Instant) {
            self.times = times
            self.start = start
        }

        /// So many tokens have come.
        mutating func note(tokens: Int) {
            guard tokens > 0 else { return }
            let now = ContinuousClock.now
            let (last, start) = (last, start)
            times.statistics.withLock { statistics in
                if let last {
                    let each = (now - last) / .seconds(1) / Double(tokens)
                    statistics.interToken.add(each, times: tokens)
                } else {
                    statistics.firstToken.add((now - start) / .seconds(1))
                }
            }
            self.last = now
        }
    }
}
