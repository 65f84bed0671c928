/// The merges of a BPE model: which pairs of tokens become which token, and in what order.
///
/// A hash table with open addressing: encoding is little else than look-ups in it, and a
/// `Dictionary` of the same content is about four times slower.
struct MergeTable: Sendable {
    struct Merge: Sendable {
        /// Lower ranks merge first.
        let rank: UInt32
        /// The token that the pair becomes.
        let result: Int32
    }

    /// Pairs of tokens, left in the high half; `vacant` where there is none.
    private var keys: [UInt64]
    private var merges: [Merge]
    private let mask: Int
    private static let vacant = UInt64.max

    /// - Parameter capacity: how many pairs will be inserted at most.
    init(capacity: Int) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        keys = [UInt64](repeating: Self.vacant, count: size)
        merges = [Merge](repeating: Merge(rank: 0, result: 0), count: size)
        mask = size - 1
    }

    /// A later merge of the same pair replaces the earlier one, as in the reference.
    mutating func insert(_ left: Int32, _ right: Int32, _ merge: Merge) {
        let slot = slot(of: Self.key(left, right))
        keys[slot] = Self.key(left, right)
        merges[slot] = merge
    }

    /// Enters the merge of two spellings; false when one of them or both together are no token.
    mutating func insert(
        _ left: Span<UInt8>, _ right: Span<UInt8>, rank: Int, of vocabulary: Vocabulary
    ) -> Bool {
        var both: [UInt8] = []
        both.reserveCapacity(left.count + right.count)
        for position in left.indices { both.append(left[position]) }
        for position in right.indices { both.append(right[position]) }
        guard let leftToken = vocabulary.token(left), let rightToken = vocabulary.token(right),
            let result = vocabulary.token(both.span)
        else { return false }
        insert(leftToken, rightToken, .init(rank: UInt32(rank), result: result))
        return true
    }

    func find(_ left: Int32, _ right: Int32) -> Merge? {
        guard left >= 0, right >= 0 else { return nil }
        let key = Self.key(left, right)
        let slot = slot(of: key)
        return keys[slot] == key ? merges[slot] : nil
    }

    /// Token ids are not negative, so a key is never `vacant`.
    private static func key(_ left: Int32, _ right: Int32) -> UInt64 {
        UInt64(UInt32(bitPattern: left)) << 32 | UInt64(UInt32(bitPattern: right))
    }

    /// Where `key` is, or the vacant slot where it would be. At most half of the slots are taken.
    private func slot(of key: UInt64) -> Int {
        var slot = Int(truncatingIfNeeded: (key &* 0x9e37_79b9_7f4a_7c15) >> 32) & mask
        while keys[slot] != key && keys[slot] != Self.vacant { slot = (slot + 1) & mask }
        return slot
    }
}
