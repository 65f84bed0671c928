import Synchronization

/// Counts requests by route and status, and how long they took, since start.
final class RequestMetrics: Sendable {
    /// Upper bounds of the histogram's buckets, seconds.
    static let bounds = [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60]

    struct Key: Hashable, Sendable, Comparable {
        var method: String
        /// A route's pattern: ids would make a series of every user.
        var route: String
        var status: Int

        static func < (a: Key, b: Key) -> Bool {
            (a.route, a.method, a.status) < (b.route, b.method, b.status)
        }
    }

    struct Histogram: Sendable {
        /// One more than `bounds`; not cumulative.
        var counts = [Int](repeating: 0, count: RequestMetrics.bounds.count + 1)
        var sum = 0.0
    }

    private let histograms = Mutex<[Key: Histogram]>([:])

    /// - Parameter seconds: until the answer's last byte was handed over.
    func record(_ key: Key, seconds: Double) {
        let bucket = Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count
        histograms.withLock { histograms in
            histograms[key, default: Histogram()].counts[bucket] += 1
            histograms[key, default: Histogram()].sum += seconds
        }
    }

    var snapshot: [(key: Key, histogram: Histogram)] {
        histograms.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
