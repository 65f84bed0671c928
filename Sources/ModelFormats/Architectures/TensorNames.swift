/// What one convention calls a family's tensors, and how it stores them. Names are without the
/// `.weight` and `.bias` at their end.
public struct TensorNames: Sendable {
    /// What is before every name but the head's; checkpoints of the model without its head may
    /// leave it out.
    public var prefix = ""
    /// What is before a block's number.
    public var block: String
    public var embedding: String
    /// Learned positions; nil where positions are rotary.
    public var positions: String?
    public var finalNorm: String
    /// The unembedding.
    public var head: String
    /// Within a block; a place that is not here has no norm.
    public var norms: [NormPlace: String]
    /// Within a block.
    public var projections: [ProjectionKind: String]
    /// Whether a projection's matrix is [inputs, outputs] (GPT-2's `Conv1D`) instead of
    /// [outputs, inputs].
    public var inputsFirst = false
    /// What a norm's scale lacks in the file: 1 where it is stored as its distance from 1.
    public var normOffset: Float = 0
    /// Projections whose outputs are stored in another order than ours.
    public var orders: [ProjectionKind: RowOrder] = [:]

    /// The path of something in a block.
    public func path(_ block: Int, _ name: String) -> String {
        "\(prefix)\(self.block)\(block).\(name)"
    }

    /// llama.cpp's names, for the places that another convention has: they are the same for all
    /// families, only the orders of rows are not.
    static func gguf(like other: TensorNames, orders: [ProjectionKind: RowOrder]) -> TensorNames {
        let norms: [NormPlace: String] = [
            .attention: "attn_norm", .query: "attn_q_norm", .key: "attn_k_norm",
            .attentionOutput: "post_attention_norm", .feedForward: "ffn_norm",
            .feedForwardOutput: "post_ffw_norm",
        ]
        return TensorNames(
            block: "blk.", embedding: "token_embd",
            positions: other.positions.map { _ in "position_embd" }, finalNorm: "output_norm",
            head: "output", norms: norms.filter { other.norms[$0.key] != nil },
            projections: ProjectionSite.ggufNames.filter { other.projections[$0.key] != nil },
            orders: orders)
    }
}

/// Where in a block a norm stands: before a part of it, behind it, or on every head.
public enum NormPlace: Sendable {
    case attention, query, key, attentionOutput, feedForward, feedForwardOutput
}

/// An order of a projection's outputs that differs from ours, where heads follow one another and a
/// rotary pair is (i, i + half).
public enum RowOrder: Sendable {
    /// Within each head a rotary pair is two neighbours: llama.cpp turns those in the llama family,
    /// and its converter permutes (head, half, index) to (head, index, half).
    case neighbouringPairs
    /// Queries, keys and values by turns, head by head: (head, part, index) where ours is
    /// (part, head, index).
    case partsByHead

    /// Where each of our rows is in the file.
    ///
    /// - Precondition: `count` is a multiple of what the order repeats: 2 or 3 times half a head or
    ///   a head.
    public func places(count: Int, headSize: Int) -> [Int] {
        switch self {
        case .neighbouringPairs:
            let half = headSize / 2
            precondition(headSize % 2 == 0 && count % headSize == 0, "rows of no whole heads")
            return (0..<count).map { row in
                let (head, part, index) = (row / headSize, row % headSize / half, row % half)
                return head * headSize + 2 * index + part
            }
        case .partsByHead:
            precondition(count % (3 * headSize) == 0, "rows of no whole heads")
            let heads = count / headSize / 3
            return (0..<count).map { row in
                let (part, index) = (row / headSize / heads, row % headSize)
                return (row / headSize % heads * 3 + part) * headSize + index
            }
        }
    }

    /// Where in our order each row of the file is.
    static func inverse(of places: [Int]) -> [Int] {
        var inverse = [Int](repeating: 0, count: places.count)
        for (row, place) in places.enumerated() { inverse[place] = row }
        return inverse
    }
}
