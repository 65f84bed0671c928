/// Something that was said, to be found again by what it means: its tokens, and a key of each of
/// them from the middle of the network.
public struct Saying: Sendable, Equatable {
    /// What was said, in its order.
    public var tokens: [Int32]
    /// One row a token, shape [tokens, keySize], each value in −7...7; only directions count.
    public var keys: [Int8]
    /// Which of two sayings is the later one: the larger. Told apart within an engram alone.
    public var moment: Int32

    public init(tokens: [Int32], keys: [Int8], moment: Int32) {
        self.tokens = tokens
        self.keys = keys
        self.moment = moment
    }
}

/// What a person said, a bounded number of sentences and turns; when it is full the oldest go.
///
/// In order of their moments, and of their content where those are equal (two sessions that began
/// with one engram count on from the same moment). The same words said again are remembered once,
/// at the later moment. It is its owner's words, in their order: more than the hashed contexts and
/// the shuffled positions of the other sites tell, and never part of what is given away without
/// them (`PlasticSite.verbatim`).
public struct SayingMemory: Sendable, Equatable {
    /// The oldest first.
    public private(set) var sayings: [Saying] = []

    /// The largest magnitude in a key, which a file writes in 4 bits.
    public static let peak = 7
    /// The longest saying; what goes on longer is cut.
    public static let tokensMaximum = 64
    /// How many are remembered.
    public static let capacity = 4096

    public init() {}

    public var count: Int { sayings.count }
    public var isEmpty: Bool { sayings.isEmpty }

    /// Length of a key; 0 while empty.
    public var keySize: Int {
        sayings.first.map { $0.keys.count / max(1, $0.tokens.count) } ?? 0
    }

    /// How many tokens all of them have.
    public var tokenCount: Int { sayings.reduce(0) { $0 + $1.tokens.count } }

    /// Bytes of its arrays in a file.
    var byteCount: Int { tokenCount * ((keySize + 1) / 2 + 2) + 5 * count }

    /// Remembers what has just been said, in place of the same words said before.
    /// - Parameter keys: shape [tokens, keySize]; scaled so that the largest of a row is ±7.
    /// - Precondition: 1...64 tokens, and as many rows.
    /// - Complexity: O(sayings + tokens·key).
    public mutating func append(tokens: [Int32], keys: [Float]) {
        precondition(1...Self.tokensMaximum ~= tokens.count, "a saying of bounded length")
        let newest = sayings.last?.moment ?? -1
        sayings.removeAll { $0.tokens == tokens }
        sayings.append(
            Saying(
                tokens: tokens, keys: Self.quantized(keys, rows: tokens.count),
                moment: newest < .max ? newest + 1 : newest))
        self = suffix(Self.capacity)
    }

    /// - Parameter sayings: in any order.
    public init(_ sayings: [Saying]) { self.sayings = sayings.sorted(by: Self.precedes) }

    /// The sayings whose words `other` does not have.
    func without(_ other: SayingMemory) -> SayingMemory {
        guard !isEmpty, !other.isEmpty else { return self }
        let dropped = Set(other.sayings.map(\.tokens))
        return filter { !dropped.contains($0.tokens) }
    }

    /// Those for which `isIncluded` holds.
    public func filter(_ isIncluded: (Saying) -> Bool) -> SayingMemory {
        var copy = self
        copy.sayings = sayings.filter(isIncluded)
        return copy
    }

    /// The newest so many.
    func suffix(_ limit: Int) -> SayingMemory {
        guard count > limit else { return self }
        var copy = self
        copy.sayings = Array(sayings.suffix(max(0, limit)))
        return copy
    }

    /// All of several memories by their moments, each saying once, at its latest; the newest stay.
    static func joined(_ memories: [SayingMemory]) -> SayingMemory {
        var seen = Set<[Int32]>()
        let all = SayingMemory(memories.flatMap(\.sayings))
        let latest = all.sayings.reversed().filter { seen.insert($0.tokens).inserted }
        return SayingMemory(Array(latest)).suffix(capacity)
    }

    private static func precedes(_ a: Saying, _ b: Saying) -> Bool {
        if a.moment != b.moment { return a.moment < b.moment }
        if a.tokens != b.tokens { return a.tokens.lexicographicallyPrecedes(b.tokens) }
        return a.keys.lexicographicallyPrecedes(b.keys)
    }

    private static func quantized(_ keys: [Float], rows: Int) -> [Int8] {
        let size = keys.count / rows
        precondition(size * rows == keys.count, "a key for each token")
        return (0..<rows).flatMap { row -> [Int8] in
            let key = keys[row * size..<(row + 1) * size]
            let largest = key.reduce(0) { max($0, abs($1)) }
            guard largest > 0, largest.isFinite else { return [Int8](repeating: 0, count: size) }
            let scale = Float(peak) / largest
            return key.map { $0.isFinite ? Int8(($0 * scale).rounded()) : 0 }
        }
    }
}

extension SayingMemory {
    /// Throws at the first saying that is not of this vocabulary, of bounded length and with keys of
    /// one length, or that says what is protected.
    func check(
        identity: CortexIdentity, protected: ProtectedSites
    ) throws(EngramError) {
        let size = keySize
        for saying in sayings {
            guard 1...Self.tokensMaximum ~= saying.tokens.count else {
                throw .outOfRange(
                    site: "sayings (tokens)", found: saying.tokens.count,
                    limit: Self.tokensMaximum)
            }
            for token in saying.tokens {
                try PlasticSites.checkIndex(
                    Int(token), "sayings (token)", identity.vocabularySize)
                try protected.check(token: token, at: "sayings")
            }
            guard saying.keys.count == saying.tokens.count * size else {
                throw .outOfRange(
                    site: "sayings (keys)", found: saying.keys.count,
                    limit: saying.tokens.count * size)
            }
        }
    }
}
