/// Merges the symbols of one piece, best pair first, leftmost first among equals.
///
/// A linked list of symbols with a heap of candidate pairs: O(n log n), so that a megabyte of one
/// letter costs about a second, where scanning for the best pair again and again would take days.
/// The buffers are kept from piece to piece.
struct PairMerger {
    /// A letter, or what letters were merged to.
    struct Symbol {
        /// -1 where there is no token for it.
        fileprivate(set) var token: Int32
        /// Where its text begins.
        let start: Int32
        /// Bytes of its text; 0 once it was merged into the symbol before.
        fileprivate(set) var count: Int32
        fileprivate var previous: Int32
        fileprivate var next: Int32
    }

    private struct Candidate {
        /// Rank in the high half, position of the left symbol in the low half.
        let priority: UInt64
        let result: Int32
    }

    private var symbols: [Symbol] = []
    private var heap: [Candidate] = []

    /// Forgets the piece before.
    mutating func begin() {
        symbols.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
    }

    /// Adds a letter behind the others.
    ///
    /// - Parameters:
    ///   - token: -1 where there is none.
    ///   - start: where it begins in the text that the rule reads.
    ///   - count: its bytes, at least 1.
    /// - Precondition: a piece is less than 2^31 bytes.
    mutating func append(token: Int32, start: Int, count: Int = 1) {
        let position = Int32(symbols.count)
        if position > 0 { symbols[symbols.count - 1].next = position }
        symbols.append(
            Symbol(
                token: token, start: Int32(start), count: Int32(count), previous: position - 1,
                next: -1))
    }

    /// Merges until the rule has nothing more to merge.
    mutating func merge(by rule: some PairRule) {
        guard symbols.count > 1 else { return }
        for index in 0..<symbols.count - 1 { offer(Int32(index), rule) }
        while let candidate = pop() { apply(candidate, rule) }
    }

    /// Calls `body` with each symbol that is left, in the text's order.
    func visit(_ body: (Symbol) -> Void) {
        var index = symbols.isEmpty ? -1 : 0
        while index >= 0 {
            body(symbols[index])
            index = Int(symbols[index].next)
        }
    }

    /// Merges a candidate, unless one of its symbols has changed since it was offered.
    ///
    /// The reference asks only whether the pair that is there now gives the same token. A pair may
    /// therefore merge at the rank of an older one with the same result; so it does here.
    private mutating func apply(_ candidate: Candidate, _ rule: some PairRule) {
        let position = Int(candidate.priority & 0xffff_ffff)
        let left = symbols[position]
        guard left.count > 0, left.next >= 0 else { return }
        let right = symbols[Int(left.next)]
        guard let merge = rule.merge(left, right), merge.result == candidate.result else { return }
        symbols[Int(left.next)].count = 0
        symbols[position].token = merge.result
        symbols[position].count = left.count + right.count
        symbols[position].next = right.next
        if right.next >= 0 {
            symbols[Int(right.next)].previous = Int32(position)
            offer(Int32(position), rule)
        }
        if left.previous >= 0 { offer(left.previous, rule) }
    }

    /// Queues the pair of the symbol `position` and the next one, when there is a merge for it.
    private mutating func offer(_ position: Int32, _ rule: some PairRule) {
        let left = symbols[Int(position)]
        guard let merge = rule.merge(left, symbols[Int(left.next)]) else { return }
        push(
            Candidate(
                priority: UInt64(merge.rank) << 32 | UInt64(UInt32(bitPattern: position)),
                result: merge.result))
    }

    // MARK: A binary min-heap

    private mutating func push(_ candidate: Candidate) {
        var index = heap.count
        heap.append(candidate)
        while index > 0 {
            let parent = (index - 1) / 2
            guard heap[parent].priority > candidate.priority else { break }
            heap[index] = heap[parent]
            index = parent
        }
        heap[index] = candidate
    }

    private mutating func pop() -> Candidate? {
        guard let first = heap.first, let last = heap.popLast() else { return nil }
        guard !heap.isEmpty else { return first }
        var index = 0
        while true {
            var child = 2 * index + 1
            guard child < heap.count else { break }
            if child + 1 < heap.count, heap[child + 1].priority < heap[child].priority {
                child += 1
            }
            guard heap[child].priority < last.priority else { break }
            heap[index] = heap[child]
            index = child
        }
        heap[index] = last
        return first
    }
}

/// Which neighbours merge, and in what order.
protocol PairRule {
    func merge(_ left: PairMerger.Symbol, _ right: PairMerger.Symbol) -> MergeTable.Merge?
}

extension MergeTable: PairRule {
    func merge(_ left: PairMerger.Symbol, _ right: PairMerger.Symbol) -> Merge? {
        find(left.token, right.token)
    }
}

/// SentencePiece's rule: neighbours whose joined text is a token merge, the best score first.
///
/// Neither of the two needs to be a token.
struct ScoredPairs: PairRule {
    let vocabulary: Vocabulary
    /// By token; lower merges first.
    let ranks: [UInt32]
    let text: [UInt8]

    func merge(_ left: PairMerger.Symbol, _ right: PairMerger.Symbol) -> MergeTable.Merge? {
        let count = Int(left.count) + Int(right.count)
        guard count <= vocabulary.longest else { return nil }
        let start = Int(left.start)
        let joined = text.span.extracting(start..<start + count)
        return vocabulary.token(joined).map { .init(rank: ranks[Int($0)], result: $0) }
    }
}
