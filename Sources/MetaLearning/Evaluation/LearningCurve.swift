/// A stream's costs, cumulated piece by piece.
struct LearningCurve: Sendable {
    /// After each piece: tokens, frozen and adapted bits so far. Begins with zeros.
    private(set) var sums: [(tokens: Double, frozen: Double, adapted: Double)] = [(0, 0, 0)]

    var tokens: Int { Int(sums[sums.count - 1].tokens) }

    mutating func append(_ cost: TextCost) {
        let last = sums[sums.count - 1]
        sums.append(
            (
                last.tokens + Double(cost.tokens), last.frozen + cost.frozen,
                last.adapted + cost.adapted
            ))
    }

    /// The gain over the first `tokens` tokens, percent; between two pieces' ends the bits are
    /// taken as evenly spread.
    func gain(after tokens: Int) -> Double {
        let place = Double(tokens)
        guard let upper = sums.firstIndex(where: { $0.tokens >= place && $0.tokens > 0 }) else {
            return 0
        }
        let (a, b) = (sums[upper - 1], sums[upper])
        let share = b.tokens > a.tokens ? (place - a.tokens) / (b.tokens - a.tokens) : 1
        let frozen = a.frozen + share * (b.frozen - a.frozen)
        let adapted = a.adapted + share * (b.adapted - a.adapted)
        return frozen > 0 ? 100 * (1 - adapted / frozen) : 0
    }

    /// The mean gain of several users, as far as the shortest stream goes.
    static func mean(of curves: [LearningCurve], points: Int) -> [CurvePoint] {
        let length = curves.map(\.tokens).min() ?? 0
        guard length > 0 else { return [] }
        return (1...points).map { point in
            let tokens = max(1, length * point / points)
            let sum = curves.reduce(0) { $0 + $1.gain(after: tokens) }
            return CurvePoint(tokens: tokens, gain: sum / Double(curves.count))
        }
    }
}
