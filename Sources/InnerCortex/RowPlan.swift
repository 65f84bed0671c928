/// Which tokens of the context one pass runs. Row i of every activation buffer is the token at
/// `position + i`; what is computed of a row depends on it and on the tokens before it, never on
/// how many run together.
struct RowPlan {
    /// The context position of the first token.
    let position: Int
    /// How many tokens.
    let count: Int

    /// Most tokens of one pass through the layers: bounds the activation buffers.
    static let largestCount = 512
}
