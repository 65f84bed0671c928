import Synchronization

/// What a pass of a few rows takes on this machine, against one of a single row: learned from passes
/// that are made anyway. While decoding waits for the weights to come from memory, further rows cost
/// little.
final class RowCost: Sendable {
    /// Passes of more rows are no decoding.
    static let rowsMaximum = 1 + Drafter.longest

    private struct Averages {
        /// Seconds, by the number of rows; 0 where none was made yet.
        var seconds = [Double](repeating: 0, count: RowCost.rowsMaximum + 1)
    }

    private let averages = Mutex(Averages())

    /// Takes in how long a pass took.
    func note(rows: Int, took duration: Duration) {
        guard (1...Self.rowsMaximum).contains(rows) else { return }
        let seconds = duration / .seconds(1)
        averages.withLock { averages in
            let old = averages.seconds[rows]
            // One that was interrupted says nothing of the others.
            averages.seconds[rows] = old == 0 ? seconds : old + (min(seconds, 2 * old) - old) / 8
        }
    }

    /// What a pass of `rows` rows takes, in passes of a single row; at least 1.
    /// - Parameter rows: in 1...`rowsMaximum`.
    func relative(rows: Int) -> Double {
        averages.withLock { averages in
            let one = averages.seconds[1]
            guard rows > 1, one > 0 else { return 1 + Self.prior * Double(rows - 1) }
            if averages.seconds[rows] > 0 { return max(1, averages.seconds[rows] / one) }
            // As the nearest number of rows that was tried says of each further row.
            var (nearest, distance) = (0, Int.max)
            for tried in 2...Self.rowsMaximum
            where averages.seconds[tried] > 0 && abs(tried - rows) < distance {
                (nearest, distance) = (tried, abs(tried - rows))
            }
            guard nearest > 0 else { return 1 + Self.prior * Double(rows - 1) }
            let step = (averages.seconds[nearest] / one - 1) / Double(nearest - 1)
            return 1 + max(0, step) * Double(rows - 1)
        }
    }

    /// Of a further row, before any was tried: shares of the first.
    private static let prior = 0.25
}
