public import ModelFormats

/// What a pass computes with beside the frozen weights. Nothing of the core is written: a change
/// acts on the products of one call.
///
///     y ← W·x + Σ ΔW·x        x_b ← x_b + s
///
/// with ΔW = B·A of a low-rank delta, or a whole matrix, at the projections it names, and s a row
/// for each position that joins the residual stream before one block.
public struct PassChange: Sendable {
    /// By projection; `.unembedding` is not of a pass (see `addToLogits`).
    public var deltas: [ProjectionSite: LowRankDelta]
    public var dense: Dense?
    public var injection: Injection?

    /// A change of one projection's whole matrix.
    public struct Dense: Sendable {
        public var site: ProjectionSite
        /// ΔW, shape [outputs, inputs].
        public var weights: [Float]
        public init(site: ProjectionSite, weights: [Float]) {
            self.site = site
            self.weights = weights
        }
    }

    /// What joins the residual stream before a block.
    public struct Injection: Sendable {
        public var block: Int
        /// s, shape [tokens of the call, hiddenSize].
        public var rows: [Float]
        public init(block: Int, rows: [Float]) {
            self.block = block
            self.rows = rows
        }
    }

    public init(
        deltas: [ProjectionSite: LowRankDelta] = [:], dense: Dense? = nil,
        injection: Injection? = nil
    ) {
        self.deltas = deltas
        self.dense = dense
        self.injection = injection
    }
}

/// What a pass is to hand out from inside of the network, and then what it did.
public struct ForwardTaps: Sendable, Equatable {
    private var streams: [Tap]
    private var inner: [Tap]

    private struct Tap: Sendable, Equatable {
        var block: Int
        var rows: [Float] = []
    }

    /// - Parameters:
    ///   - blocks: before which the residual stream is wanted.
    ///   - feedForward: blocks of whose feed-forward part the inner activations are wanted: what
    ///     its down projection reads.
    public init(residualsBefore blocks: Set<Int> = [], activationsOf feedForward: Set<Int> = []) {
        streams = blocks.sorted().map { Tap(block: $0) }
        inner = feedForward.sorted().map { Tap(block: $0) }
    }

    /// Whether both ask for the same, whatever they hold.
    public func asksForTheSame(as other: ForwardTaps) -> Bool {
        streams.map(\.block) == other.streams.map(\.block)
            && inner.map(\.block) == other.inner.map(\.block)
    }

    var blocks: [Int] { streams.map(\.block) + inner.map(\.block) }

    /// The residual stream before a block, shape [tokens, hiddenSize]; empty when it was not asked
    /// for.
    public func residual(before block: Int) -> [Float] {
        streams.first { $0.block == block }?.rows ?? []
    }

    /// Shape [tokens, intermediateSize]; empty when they were not asked for.
    public func activations(of block: Int) -> [Float] {
        inner.first { $0.block == block }?.rows ?? []
    }

    mutating func readResidual(before block: Int, _ copy: (inout [Float]) -> Void) {
        for index in streams.indices where streams[index].block == block {
            copy(&streams[index].rows)
        }
    }

    mutating func readActivations(of block: Int, _ copy: (inout [Float]) -> Void) {
        for index in inner.indices where inner[index].block == block { copy(&inner[index].rows) }
    }
}
