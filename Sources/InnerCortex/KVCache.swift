import Kernels
import ModelFormats

/// The keys and values of the tokens that a context has seen so far.
///
/// Has one owner, who runs at most one `forward` on it at a time; it is not `Sendable`.
public final class KVCache {
    /// Most tokens that fit.
    public let capacity: Int
    /// The first block whose keys and values it holds; those of every later block are there too.
    public let firstBlock: Int
    /// Tokens that are in: the position of the next one.
    public internal(set) var count = 0
    var storage: Storage

    init(_ config: ModelConfig, capacity: Int, firstBlock: Int) {
        precondition(
            (1...config.contextLength).contains(capacity),
            "KVCache: capacity \(capacity), allowed is 1...\(config.contextLength)")
        precondition(
            (0..<config.layerCount).contains(firstBlock),
            "KVCache: first block \(firstBlock), allowed is 0..<\(config.layerCount)")
        self.capacity = capacity
        self.firstBlock = firstBlock
        storage = Storage(config, capacity: capacity, firstBlock: firstBlock)
    }

    /// Forgets the tokens from position `count` on. O(1).
    ///
    /// - Precondition: `count` is in 0...self.count.
    public func truncate(to count: Int) {
        precondition(
            (0...self.count).contains(count), "KVCache: truncate to \(count) of \(self.count)")
        self.count = count
    }

    /// Takes over the first `count` tokens of another cache, for the blocks that this one holds.
    /// O(capacity); allocates nothing.
    ///
    /// - Precondition: both are of one core and of one capacity, `other` holds these blocks, and
    ///   `count` is in 0...other.count.
    public func copy(from other: KVCache, count: Int) {
        precondition(
            other.capacity == capacity && other.firstBlock <= firstBlock,
            "KVCache: copy from a cache of another shape")
        precondition(
            (0...other.count).contains(count), "KVCache: copy \(count) of \(other.count)")
        storage.copy(from: other.storage)
        self.count = count
    }

    /// Every layer's and head's keys and values, in two arrays.
    struct Storage {
        /// [layers − firstBlock, keyValueHeads, blocks, headSize, AttentionKernels.keyBlock].
        var keys: [Float]
        /// [layers − firstBlock, keyValueHeads, positions, headSize].
        var values: [Float]
        private let heads: Int
        private let headSize: Int
        /// Elements of one head in one layer; in both arrays.
        private let stride: Int
        private let firstBlock: Int

        init(_ config: ModelConfig, capacity: Int, firstBlock: Int) {
            let block = AttentionKernels.keyBlock
            heads = config.keyValueHeadCount
            headSize = config.headSize
            self.firstBlock = firstBlock
            stride = (capacity + block - 1) / block * block * config.headSize
            let count = (config.layerCount - firstBlock) * heads * stride
            keys = [Float](repeating: 0, count: count)
            values = [Float](repeating: 0, count: count)
        }

        /// The elements of one head in one layer.
        func range(layer: Int, head: Int) -> Range<Int> {
            let start = ((layer - firstBlock) * heads + head) * stride
            return start..<start + stride
        }

        /// Everything of these layers that `other` holds.
        mutating func copy(from other: Storage) {
            let start = (firstBlock - other.firstBlock) * heads * stride
            let part = start..<start + keys.count
            Self.copy(other.keys, part, into: &keys)
            Self.copy(other.values, part, into: &values)
        }

        private static func copy(_ source: [Float], _ part: Range<Int>, into target: inout [Float])
        {
            var all = target.mutableSpan
            VectorKernels.copy(source.span.extracting(part), into: &all)
        }

        /// Writes the keys and values (each of shape [heads, headSize]) of one token.
        mutating func store(keys row: Span<Float>, values: Span<Float>, layer: Int, position: Int) {
            for head in 0..<heads {
                let part = head * headSize..<(head + 1) * headSize
                let place = range(layer: layer, head: head)
                Self.put(key: row.extracting(part), at: position, in: place, of: &keys)
                let start = place.lowerBound + position * headSize
                Self.put(value: values.extracting(part), at: start, of: &self.values)
            }
        }

        private static func put(
            key: Span<Float>, at position: Int, in range: Range<Int>, of keys: inout [Float]
        ) {
            var all = keys.mutableSpan
            var head = all._mutatingExtracting(range)
            AttentionKernels.storeKey(key, at: position, into: &head)
        }

        private static func put(value: Span<Float>, at start: Int, of values: inout [Float]) {
            var all = values.mutableSpan
            var target = all._mutatingExtracting(start..<start + value.count)
            VectorKernels.copy(value, into: &target)
        }
    }
}
