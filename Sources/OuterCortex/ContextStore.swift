public import Engrams
import InnerCortex
import ModelFormats

/// Contexts that wait for their conversation's next turn, so that only what is new of it is read.
///
/// What is kept is the frozen core's: it depends on the tokens alone, so that an answer has the same
/// bits as one that has everything read afresh, whatever was learned since. A context is found again
/// by its owner only: how long an answer takes would tell others what somebody has said.
///
/// Belongs to one thread. The least recently used ones go first.
public final class ContextStore {
    /// What the frozen core made of each token, for those who judge an engram by it.
    struct States {
        /// h, the final normed hidden states, shape [tokens, hidden].
        var hidden: [Float] = []
        /// As `FrozenSlice.streams`.
        var streams: [Float] = []

        /// Forgets the tokens from `count` on; there are at least as many.
        mutating func cut(to count: Int, width: Int) {
            let tokens = hidden.count / width
            guard tokens > count else { return }
            let streamed = streams.count / tokens
            hidden.removeLast((tokens - count) * width)
            streams.removeLast((tokens - count) * streamed)
        }

        var byteCount: Int { (hidden.count + streams.count) * MemoryLayout<Float>.size }
    }

    private struct Entry {
        let owner: UserID
        let tokens: [TokenID]
        let cache: KVCache
        let states: States?
        let byteCount: Int
        var lastUse: Int
    }

    /// How much may wait, bytes; what is more goes.
    public var room: Int { didSet { shrink() } }
    /// What waits, bytes; what contexts have in common counts in each.
    public private(set) var byteCount = 0
    public var count: Int { entries.count }
    /// Contexts that were gone on with, and their tokens, which were not read again.
    public private(set) var hits = 0
    public private(set) var tokensFound = 0
    private let isShared: Bool
    private var entries: [Entry] = []
    private var clock = 0

    /// Most that wait, whatever their size.
    static let capacity = 1024
    /// Fewer tokens are read as fast as they are found.
    static let shortest = 16

    /// - Parameter isShared: whether a context serves other owners too.
    public init(room: Int = .max, isShared: Bool = false) {
        self.room = room
        self.isShared = isShared
    }

    /// The context that begins with the most of some tokens, to go on with.
    /// - Parameter withStates: whether what the core made of them is needed.
    func find(
        _ tokens: ArraySlice<TokenID>, of owner: UserID, withStates: Bool, capacity: Int
    ) -> (cache: KVCache, states: States)? {
        var best: (index: Int, count: Int)?
        for (index, entry) in entries.enumerated()
        where (isShared || entry.owner == owner) && (!withStates || entry.states != nil) {
            let count = zip(entry.tokens, tokens).prefix { $0 == $1 }.count
            if count >= Self.shortest, count > best?.count ?? 0, entry.cache.canCut(to: count) {
                best = (index, count)
            }
        }
        guard let (index, count) = best else { return nil }
        clock += 1
        entries[index].lastUse = clock
        hits += 1
        tokensFound += count
        let entry = entries[index]
        var states = States()
        if withStates, let all = entry.states {
            states.hidden = Self.first(count, of: entry.tokens.count, all.hidden)
            states.streams = Self.first(count, of: entry.tokens.count, all.streams)
        }
        return (entry.cache.fork(at: count, capacity: capacity), states)
    }

    /// Keeps a context for later, in place of those that it goes on from.
    /// - Parameters:
    ///   - tokens: those that are in the cache.
    ///   - states: of all of them, or nil.
    func keep(_ cache: KVCache, _ tokens: ArraySlice<TokenID>, of owner: UserID, _ states: States?)
    {
        guard tokens.count >= Self.shortest else { return }
        precondition(cache.count == tokens.count, "a context of other tokens")
        remove {
            $0.owner == owner && (states != nil || $0.states == nil)
                && $0.tokens.count <= tokens.count && tokens.starts(with: $0.tokens)
        }
        clock += 1
        let size =
            cache.byteCount + (states?.byteCount ?? 0)
            + tokens.count * MemoryLayout<TokenID>.size
        entries.append(
            Entry(
                owner: owner, tokens: Array(tokens), cache: cache, states: states,
                byteCount: size, lastUse: clock))
        byteCount += size
        shrink()
    }

    /// Forgets what somebody's conversations left.
    public func forget(_ owner: UserID) { remove { $0.owner == owner } }

    private func shrink() {
        while byteCount > room || entries.count > Self.capacity,
            let oldest = entries.indices.min(by: { entries[$0].lastUse < entries[$1].lastUse })
        {
            byteCount -= entries.remove(at: oldest).byteCount
        }
    }

    private func remove(where isGone: (Entry) -> Bool) {
        entries.removeAll { entry in
            guard isGone(entry) else { return false }
            byteCount -= entry.byteCount
            return true
        }
    }

    private static func first(_ count: Int, of tokens: Int, _ values: [Float]) -> [Float] {
        Array(values.prefix(values.count / tokens * count))
    }
}
