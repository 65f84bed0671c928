/// Which of the names that there are somebody may have meant.
enum NearName {
    /// Bytes of a name above which it is no slip of the pen.
    private static let lengthMaximum = 64

    /// The name that takes the fewest insertions, deletions, replacements and swaps of neighbours,
    /// letter case aside; nil where the nearest takes more than a third of its own letters. The
    /// first of several.
    ///
    /// - Complexity: O(|name| · |known|) for each of `names`.
    static func nearest(to name: String, among names: [String]) -> String? {
        let given = Array(name.lowercased().utf8)
        guard given.count <= lengthMaximum else { return nil }
        let distances = names.map { (name: $0, distance: distance(given, Array($0.utf8))) }
        guard let best = distances.min(by: { $0.distance < $1.distance }),
            best.distance * 3 <= best.name.utf8.count
        else { return nil }
        return best.name
    }

    /// Optimal string alignment, by rows: row i has the distances of a's first i bytes.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var (before, row) = ([Int](), Array(0...b.count))
        for i in a.indices {
            var next = [i + 1]
            for j in b.indices {
                var best = min(row[j + 1] + 1, next[j] + 1, row[j] + (a[i] == b[j] ? 0 : 1))
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
                    best = min(best, before[j - 1] + 1)
                }
                next.append(best)
            }
            (before, row) = (row, next)
        }
        return row[b.count]
    }
}
