/// Merges the symbols of one piece, lowest rank first, leftmost first among equals.
///
/// A linked list of symbols with a heap of candidate pairs: O(n log n), so that a megabyte of one
/// letter costs about a second, where scanning for the best pair again and again would take days.
/// The buffers are kept from piece to piece.
struct PairMerger {
    private struct Symbol {
        /// -1 once it was merged into the symbol before.
        var token: Int32
        var previous: Int32
        var next: Int32
    }

    private struct Candidate {
        /// Rank in the high half, position of the left symbol in the low half.
        let priority: UInt64
        let result: Int32
    }

    private var symbols: [Symbol] = []
    private var heap: [Candidate] = []

    /// Appends the tokens of a piece to `output`.
    ///
    /// - Parameter letters: the piece's bytes as tokens; at most `Int32.max` of them.
    mutating func merge(_ letters: [Int32], by table: MergeTable, into output: inout [TokenID]) {
        guard letters.count > 1 else {
            output.append(contentsOf: letters.map { TokenID(rawValue: $0) })
            return
        }
        precondition(letters.count < Int(Int32.max), "a piece is limited to 2^31 bytes")
        symbols.removeAll(keepingCapacity: true)
        heap.removeAll(keepingCapacity: true)
        for (index, letter) in letters.enumerated() {
            let next = index + 1 < letters.count ? Int32(index + 1) : -1
            symbols.append(Symbol(token: letter, previous: Int32(index) - 1, next: next))
        }
        for index in 0..<letters.count - 1 { offer(Int32(index), table) }
        while let candidate = pop() { apply(candidate, table) }
        var index: Int32 = 0
        while index >= 0 {
            output.append(TokenID(rawValue: symbols[Int(index)].token))
            index = symbols[Int(index)].next
        }
    }

    /// Merges a candidate, unless one of its symbols has changed since it was offered.
    ///
    /// The reference asks only whether the pair that is there now gives the same token. A pair may
    /// therefore merge at the rank of an older one with the same result; so it does here.
    private mutating func apply(_ candidate: Candidate, _ table: MergeTable) {
        let position = Int(candidate.priority & 0xffff_ffff)
        let left = symbols[position]
        guard left.token >= 0, left.next >= 0 else { return }
        let right = symbols[Int(left.next)]
        guard let merge = table.find(left.token, right.token), merge.result == candidate.result
        else { return }
        symbols[Int(left.next)].token = -1
        symbols[position].token = merge.result
        symbols[position].next = right.next
        if right.next >= 0 {
            symbols[Int(right.next)].previous = Int32(position)
            offer(Int32(position), table)
        }
        if left.previous >= 0 { offer(left.previous, table) }
    }

    /// Queues the pair of the symbol `position` and the next one, when there is a merge for it.
    private mutating func offer(_ position: Int32, _ table: MergeTable) {
        let left = symbols[Int(position)]
        guard let merge = table.find(left.token, symbols[Int(left.next)].token) else { return }
        push(
            Candidate(
                priority: UInt64(UInt32(bitPattern: merge.rank)) << 32
                    | UInt64(UInt32(bitPattern: position)),
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
