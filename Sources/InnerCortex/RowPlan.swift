/// Which tokens one pass runs, of one context or of several. Row i of every activation buffer is a
/// token; what is computed of a row depends on it and on the tokens before it in its context, never
/// on what runs with it.
struct RowPlan: Sendable {
    /// Consecutive tokens of one context.
    struct Part: Sendable {
        /// Which of the pass's segments they are of, and where in it they begin.
        let segment: Int
        let start: Int
        let rows: Range<Int>
        /// The context position of the first of them.
        let position: Int
    }

    private(set) var parts: [Part] = []
    /// How many rows.
    private(set) var count = 0

    /// Most rows of one pass through the layers: bounds the activation buffers.
    static let largestCount = 512

    /// Adds as many of the tokens from `start` on as there is room for; returns how many.
    mutating func append(segment: Int, start: Int, of tokens: Int, position: Int) -> Int {
        let taken = min(tokens - start, Self.largestCount - count)
        guard taken > 0 else { return 0 }
        parts.append(
            Part(segment: segment, start: start, rows: count..<count + taken, position: position))
        count += taken
        return taken
    }

    mutating func removeAll() {
        parts.removeAll(keepingCapacity: true)
        count = 0
    }
}
