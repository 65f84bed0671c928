import Kernels
import ModelFormats
import Synchronization

/// The activation buffers of one pass; allocated at first use, then used again.
struct Workspace: Sendable {
    /// What the pass runs.
    var plan = RowPlan()
    /// The residual stream, [rows, hidden].
    var residual: [Float] = []
    /// What is normalised of a block's input and of its outputs, [rows, hidden].
    var normed: [Float] = []
    /// What its feed-forward part reads, [rows, hidden].
    var feedForwardInput: [Float] = []
    /// Output of a part of a block, before it is added, [rows, hidden].
    var output: [Float] = []
    /// Queries, keys, values of all heads, [rows, (heads + 2·keyValueHeads)·headSize].
    var attentionInput: [Float] = []
    /// Outputs of all heads, [rows, heads·headSize].
    var attentionOutput: [Float] = []
    /// Gate and up, or up alone, [rows, 2·intermediate or intermediate].
    var feedForward: [Float] = []
    /// Attention scores of a few rows a thread, and for how many keys.
    var scores: [Float] = []
    var keys = 0
    /// Where the contexts of the pass keep what each kind of block needs (`CacheLayout`).
    var contexts: [[AttentionKernels.Segment]] = []
    /// One head, [headSize].
    var head: [Float] = []
    /// Of each of the core's rotary frequencies.
    var angles: [Angles] = []
    var products = Products()

    /// cos and sin of the rotary angles, [rows, rotarySize/2] each.
    struct Angles: Sendable {
        var cosines: [Float] = []
        var sines: [Float] = []
    }

    /// Scratch of products.
    struct Products: Sendable {
        /// Rows as a product with plain weights reads them.
        var rows: [Float] = []
        /// Rows as products with quantised weights read them.
        var quantized = QuantizedRows()
        /// Outputs of changes of the weights.
        var lowRank: [Float] = []
    }

    /// Makes every buffer large enough.
    mutating func reserve(
        _ rows: Int, _ shape: TransformerShape, keys: Int, rotaries: Int, _ pool: WorkerPool?
    ) {
        Self.grow(&residual, rows * shape.hidden)
        Self.grow(&normed, rows * shape.hidden)
        Self.grow(&feedForwardInput, rows * shape.hidden)
        Self.grow(&output, rows * shape.hidden)
        Self.grow(&attentionInput, rows * shape.attentionInput)
        Self.grow(&attentionOutput, rows * shape.attentionOutput)
        Self.grow(&feedForward, rows * shape.feedForward)
        Self.grow(&scores, AttentionKernels.scratchCount(keys: keys, on: pool))
        self.keys = keys
        Self.grow(&head, shape.headSize)
        while angles.count < rotaries { angles.append(Angles()) }
        for index in 0..<rotaries {
            Self.grow(&angles[index].cosines, rows * shape.rotary / 2)
            Self.grow(&angles[index].sines, rows * shape.rotary / 2)
        }
    }

    /// Makes the pages for the plan's tokens.
    mutating func openContexts(_ segments: [PassSegment]) {
        for part in plan.parts {
            let cache = segments[part.segment].cache
            cache.prepare(part.rows.count)
            while contexts.count < cache.pages.count { contexts.append([]) }
            for (kind, pages) in cache.pages.enumerated() {
                guard let pages else { continue }
                contexts[kind].append(
                    AttentionKernels.Segment(
                        pages: pages, rows: part.rows, position: part.position))
            }
        }
    }

    mutating func closeContexts() {
        for kind in contexts.indices { contexts[kind].removeAll(keepingCapacity: true) }
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
    /// How much of a head is turned.
    let rotary: Int
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
        rotary = config.rotarySize
        feedForward =
            config.family.architecture.feedForwardInput.count * config.intermediateSize
    }
}
