import Kernels

/// One position to remember: where it was, and what followed.
public struct Episode: Sendable, Equatable {
    /// Shape [keySize]; only its direction is kept.
    public var key: [Float]
    /// The latents it is found by, strongest first, each once.
    public var latents: [Int32]
    /// The token that followed.
    public var token: Int32

    public init(key: [Float], latents: [Int32], token: Int32) {
        self.key = key
        self.latents = latents
        self.token = token
    }
}

/// E: a bounded memory of positions, indexed by SAE latents, so that a position refers only to the
/// remembered ones that share some of its strongest latents. The oldest go when it is full.
///
/// Positions in the order in which they came, each with the token after it, would spell what was
/// said. So a position's age is known by its *cohort* alone, an eighth of the capacity, and within
/// a cohort they stand by a hash of their content: in memory as in a file, so that a memory that was
/// written and read goes on as the one that was not, to the last bit. When the memory is full, the
/// first by that hash of the oldest cohort goes.
///
/// Keys are kept as signed bytes, scaled so that the largest is ±127: at 64 dimensions and more a
/// cosine is then off by less than 0.01, and a position takes little more than its key and two
/// bytes a latent. A checkpoint narrows them to ±7, which a file writes in 4 bits each.
public struct EpisodicMemory: Sendable, Equatable {
    /// A stored position, its key as it is kept.
    public typealias Stored = (key: ArraySlice<Int8>, latents: [Int32], token: Int32)

    /// Length of a key; 0 while empty.
    public private(set) var keySize = 0
    /// Whether a checkpoint keeps it; else it lives as long as its session's delta.
    public private(set) var isKept = false
    // By place, which is where a position happens to stand.
    private var keys: [Int8] = []
    /// 1/‖key‖.
    private var inverseNorms: [Float] = []
    private var latents: [[Int32]] = []
    private var tokens: [Int32] = []
    private var ranks: [UInt64] = []
    /// The places of each cohort, the oldest first, none of them empty; in each by `precedes`.
    private var cohorts: [[Int32]] = []
    /// latent → places of the episodes found by it, by `precedes`.
    private var postings: [Int32: [Int32]] = [:]

    public init() {}

    public var count: Int { tokens.count }
    public var isEmpty: Bool { tokens.isEmpty }

    /// Fills the place of a latent in a file. A latent of this number is not used as an index.
    static let noLatent = 65_535

    /// The most latents that any rule lets an episode be found by.
    public static let latentsMaximum = 255

    /// The largest magnitude in a narrow key.
    static let narrowPeak = 7

    /// Whether every key is a narrow one.
    var hasNarrowKeys: Bool { keys.allSatisfy { abs(Int($0)) <= Self.narrowPeak } }

    /// Bytes of its arrays in a checkpoint's file, with the latents of the widest episode for each.
    var byteCount: Int {
        count * ((keySize + 1) / 2 + 2 + 2 * (latents.map(\.count).max() ?? 0))
    }

    /// How many positions are told apart by no more than their content.
    /// - Parameter capacity: above 0; below 9 every position is a cohort of its own.
    static func cohortSize(capacity: Int) -> Int { (capacity - 1) / 8 + 1 }

    /// Scales every key so that its largest value is ±7, and rounds; a narrow key stays as it is,
    /// since its largest is 7 already.
    /// - Complexity: O(episodes·key), and O(n log n) where a key changes.
    mutating func narrowKeys() {
        guard !hasNarrowKeys else { return }
        var narrow = keys
        for place in 0..<count {
            let range = place * keySize..<(place + 1) * keySize
            let peak = keys[range].reduce(0) { max($0, abs(Int($1))) }
            guard peak > Self.narrowPeak else { continue }
            let scale = Float(Self.narrowPeak) / Float(peak)
            for index in range { narrow[index] = Int8((Float(keys[index]) * scale).rounded()) }
        }
        self = EpisodicMemory(
            keySize: keySize, keys: narrow, latents: latents, tokens: tokens, cohorts: cohorts,
            isKept: isKept)
    }

    /// Remembers an episode, in place of one of the oldest when `capacity` are there.
    /// - Precondition: `capacity` above 0; keys of one length.
    /// - Complexity: O(key + entries of its latents + cohort).
    public mutating func append(_ episode: Episode, capacity: Int, isKept: Bool) {
        precondition(capacity > 0, "a memory that may hold something")
        self.isKept = isKept
        if keySize == 0 { keySize = episode.key.count }
        precondition(episode.key.count == keySize, "keys of one length")
        let key = Self.quantized(episode.key)
        let found = episode.latents.filter { $0 != Self.noLatent }
        let rank = Self.rank(key: key[...], latents: found, token: episode.token)
        let place: Int
        if count < capacity {
            place = count
            keys += key
            inverseNorms.append(Self.inverseNorm(key[...]))
            latents.append(found)
            tokens.append(episode.token)
            ranks.append(rank)
        } else {
            place = dropOldest()
            keys.replaceSubrange(place * keySize..<(place + 1) * keySize, with: key)
            inverseNorms[place] = Self.inverseNorm(key[...])
            latents[place] = found
            tokens[place] = episode.token
            ranks[place] = rank
        }
        let size = Self.cohortSize(capacity: capacity)
        if (cohorts.last?.count ?? size) >= size { cohorts.append([]) }
        insert(Int32(place), into: &cohorts[cohorts.count - 1])
        for latent in found {
            var list = postings.removeValue(forKey: latent) ?? []
            insert(Int32(place), into: &list)
            postings[latent] = list
        }
    }

