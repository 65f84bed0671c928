/// Where the tokens of one pass lie in the activation buffers.
struct RowPlan {
    /// The context position of the first token.
    let position: Int
    /// How many tokens.
    let count: Int
    /// Whether products go tile by tile through OpenBLAS, or row by row through our kernels.
    let usesTiles: Bool

    /// The buffer row of the first token: its place in its tile.
    var firstRow: Int { usesTiles ? position % Tile.rows : 0 }
    /// The buffer rows of the tokens.
    var rows: Range<Int> { firstRow..<firstRow + count }
    /// Buffer rows that the products touch.
    var bufferRows: Int {
        usesTiles ? (firstRow + count + Tile.rows - 1) / Tile.rows * Tile.rows : count
    }
}

/// How `InnerCortex.forward` computes.
public enum ForwardPath: Sendable {
    /// Tiles for several tokens, our matrix-vector kernels for one.
    case automatic
    /// Tiles, for one token too: the canonical path that learning uses, where a token's result
    /// does not depend on how its text was cut into calls.
    case tiles
}
