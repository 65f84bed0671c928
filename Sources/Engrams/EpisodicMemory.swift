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
/// remembered ones that share some of its strongest latents. The oldest goes when it is full.
///
/// Keys are kept as signed bytes, scaled so that the largest is ±127: at 64 dimensions and more a
/// cosine is then off by less than 0.01, and a position takes little more than its key and two
/// bytes a latent. A checkpoint narrows them to ±7, which a file writes in 4 bits each.
public struct EpisodicMemory: Sendable, Equatable {
    /// Length of a key; 0 while empty.
    public private(set) var keySize = 0
    public private(set) var count = 0
    /// Whether a checkpoint keeps it; else it lives as long as its session's delta.
    public private(set) var isKept = false
    /// How many were ever remembered; the episode with number n stands at place n mod `count`.
    private var total = 0
    private var keys: [Int8] = []
    /// 1/‖key‖ by place.
    private var inverseNorms: [Float] = []
    private var latents: [[Int32]] = []
    private var tokens: [Int32] = []
    /// latent → numbers of the episodes found by it, ascending.
    private var postings: [Int32: [Int32]] = [:]

    public init() {}

    public var isEmpty: Bool { count == 0 }

    /// Fills the place of a latent in a file. A latent of this number is not used as an index.
    static let noLatent = 65_535

    /// The largest magnitude in a narrow key.
    static let narrowPeak = 7

    /// Whether every key is a narrow one.
    var hasNarrowKeys: Bool { keys.allSatisfy { abs(Int($0)) <= Self.narrowPeak } }

    /// Bytes of its arrays in a checkpoint's file, with the latents of the widest episode for each.
    var byteCount: Int {
        count * ((keySize + 1) / 2 + 2 + 2 * (latents.map(\.count).max() ?? 0))
    }

    /// Scales every key so that its largest value is ±7, and rounds; a narrow key stays as it is,
    /// since its largest is 7 already.
    /// - Complexity: O(episodes·key).
    mutating func narrowKeys() {
        for place in 0..<count {
            let range = place * keySize..<(place + 1) * keySize
            let peak = keys[range].reduce(0) { max($0, abs(Int($1))) }
            guard peak > Self.narrowPeak else { continue }
            let scale = Float(Self.narrowPeak) / Float(peak)
            for index in range { keys[index] = Int8((Float(keys[index]) * scale).rounded()) }
            inverseNorms[place] = Self.inverseNorm(keys[range])
        }
    }

    /// Remembers an episode, in place of the oldest when `capacity` are there.
    /// - Precondition: `capacity` above 0; keys of one length.
    /// - Complexity: O(key + entries of its latents).
    public mutating func append(_ episode: Episode, capacity: Int, isKept: Bool) {
        precondition(capacity > 0, "a memory that may hold something")
        self.isKept = isKept
        if keySize == 0 { keySize = episode.key.count }
        precondition(episode.key.count == keySize, "keys of one length")
        let key = Self.quantized(episode.key)
        let found = episode.latents.filter { $0 != Self.noLatent }
        if count < capacity {
            keys += key
            inverseNorms.append(Self.inverseNorm(key[...]))
            latents.append(found)
            tokens.append(episode.token)
            count += 1
        } else {
            let place = total % count
            for latent in latents[place] { forgetOldest(of: latent) }
            keys.replaceSubrange(place * keySize..<(place + 1) * keySize, with: key)
            inverseNorms[place] = Self.inverseNorm(key[...])
            latents[place] = found
            tokens[place] = episode.token
        }
        for latent in found { postings[latent, default: []].append(Int32(total)) }
        total += 1
        if total == Int(Int32.max) { self = EpisodicMemory(stored: stored, isKept: isKept) }
    }

    /// The oldest episode's number is the first in each of its latents' lists.
    private mutating func forgetOldest(of latent: Int32) {
        guard var list = postings.removeValue(forKey: latent) else { return }
        list.removeFirst()
        if !list.isEmpty { postings[latent] = list }
    }

    /// Calls `body` with the place of every episode found by a latent, oldest first; a place is in
    /// 0..<count.
    @inline(__always)
    public func forEach(latent: Int32, _ body: (Int) -> Void) {
        guard let list = postings[latent] else { return }
        // Numbers under `count` are places already, until the memory is full.
        if total == count {
            for number in list { body(Int(number)) }
        } else {
            for number in list { body(Int(number) % count) }
        }
    }

    public func token(at place: Int) -> Int32 { tokens[place] }

    /// The cosine of each place's key with a vector of norm 1; 0 for a key of zeros.
    /// - Parameters:
    ///   - query: shape [keySize].
    ///   - output: shape [places.count].
    /// - Complexity: O(places·key); allocates nothing.
    public func similarities(
        at places: [Int32], to query: [Float], into output: inout [Float]
    ) {
        let keys = keys
        var results = output.mutableSpan
        MatrixKernels.multiplyRows(
            keys.span, columns: keySize, rows: places.span, by: query.span, into: &results)
        for index in places.indices { results[index] *= inverseNorms[Int(places[index])] }
    }

    /// Every episode, oldest first, its key as stored: the order of files and comparisons.
    public var stored: [(key: ArraySlice<Int8>, latents: [Int32], token: Int32)] {
        (0..<count).map { index in
            let place = (total - count + index) % count
            return (
                keys[place * keySize..<(place + 1) * keySize], latents[place], tokens[place]
            )
        }
    }

    /// Rebuilds a memory, oldest first.
    /// - Precondition: `keys.count == keySize * tokens.count`, and as many lists of latents.
    public init(
        keySize: Int, keys: [Int8], latents: [[Int32]], tokens: [Int32], isKept: Bool
    ) {
        precondition(
            keys.count == keySize * tokens.count && latents.count == tokens.count,
            "arrays of one length")
        self.isKept = isKept
        self.keySize = tokens.isEmpty ? 0 : keySize
        self.keys = keys
        self.latents = latents
        self.tokens = tokens
        count = tokens.count
        total = count
        inverseNorms = (0..<count).map { place in
            Self.inverseNorm(keys[place * keySize..<(place + 1) * keySize])
        }
        for (number, found) in latents.enumerated() {
            for latent in found { postings[latent, default: []].append(Int32(number)) }
        }
    }

    private init(
        stored: [(key: ArraySlice<Int8>, latents: [Int32], token: Int32)], isKept: Bool
    ) {
        self.init(
            keySize: stored.first?.key.count ?? 0, keys: stored.flatMap(\.key),
            latents: stored.map(\.latents), tokens: stored.map(\.token), isKept: isKept)
    }

    public static func == (a: EpisodicMemory, b: EpisodicMemory) -> Bool {
        a.count == b.count && a.isKept == b.isKept
            && zip(a.stored, b.stored).allSatisfy {
                $0.key == $1.key && $0.latents == $1.latents && $0.token == $1.token
            }
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
