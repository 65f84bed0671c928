import CKernels

/// Softmax attention of one block, over the contexts of a pass.
public enum AttentionKernels {
    /// Elements of the score scratch for up to `keys` visible keys.
    public static func scratchCount(keys: Int, on pool: WorkerPool?) -> Int {
        (pool?.threads ?? 1) * Int(HEBB_ATTENTION_ROWS) * scoreStride(keys: keys)
    }

    /// What a block's attention is like.
    public struct Block: Sendable {
        public let heads: Int
        /// Consecutive heads share one of these.
        public let keyValueHeads: Int
        public let headSize: Int
        /// Where its first head is in the pages.
        public let firstPart: Int
        /// The most keys that a row sees, its latest; nil: all.
        public let window: Int?
        /// s, 1/√d nearly everywhere.
        public let scale: Float
        /// Of the pages.
        public let precision: KeyValuePrecision

        public init(
            heads: Int, keyValueHeads: Int, headSize: Int, firstPart: Int, window: Int?,
            scale: Float, precision: KeyValuePrecision
        ) {
            precondition(heads > 0 && keyValueHeads > 0 && heads % keyValueHeads == 0)
            precondition(window.map { $0 > 0 } ?? true, "a row that sees no key")
            self.heads = heads
            self.keyValueHeads = keyValueHeads
            self.headSize = headSize
            self.firstPart = firstPart
            self.window = window
            self.scale = scale
            self.precision = precision
        }
    }

    /// Consecutive tokens of one context.
    public struct Segment: Sendable {
        let pages: KeyValuePages
        let rows: Range<Int>
        let position: Int

        /// - Parameters:
        ///   - rows: of the pass's rows.
        ///   - position: of the first of them, in the context.
        public init(pages: KeyValuePages, rows: Range<Int>, position: Int) {
            self.pages = pages
            self.rows = rows
            self.position = position
        }
    }

    /// Stores the rows' keys and values in their contexts, then
    ///
    ///     out[r, h] = Σ_t softmax_t(s·q[r, h]·k[t])·v[t]
    ///
    /// over the keys that row r sees: those up to its own. A row's result depends on that row and its
    /// keys only, not on the other rows, nor on the number of threads.
    /// - Parameters:
    ///   - segments: of different contexts, whose pages for these rows are prepared.
    ///   - input: queries, keys and values, shape [rows, (heads + 2·keyValueHeads)·headSize].
    ///   - keys: at least the greatest number of visible keys.
    ///   - scratch: `scratchCount(keys:on:)` elements.
    ///   - out: shape [rows, heads·headSize].
    /// - Complexity: O(rows·heads·keys·headSize); allocates nothing for up to 32 segments.
    public static func attend(
        _ segments: [Segment], _ block: Block, input: Span<Float>, keys: Int,
        scratch: inout MutableSpan<Float>, on pool: WorkerPool?,
        into out: inout MutableSpan<Float>
    ) {
        let width = (block.heads + 2 * block.keyValueHeads) * block.headSize
        for segment in segments {
            segment.pages.check(block, position: segment.position, rows: segment.rows.count)
            precondition(
                segment.rows.lowerBound >= 0 && segment.position + segment.rows.count <= keys
                    && input.count >= segment.rows.upperBound * width
                    && out.count >= segment.rows.upperBound * block.heads * block.headSize,
                "attend: rows that are not there")
        }
        precondition(
            scratch.count >= scratchCount(keys: keys, on: pool), "attend: scratch too short")
        withUnsafeTemporaryAllocation(of: hebb_segment.self, capacity: segments.count) { list in
            for (index, segment) in segments.enumerated() {
                list.initializeElement(
                    at: index,
                    to: hebb_segment(
                        pages: segment.pages.pointers, first: segment.rows.lowerBound,
                        rows: segment.rows.count, position: segment.position))
            }
            input.withUnsafeBufferPointer { input in
                scratch.withUnsafeMutableBufferPointer { scratch in
                    out.withUnsafeMutableBufferPointer { out in
                        var work = hebb_attention_block(
                            input: input.baseAddress, output: out.baseAddress,
                            heads: block.heads, key_value_heads: block.keyValueHeads,
                            head_size: block.headSize, cell: block.precision.cell,
                            place: block.firstPart * hebb_page_part(block.headSize),
                            window: block.window ?? Int.max, scale: block.scale,
                            scores: scratch.baseAddress, score_stride: scoreStride(keys: keys))
                        hebb_attend(pool?.pool, kernels, &work, list.baseAddress, segments.count)
                    }
                }
            }
        }
    }

    private static func scoreStride(keys: Int) -> Int {
        let step = 4 * Int(HEBB_PAGE)
        return (keys + step - 1) / step * step
    }
}
