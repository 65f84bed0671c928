/// The spellings of a vocabulary's tokens in one arena, and the way from a spelling to its token.
///
/// A hash table with open addressing over the arena: 262,144 tokens are four allocations instead
/// of as many strings. Spellings are bytes, compared as bytes.
struct Vocabulary: Sendable {
    /// Where a token's spelling is in the arena; `count` is -1 where the index is not in use.
    private struct Place {
        var start: Int32 = 0
        var count: Int32 = -1
    }

    private var arena: [UInt8] = []
    private var places: [Place] = []
    /// Tokens by the hash of their spelling; -1 where there is none. At most half are taken.
    private var slots: [Int32]
    private var used = 0
    /// Bytes of the longest spelling.
    private(set) var longest = 0

    /// - Parameters:
    ///   - capacity: about how many tokens will come.
    ///   - byteCapacity: about how many bytes they have together.
    init(capacity: Int, byteCapacity: Int = 0) {
        var size = 16
        while size < capacity * 2 { size *= 2 }
        slots = [Int32](repeating: -1, count: size)
        places.reserveCapacity(capacity)
        arena.reserveCapacity(byteCapacity)
    }

    /// One more than the largest index in use.
    var count: Int { places.count }

    /// What became of an insertion.
    enum Insertion {
        case done
        /// The same spelling stands for another token already.
        case spellingTaken(by: Int32)
        /// The index has another spelling already.
        case indexTaken
    }

    /// Gives the token `index` its spelling. To say the same thing twice is no fault.
    ///
    /// - Precondition: `index` is in `0..<TokenizerSource.maximumTokens`, and all spellings together
    ///   have less than 2 GiB, which the limits on files see to.
    mutating func insert(_ spelling: Span<UInt8>, at index: Int) -> Insertion {
        let slot = slot(of: spelling)
        if slots[slot] >= 0, Int(slots[slot]) != index { return .spellingTaken(by: slots[slot]) }
        if index < places.count, places[index].count >= 0 {
            return slots[slot] >= 0 ? .done : .indexTaken
        }
        skip(to: index)
        places[index] = Place(start: Int32(arena.count), count: Int32(spelling.count))
        spelling.withUnsafeBufferPointer { arena.append(contentsOf: $0) }
        longest = max(longest, spelling.count)
        slots[slot] = Int32(index)
        used += 1
        if used * 2 > slots.count { grow() }
        return .done
    }

    /// Makes `index` one that is not in use, if it is none yet.
    mutating func skip(to index: Int) {
        while places.count <= index { places.append(Place()) }
    }

    /// The token that is spelled so.
    func token(_ spelling: Span<UInt8>) -> Int32? {
        guard spelling.count <= longest else { return nil }
        let token = slots[slot(of: spelling)]
        return token >= 0 ? token : nil
    }

    func token(_ spelling: String) -> Int32? {
        token(Array(spelling.utf8).span)
    }

    /// A token's spelling; nil where the index is not in use.
    subscript(index: Int) -> ArraySlice<UInt8>? {
        guard places.indices.contains(index), places[index].count >= 0 else { return nil }
        let place = places[index]
        return arena[Int(place.start)..<Int(place.start) + Int(place.count)]
    }

    /// A token's spelling as text, for names and errors.
    func name(of index: Int) -> String? {
        self[index].map { String(decoding: $0, as: UTF8.self) }
    }

    private mutating func grow() {
        slots = [Int32](repeating: -1, count: slots.count * 2)
        for (index, place) in places.enumerated() where place.count >= 0 {
            let start = Int(place.start)
            let slot = slot(of: arena.span.extracting(start..<start + Int(place.count)))
            slots[slot] = Int32(index)
        }
    }

    /// Where the spelling is, or the vacant slot where it would be.
    private func slot(of spelling: Span<UInt8>) -> Int {
        let mask = slots.count - 1
        var slot = PieceHash.hash(spelling) & mask
        while slots[slot] >= 0, !isSpelled(Int(slots[slot]), spelling) { slot = (slot + 1) & mask }
        return slot
    }

    private func isSpelled(_ index: Int, _ spelling: Span<UInt8>) -> Bool {
        let place = places[index]
        guard Int(place.count) == spelling.count else { return false }
        let start = Int(place.start)
        for position in spelling.indices where arena[start + position] != spelling[position] {
            return false
        }
        return true
    }
}

/// FNV-1a over the bytes of a piece.
enum PieceHash {
    static func hash(_ piece: Span<UInt8>) -> Int {
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for position in piece.indices { hash = (hash ^ UInt64(piece[position])) &* 0x100_0000_01b3 }
        return Int(truncatingIfNeeded: hash ^ hash >> 32) & Int.max
    }
}