    /// - Returns: The place that is free now.
    private mutating func dropOldest() -> Int {
        let place = cohorts[0].removeFirst()
        if cohorts[0].isEmpty { cohorts.removeFirst() }
        for latent in latents[Int(place)] {
            guard var list = postings.removeValue(forKey: latent) else { continue }
            var index = position(of: place, in: list)
            while list[index] != place { index += 1 }
            list.remove(at: index)
            if !list.isEmpty { postings[latent] = list }
        }
        return Int(place)
    }

    private func insert(_ place: Int32, into list: inout [Int32]) {
        list.insert(place, at: position(of: place, in: list))
    }

    /// The first of a sorted list's indices whose place does not stand before this one.
    private func position(of place: Int32, in list: [Int32]) -> Int {
        var (low, high) = (0, list.count)
        while low < high {
            let middle = (low + high) / 2
            if precedes(list[middle], place) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The order of what has one age. Positions that neither precedes the other are the same.
    private func precedes(_ a: Int32, _ b: Int32) -> Bool {
        let (a, b) = (Int(a), Int(b))
        if ranks[a] != ranks[b] { return ranks[a] < ranks[b] }
        // Different ones of one rank: made to be so.
        if tokens[a] != tokens[b] { return tokens[a] < tokens[b] }
        if latents[a] != latents[b] { return latents[a].lexicographicallyPrecedes(latents[b]) }
        return key(a).lexicographicallyPrecedes(key(b))
    }

    private func key(_ place: Int) -> ArraySlice<Int8> {
        keys[place * keySize..<(place + 1) * keySize]
    }

    /// The episodes found by a latent: their places, each in 0..<count, in an order that depends on
    /// what is remembered alone.
    func places(latent: Int32) -> [Int32] { postings[latent] ?? [] }

    /// How many latents the widest episode is found by.
    /// - Complexity: O(episodes).
    public var mostLatents: Int { latents.reduce(0) { max($0, $1.count) } }

    public func token(at place: Int) -> Int32 { tokens[place] }

    /// The cosine of each place's key with a vector of norm 1; 0 for a key of zeros.
    /// - Parameters:
    ///   - query: shape [keySize].
    ///   - output: shape [places.count].
    /// - Complexity: O(places·key); allocates nothing.
    public func similarities(
        at places: [Int32], to query: Span<Float>, into output: inout [Float]
    ) {
        let keys = keys
        var results = output.mutableSpan
        MatrixKernels.multiplyRows(
            keys.span, columns: keySize, rows: places.span, by: query, into: &results)
        for index in places.indices { results[index] *= inverseNorms[Int(places[index])] }
    }

    /// Every episode, cohort by cohort, the oldest first, and by its hash in each: the order of
    /// files and comparisons.
    public var stored: [Stored] { cohorts.joined().map { stored(at: Int($0)) } }

    /// Calls `body` with every episode, in no order that means anything, until it throws.
    func visit<E: Error>(_ body: (Stored) throws(E) -> Void) throws(E) {
        for place in tokens.indices { try body(stored(at: place)) }
    }

    /// How many episodes each cohort has, the oldest first.
    var cohortCounts: [Int] { cohorts.map(\.count) }

    /// `stored`, each cohort by itself.
    private var storedCohorts: [[Stored]] { cohorts.map { $0.map { stored(at: Int($0)) } } }

    private func stored(at place: Int) -> Stored { (key(place), latents[place], tokens[place]) }

    /// Those of the episodes for which `isKept` holds, each in its cohort.
    func filter(_ isIncluded: (Stored) -> Bool) -> EpisodicMemory {
        EpisodicMemory(
            cohorts: storedCohorts.map { $0.filter(isIncluded) }, keySize: keySize, isKept: isKept)
    }

    /// The same episodes, each found by so many of its strongest latents.
    /// - Complexity: O(n log n + n·key) where one has more, O(episodes) else.
    func foundBy(atMost limit: Int) -> EpisodicMemory {
        guard mostLatents > limit else { return self }
        return EpisodicMemory(
            cohorts: storedCohorts.map { cohort in
                cohort.map { ($0.key, Array($0.latents.prefix(limit)), $0.token) }
            }, keySize: keySize, isKept: isKept)
    }

    /// - Parameter cohorts: the oldest first; those without an episode count for nothing.
    /// - Complexity: O(n log n + n·key).
    init(cohorts: [[Stored]], keySize: Int, isKept: Bool) {
        let all = cohorts.joined()
        self.init(
            keySize: keySize, keys: all.flatMap(\.key), latents: all.map(\.latents),
            tokens: all.map(\.token), cohortCounts: cohorts.map(\.count), isKept: isKept)
    }

    /// Rebuilds a memory from its arrays, the oldest cohort first.
    ///
    /// - Parameter cohortCounts: how many episodes each cohort has; nil: eight of one size, for
    ///   arrays that stand in the order in which the positions came.
    /// - Precondition: `keys.count == keySize * tokens.count`, as many lists of latents, and counts
    ///   that add up to as many.
    /// - Complexity: O(n log n + n·key).
    public init(
        keySize: Int, keys: [Int8], latents: [[Int32]], tokens: [Int32],
        cohortCounts: [Int]? = nil, isKept: Bool
    ) {
        let counts = cohortCounts ?? Self.evenCounts(of: tokens.count, capacity: tokens.count)
        precondition(counts.reduce(0, +) == tokens.count, "each episode in one cohort")
        var next: Int32 = 0
        let cohorts = counts.map { count in
            defer { next += Int32(count) }
            return Array(next..<next + Int32(count))
        }
        self.init(
            keySize: keySize, keys: keys, latents: latents, tokens: tokens, cohorts: cohorts,
            isKept: isKept)
    }

    /// Cohorts for episodes that stand in the order of their age.
    static func evenCounts(of count: Int, capacity: Int) -> [Int] {
        guard count > 0 else { return [] }
        let size = cohortSize(capacity: capacity)
        return stride(from: 0, to: count, by: size).map { min(size, count - $0) }
    }

    private init(
        keySize: Int, keys: [Int8], latents: [[Int32]], tokens: [Int32], cohorts: [[Int32]],
        isKept: Bool
    ) {
        precondition(
            keys.count == keySize * tokens.count && latents.count == tokens.count,
            "arrays of one length")
        self.isKept = isKept
        self.keySize = tokens.isEmpty ? 0 : keySize
        self.keys = keys
        self.latents = latents
        self.tokens = tokens
        for place in tokens.indices {
            let key = keys[place * keySize..<(place + 1) * keySize]
            inverseNorms.append(Self.inverseNorm(key))
            ranks.append(Self.rank(key: key, latents: latents[place], token: tokens[place]))
        }
        self.cohorts = cohorts.filter { !$0.isEmpty }.map { $0.sorted(by: precedes) }
        for place in tokens.indices.map({ Int32($0) }).sorted(by: precedes) {
            for latent in latents[Int(place)] { postings[latent, default: []].append(place) }
        }
    }

    public static func == (a: EpisodicMemory, b: EpisodicMemory) -> Bool {
        a.isKept == b.isKept && a.cohortCounts == b.cohortCounts
            && zip(a.stored, b.stored).allSatisfy {
                $0.key == $1.key && $0.latents == $1.latents && $0.token == $1.token
            }
    }

    /// A hash of a position's content, splitmix64's finaliser (Steele et al. 2014) over its parts:
    /// says nothing of when it came. Stable for ever, since files are in its order.
    private static func rank(key: ArraySlice<Int8>, latents: [Int32], token: Int32) -> UInt64 {
        var hash: UInt64 = 0
        func mix(_ part: UInt64) {
            hash = (hash ^ part) &+ 0x9E37_79B9_7F4A_7C15
            hash = (hash ^ (hash >> 30)) &* 0xBF58_476D_1CE4_E5B9
            hash = (hash ^ (hash >> 27)) &* 0x94D0_49BB_1331_11EB
            hash ^= hash >> 31
        }
        mix(UInt64(UInt32(bitPattern: token)) << 32 | UInt64(latents.count))
        for latent in latents { mix(UInt64(UInt32(bitPattern: latent))) }
        // Eight values of the key at a time.
        var word: UInt64 = 0
        for (index, value) in key.enumerated() {
            word = word << 8 | UInt64(UInt8(bitPattern: value))
            if index % 8 == 7 {
                mix(word)
                word = 0
            }
        }
        if key.count % 8 != 0 { mix(word) }
        return hash
    }

    private static func quantized(_ key: [Float]) -> [Int8] {
        let peak = key.reduce(0) { max($0, abs($1)) }
        guard peak > 0, peak.isFinite else { return [Int8](repeating: 0, count: key.count) }
        return key.map { $0.isFinite ? Int8(($0 / peak * 127).rounded()) : 0 }
    }

    private static func inverseNorm(_ key: ArraySlice<Int8>) -> Float {
        let squares = key.reduce(0) { $0 + Int($1) * Int($1) }
        return squares == 0 ? 0 : 1 / Float(squares).squareRoot()
    }
}
