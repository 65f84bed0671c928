import Scheduling
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

    private let histograms = Mutex<[Key: Histogram]>([:])

    /// - Parameter seconds: until the answer's last byte was handed over.
    func record(_ key: Key, seconds: Double) {
        histograms.withLock { $0[key, default: Histogram(bounds: Self.bounds)].add(seconds) }
    }

    var snapshot: [(key: Key, histogram: Histogram)] {
        histograms.withLock { $0 }.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}
