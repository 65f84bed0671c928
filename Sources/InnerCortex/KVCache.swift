import Kernels
import ModelFormats

/// The keys and values of the tokens that a context has seen so far, in pages that come as it grows.
///
/// Has one owner, who runs at most one `forward` on it at a time; it is not `Sendable`.
public final class KVCache {
    /// Most tokens that fit.
    public let capacity: Int
    /// The first block whose keys and values it holds; those of every later block are there too.
    public let firstBlock: Int
    /// Tokens that are in: the position of the next one.
    public private(set) var count = 0
    /// Of each kind of block in the layout; nil where it holds no block of that kind.
    let pages: [KeyValuePages?]
    private let layout: CacheLayout
    private let memory: PageMemory

    /// How many tokens a context can always be cut back by, whatever its windows.
    public static let reach = 128

    init(_ layout: CacheLayout, capacity: Int, firstBlock: Int, memory: PageMemory) {
        precondition(
            (1...layout.contextLength).contains(capacity),
            "KVCache: capacity \(capacity), allowed is 1...\(layout.contextLength)")
        precondition(
            layout.places.indices.contains(firstBlock),
            "KVCache: first block \(firstBlock), allowed is 0..<\(layout.places.count)")
        self.capacity = capacity
        self.firstBlock = firstBlock
        self.layout = layout
        self.memory = memory
        pages = layout.kinds.indices.map { kind in
            let parts = layout.parts(of: kind, from: firstBlock)
            guard parts > 0 else { return nil }
            return KeyValuePages(
                parts: parts, headSize: layout.headSize, precision: layout.precision,
                capacity: capacity, memory: memory)
        }
    }

    /// What its pages take, those that others have too included.
    public var byteCount: Int { pages.reduce(0) { $0 + ($1?.byteCount ?? 0) } }

    /// Forgets the tokens from position `count` on. O(1) a page.
    ///
    /// - Precondition: `canCut(to: count)`.
    public func truncate(to count: Int) {
        precondition(canCut(to: count), "KVCache: truncate to \(count) of \(self.count)")
        for pages in pages { pages?.truncate(to: count) }
        self.count = count
    }

    /// Whether the first `count` tokens are there, and what the next one sees of them.
    public func canCut(to count: Int) -> Bool {
        guard (0...self.count).contains(count) else { return false }
        return count == 0
            || zip(pages, layout.kinds).allSatisfy { pages, kind in
                pages.map { $0.firstPosition <= max(0, count + 1 - (kind.window ?? .max)) } ?? true
            }
    }

    /// A context of its own that begins with the first `count` tokens of this, in the same pages.
    ///
    /// - Precondition: `canCut(to: count)`; `count` is within `capacity`.
    /// - Complexity: O(count/16). Whichever of both writes next to a page copies it first.
    public func fork(at count: Int, capacity: Int) -> KVCache {
        precondition(
            canCut(to: count) && count <= capacity, "KVCache: fork at \(count) of \(self.count)")
        let fork = KVCache(layout, capacity: capacity, firstBlock: firstBlock, memory: memory)
        fork.count = count
        guard count > 0 else { return fork }
        for (own, pages) in zip(fork.pages, pages) {
            if let pages { own?.share(pages, count: count) }
        }
        return fork
    }

    /// Takes over the first `count` tokens of another cache, for the blocks that this one holds.
    /// O(bytes).
    ///
    /// - Precondition: both are of one core, `other` holds these blocks, and can be cut there.
    public func copy(from other: KVCache, count: Int) {
        precondition(
            other.firstBlock <= firstBlock && count <= capacity,
            "KVCache: copy from a cache of another shape")
        precondition(other.canCut(to: count), "KVCache: copy \(count) of \(other.count)")
        for (own, pages) in zip(self.pages, other.pages) {
            if let pages { own?.copy(from: pages, count: count) }
        }
        self.count = count
    }

    /// Makes the pages for the next tokens.
    func prepare(_ tokens: Int) {
        for pages in pages { pages?.prepare(count..<count + tokens) }
    }

    /// The next tokens are in.
    func advance(by tokens: Int) {
        count += tokens
        for (pages, kind) in zip(pages, layout.kinds) {
            guard let window = kind.window else { continue }
            pages?.release(before: count + 1 - window - Self.reach)
        }
    }

    /// Where a block's keys are: its pages, and its first head in them.
    func place(of block: Int) -> (kind: Int, firstPart: Int) {
        let place = layout.places[block]
        let skipped =
            layout.parts(of: place.kind, from: 0) - layout.parts(of: place.kind, from: firstBlock)
        return (place.kind, place.part - skipped)
    }
}

/// Which blocks have their keys and values together: those that keep them equally long.
struct CacheLayout: Sendable {
    struct Kind: Sendable {
        let window: Int?
        var blocks: [Int]
    }

    let kinds: [Kind]
    /// By block: its kind, and its first head in pages of that kind.
    let places: [(kind: Int, part: Int)]
    let headSize: Int
    let contextLength: Int
    let precision: KeyValuePrecision
    private let heads: Int

    init(_ config: ModelConfig, _ precision: KeyValuePrecision) {
        self.precision = precision
        var kinds: [Kind] = []
        var places: [(kind: Int, part: Int)] = []
        for (block, window) in config.windows.enumerated() {
            let kind = kinds.firstIndex { $0.window == window } ?? kinds.count
            if kind == kinds.count { kinds.append(Kind(window: window, blocks: [])) }
            places.append((kind, kinds[kind].blocks.count * config.keyValueHeadCount))
            kinds[kind].blocks.append(block)
        }
        self.kinds = kinds
        self.places = places
        headSize = config.headSize
        contextLength = config.contextLength
        heads = config.keyValueHeadCount
    }

    /// Heads of the blocks of a kind from `block` on.
    func parts(of kind: Int, from block: Int) -> Int {
        kinds[kind].blocks.count { $0 >= block } * heads
    }

    /// The most that a context of so many tokens takes.
    func byteCount(tokens: Int, firstBlock: Int) -> Int {
        var sum = 0
        for (index, kind) in kinds.enumerated() {
            let parts = parts(of: index, from: firstBlock)
            guard parts > 0 else { continue }
            // While a pass runs, what is in the window of its first row, and all of its rows.
            let kept = kind.window.map { $0 + KVCache.reach + RowPlan.largestCount + 16 }
            sum +=
                KeyValuePages.pageCount(min(tokens, kept ?? tokens))
                * KeyValuePages.pageBytes(parts: parts, headSize: headSize, precision: precision)
        }
        return sum
    }
}
