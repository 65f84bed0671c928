import Kernels
import ModelFormats

/// The keys and values of the tokens that a context has seen so far.
///
/// Has one owner, who runs at most one `forward` on it at a time; it is not `Sendable`.
public final class KVCache {
    /// Most tokens that fit.
    public let capacity: Int
    /// Tokens that are in: the position of the next one.
    public internal(set) var count = 0
    var storage: Storage

    init(_ config: ModelConfig, capacity: Int) {
        precondition(
            (1...config.contextLength).contains(capacity),
            "KVCache: capacity \(capacity), allowed is 1...\(config.contextLength)")
        self.capacity = capacity
        storage = Storage(config, capacity: capacity)
    }

    /// Forgets the tokens from position `count` on. O(1).
    ///
    /// - Precondition: `count` is in 0...self.count.
    public func truncate(to count: Int) {
        precondition(
            (0...self.count).contains(count), "KVCache: truncate to \(count) of \(self.count)")
        self.count = count
    }

    /// Every layer's and head's keys and values, in two arrays.
    struct Storage {
        /// [layers, keyValueHeads, blocks, headSize, AttentionKernels.keyBlock].
        var keys: [Float]
        /// [layers, keyValueHeads, positions, headSize].
        var values: [Float]
        private let heads: Int
        private let headSize: Int
        /// Elements of one head in one layer; in both arrays.
        private let stride: Int

        init(_ config: ModelConfig, capacity: Int) {
            let block = AttentionKernels.keyBlock
            heads = config.keyValueHeadCount
            headSize = config.headSize
            stride = (capacity + block - 1) / block * block * config.headSize
            let count = config.layerCount * heads * stride
            keys = [Float](repeating: 0, count: count)
            values = [Float](repeating: 0, count: count)
        }

        /// The elements of one head in one layer.
        func range(layer: Int, head: Int) -> Range<Int> {
            let start = (layer * heads + head) * stride
            return start..<start + stride
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
