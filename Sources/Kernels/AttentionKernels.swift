import CKernels

/// Softmax attention of one key/value head over a cache.
public enum AttentionKernels {
    /// Keys are stored in blocks of this many positions; capacities are rounded up to it.
    public static let keyBlock = Int(HEBB_KEY_BLOCK)

    /// Elements of the score scratch for up to `keys` visible keys.
    public static func scratchCount(keys: Int) -> Int {
        Int(HEBB_ATTENTION_ROWS) * scoreStride(keys: keys)
    }

    /// Query rows of one call: their places in the activation buffer, and how far each looks back.
    public struct Rows: Sendable {
        /// How many rows.
        public let count: Int
        /// Elements between the starts of two consecutive rows of the query.
        public let queryStride: Int
        /// Elements between the starts of two consecutive rows of the output.
        public let outputStride: Int
        /// Keys that the first row sees.
        public let visible: Int
        /// How many more keys each next row sees: 1 for the tokens of a tile, 0 for the heads of
        /// one group at one token.
        public let visibleStep: Int
        /// The most keys that a row sees, its latest; nil: all.
        public let window: Int?

        public init(
            count: Int, queryStride: Int, outputStride: Int, visible: Int, visibleStep: Int,
            window: Int? = nil
        ) {
            precondition(count > 0 && visible > 0 && (0...1).contains(visibleStep))
            precondition(window.map { $0 > 0 } ?? true, "a row that sees no key")
            self.count = count
            self.queryStride = queryStride
            self.outputStride = outputStride
            self.visible = visible
            self.visibleStep = visibleStep
            self.window = window
        }

        /// Keys that the last row sees.
        var mostVisible: Int { visible + (count - 1) * visibleStep }
    }

    /// out[r] = Σ_t softmax_t(s·q[r]·k[t])·v[t] over the keys that row r sees.
    ///
    /// A row's result depends on that row and its keys only, not on the other rows.
    /// - Parameters:
    ///   - query: starts at the first row; shape [rows.count, d] with `rows.queryStride`.
    ///   - keys: blocked, shape [capacity/keyBlock, d, keyBlock].
    ///   - values: shape [capacity, d].
    ///   - headSize: d.
    ///   - scale: s, 1/√d nearly everywhere.
    ///   - scratch: `scratchCount(keys:)` elements for the greatest number of visible keys.
    ///   - out: starts at the first row; shape [rows.count, d] with `rows.outputStride`.
    /// - Complexity: O(rows·keys·d); allocates nothing.
    public static func attend(
        _ query: Span<Float>, _ rows: Rows, keys: Span<Float>, values: Span<Float>, headSize: Int,
        scale: Float, scratch: inout MutableSpan<Float>, into out: inout MutableSpan<Float>
    ) {
        let most = rows.mostVisible
        let blocks = (most + keyBlock - 1) / keyBlock
        let last = rows.count - 1
        precondition(
            query.count >= last * rows.queryStride + headSize, "attend: query too short")
        precondition(out.count >= last * rows.outputStride + headSize, "attend: out too short")
        precondition(keys.count >= blocks * keyBlock * headSize, "attend: keys too short")
        precondition(values.count >= most * headSize, "attend: values too short")
        precondition(scratch.count >= scratchCount(keys: most), "attend: scratch too short")
        query.withUnsafeBufferPointer { query in
            keys.withUnsafeBufferPointer { keys in
                values.withUnsafeBufferPointer { values in
                    scratch.withUnsafeMutableBufferPointer { scratch in
                        out.withUnsafeMutableBufferPointer { out in
                            var arguments = hebb_attention(
                                query: query.baseAddress, query_stride: rows.queryStride,
                                rows: rows.count, keys: keys.baseAddress,
                                values: values.baseAddress, head_size: headSize,
                                visible: rows.visible, visible_step: rows.visibleStep,
                                window: rows.window ?? Int.max, scale: scale,
                                scores: scratch.baseAddress,
                                score_stride: scoreStride(keys: most), out: out.baseAddress,
                                out_stride: rows.outputStride)
                            kernels.pointee.attention(&arguments)
                        }
                    }
                }
            }
        }
    }

    /// Writes one key vector (shape [d]) at `position` of a blocked key array.
    public static func storeKey(
        _ row: Span<Float>, at position: Int, into keys: inout MutableSpan<Float>
    ) {
        precondition(
            position >= 0 && (position / keyBlock + 1) * keyBlock * row.count <= keys.count,
            "storeKey: position outside the cache")
        row.withUnsafeBufferPointer { row in
            keys.withUnsafeMutableBufferPointer { keys in
                hebb_store_key(row.baseAddress, keys.baseAddress, row.count, position)
            }
        }
    }

    private static func scoreStride(keys: Int) -> Int {
        (keys + 4 * keyBlock - 1) / (4 * keyBlock) * (4 * keyBlock)
    }
}
