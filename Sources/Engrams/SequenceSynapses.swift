/// N: synapses from a hashed context of the last o tokens to the token that follows.
public struct SequenceSynapses: Sendable, Equatable {
    private var contextOfKey: [ContextKey: Int32] = [:]
    private var contexts: [SequenceContext] = []

    public init() {}

    public var isEmpty: Bool { contexts.isEmpty }
    public var count: Int { contexts.count }

    /// How many tokens the longest context spans.
    /// - Complexity: O(contexts).
    public var longestOrder: Int { contexts.reduce(0) { max($0, $1.order) } }

    public subscript(key: ContextKey) -> SequenceContext? {
        contextOfKey[key].map { contexts[Int($0)] }
    }

    /// Where a context stands, for `update(at:)`; valid until the next insertion or pruning.
    public func position(of key: ContextKey) -> Int? { contextOfKey[key].map(Int.init) }

    @inline(__always)
    public mutating func update(at position: Int, _ body: (inout SequenceContext) -> Void) {
        body(&contexts[position])
    }

    /// Calls `body` with every context, in no order that means anything, until it throws.
    func visit<E: Error>(_ body: (SequenceContext) throws(E) -> Void) throws(E) {
        for context in contexts { try body(context) }
    }

    /// - Precondition: no context of this key is there.
    public mutating func insert(_ context: SequenceContext) {
        precondition(contextOfKey[context.key] == nil, "a context is inserted once")
        contextOfKey[context.key] = Int32(contexts.count)
        contexts.append(context)
    }

    /// Every context sorted by key: the canonical order of files and comparisons. The targets of
    /// a context keep their own order, which is part of its state (it breaks ties on eviction).
    public func sorted() -> [SequenceContext] { contexts.sorted { $0.key < $1.key } }

    public init(_ contexts: [SequenceContext]) {
        for context in contexts { insert(context) }
    }

    /// Keeps the `budget` contexts of largest total magnitude; ties keep the lower key.
    /// - Returns: How many were dropped.
    mutating func prune(to budget: Int) -> Int {
        let before = contexts.count
        guard before > budget else { return 0 }
        let ranked = contexts.map { (strength: $0.strength, context: $0) }.sorted {
            $0.strength == $1.strength ? $0.context.key < $1.context.key : $0.strength > $1.strength
        }
        self = SequenceSynapses(ranked.prefix(budget).map(\.context))
        return before - budget
    }

    mutating func scale(by factor: Float) {
        for index in contexts.indices {
            for target in contexts[index].targets.indices {
                contexts[index].targets[target].weight *= factor
            }
        }
    }

    mutating func dropVisits() {
        for index in contexts.indices { contexts[index].visits = 0 }
    }

    public static func == (a: SequenceSynapses, b: SequenceSynapses) -> Bool {
        a.sorted() == b.sorted()
    }
}

/// A 64-bit hash of the last o tokens. Two contexts meet in one key with odds of about n²/2⁶⁵,
/// 3·10⁻¹² for 10,000 contexts; they would then share their targets, which harms nothing.
public struct ContextKey: RawRepresentable, Hashable, Comparable, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// The key of a context of one token, the newest.
    public init(token: Int32) { self.init(rawValue: Self.mix(0, token)) }

    /// The key of this context with one older token put before it.
    public func extended(by olderToken: Int32) -> ContextKey {
        ContextKey(rawValue: Self.mix(rawValue, olderToken))
    }

    /// The keys of the contexts that end with the newest token of `history`: of one token, of two, …
    /// - Parameters:
    ///   - history: newest last.
    ///   - orders: how many contexts at most.
    public static func contexts(
        ending history: ArraySlice<Int32>, orders: Int, into keys: inout [ContextKey]
    ) {
        keys.removeAll(keepingCapacity: true)
        var key: ContextKey?
        for token in history.reversed().prefix(orders) {
            let next = key?.extended(by: token) ?? ContextKey(token: token)
            keys.append(next)
            key = next
        }
    }

    /// splitmix64's finaliser (Steele et al. 2014): stable for ever, since keys are stored.
    private static func mix(_ seed: UInt64, _ token: Int32) -> UInt64 {
        var x =
            seed &+ 0x9E37_79B9_7F4A_7C15 &+ UInt64(UInt32(bitPattern: token))
            &* 0xD134_2543_DE82_EF95
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }

    public static func < (a: ContextKey, b: ContextKey) -> Bool { a.rawValue < b.rawValue }
}

/// One context and the few tokens it has been seen before.
public struct SequenceContext: Sendable, Equatable {
    public struct Target: Sendable, Equatable {
        public var token: Int32
        /// Logits.
        public var weight: Float
        public init(token: Int32, weight: Float) {
            self.token = token
            self.weight = weight
        }
    }

    public var key: ContextKey
    /// How many tokens the context spans, 1 at least.
    public var order: Int
    /// How often it was seen again while learning; slows its change. 0 in a checkpoint.
    public var visits: Float
    public var targets: [Target]

    public init(key: ContextKey, order: Int, visits: Float = 0, targets: [Target]) {
        self.key = key
        self.order = order
        self.visits = visits
        self.targets = targets
    }

    /// Adds a target, in place of the weakest when `limit` are there.
    public mutating func insert(_ target: Target, limit: Int) {
        if targets.count < limit {
            targets.append(target)
        } else if let weakest = targets.indices.min(by: {
            abs(targets[$0].weight) < abs(targets[$1].weight)
        }) {
            targets[weakest] = target
        }
    }

    /// Σ|w|, logits: what pruning ranks by.
    var strength: Float { targets.reduce(0) { $0 + abs($1.weight) } }
}
