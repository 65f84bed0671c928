import Kernels
import ModelFormats
import Synchronization

/// The activation buffers of one pass; allocated at first use, then used again.
struct Workspace: Sendable {
    /// The residual stream, [rows, hidden].
    var residual: [Float] = []
    /// Normalised input of a block, or its output before it is added, [rows, hidden].
    var normed: [Float] = []
    /// Queries, keys, values of all heads, [rows, (heads + 2·keyValueHeads)·headSize].
    var attentionInput: [Float] = []
    /// Outputs of all heads, [rows, heads·headSize].
    var attentionOutput: [Float] = []
    /// Gate and up (llama) or up (gpt2), [rows, 2·intermediate or intermediate].
    var feedForward: [Float] = []
    /// Attention scores of a few rows.
    var scores: [Float] = []
    /// cos and sin of the rotary angles, [tokens, headSize/2] each.
    var cosines: [Float] = []
    var sines: [Float] = []
    /// Inner activations and outputs of changes of the weights.
    var lowRank: [Float] = []
    /// Rows as a product reads them.
    var packed: [Float] = []

    /// Makes every buffer large enough.
    mutating func reserve(_ plan: RowPlan, _ shape: TransformerShape, keys: Int) {
        let rows = plan.count
        Self.grow(&residual, rows * shape.hidden)
        Self.grow(&normed, rows * shape.hidden)
        Self.grow(&attentionInput, rows * shape.attentionInput)
        Self.grow(&attentionOutput, rows * shape.attentionOutput)
        Self.grow(&feedForward, rows * shape.feedForward)
        Self.grow(&scores, AttentionKernels.scratchCount(keys: keys))
        Self.grow(&cosines, plan.count * shape.headSize / 2)
        Self.grow(&sines, plan.count * shape.headSize / 2)
    }

    static func grow(_ buffer: inout [Float], _ count: Int) {
        if buffer.count < count { buffer = [Float](repeating: 0, count: count) }
    }
}

/// Workspaces that wait for their next pass, so that concurrent callers each have one and nobody
/// allocates twice. The lock is held for a push or a pop only.
final class WorkspacePool: Sendable {
    private let waiting = Mutex<[Workspace]>([])

    func use<Result>(_ body: (inout Workspace) -> Result) -> Result {
        var workspace = waiting.withLock { $0.popLast() } ?? Workspace()
        let result = body(&workspace)
        waiting.withLock { [workspace] in $0.append(workspace) }
        return result
    }
}

/// Widths of the buffers, from the model's configuration.
struct TransformerShape: Sendable {
    let hidden: Int
    let heads: Int
    let keyValueHeads: Int
    let headSize: Int
    let feedForward: Int
    let intermediate: Int

    /// Queries, keys and values.
    var attentionInput: Int { (heads + 2 * keyValueHeads) * headSize }
    var attentionOutput: Int { heads * headSize }

    init(_ config: ModelConfig) {
        hidden = config.hiddenSize
        heads = config.headCount
        keyValueHeads = config.keyValueHeadCount
        headSize = config.headSize
        intermediate = config.intermediateSize
        feedForward = (config.family == .llama ? 2 : 1) * config.intermediateSize
    }
}
