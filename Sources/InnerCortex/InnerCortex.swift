public import Kernels
public import ModelFormats

/// The frozen core: a Transformer whose weights are mapped read-only, and laid out once for products.
///
/// Nothing here can change a weight. Every result is a pure function of the tokens in the cache
/// and the tokens given: same tokens, same bytes, on one `KernelClass`.
public final class InnerCortex: Sendable {
    /// The model's shape, as its weights have it: where they hold another head than the embedding,
    /// it does not tie them.
    public let config: ModelConfig
    /// Whether config.json ties the unembedding to the embedding, and the weights hold another.
    public let hasHeadBesideConfig: Bool
    let weights: TransformerWeights
    let shape: TransformerShape
    /// Sizes of its projections, for changes of them.
    public let projections: ProjectionShapes
    /// Of blocks without and with a window, where they differ; none for learned positions.
    let rotaries: [RotaryFrequencies]
    let workspaces = WorkspacePool()
    /// Nil for one thread.
    let pool: WorkerPool?
    /// Counts the keys and values of all contexts.
    public let pageMemory = PageMemory()
    let layout: CacheLayout

    /// Takes a model's weights and checks them.
    ///
    /// - Parameter threads: at work in every product, the caller's included. What is computed has the
    ///   same bits on any number.
    /// - Throws: `ModelFormatError`, naming the tensor that is missing, of a wrong shape or type,
    ///   or holds NaN or infinity.
    /// - Complexity: reads every weight once, to check it and to copy it into panels.
    /// - Precondition: `threads` is at least 1.
    public init(source: any ModelSource, threads: Int = 1) throws(ModelFormatError) {
        pool = threads > 1 ? WorkerPool(threads: threads) : nil
        var config = try source.config()
        weights = try TransformerWeights(source, config)
        hasHeadBesideConfig = config.tiesEmbeddings && !weights.isTied
        config.tiesEmbeddings = weights.isTied
        self.config = config
        shape = TransformerShape(config)
        layout = CacheLayout(config, weights.keyValuePrecision)
        projections = ProjectionShapes(config)
        rotaries = [config.rope, config.windowRope].compactMap { [config] in
            $0.map { RotaryFrequencies($0, size: config.rotarySize) }
        }
    }

    /// Which of `rotaries` is a block's; nil for learned positions.
    func rotary(of block: Int) -> Int? {
        guard !rotaries.isEmpty else { return nil }
        return config.windows[block] == nil ? 0 : rotaries.count - 1
    }

    /// Opens a Hugging Face folder: `config.json` and `model.safetensors` or its shards.
    ///
    /// - Parameter threads: as there.
    /// - Throws: as `init(source:threads:)`, and where files are missing.
    public convenience init(folder: String, threads: Int = 1) throws(ModelFormatError) {
        try self.init(source: HuggingFaceFolder(folder), threads: threads)
    }

    /// An empty cache for one context.
    ///
    /// - Parameters:
    ///   - capacity: most tokens that it will hold.
    ///   - firstBlock: the first block that it serves: above 0 for a pass that begins with the
    ///     residual stream at a hookpoint.
    /// - Precondition: `capacity` is in 1...config.contextLength, `firstBlock` in
    ///   0..<config.layerCount.
    /// - Complexity: allocates half a byte a token of `capacity`; the rest comes with the tokens
    ///   (`cacheBytes`).
    public func makeCache(capacity: Int, firstBlock: Int = 0) -> KVCache {
        KVCache(layout, capacity: capacity, firstBlock: firstBlock, memory: pageMemory)
    }

    /// The most that the keys and values of one context of so many tokens take:
    /// 2·(layers − firstBlock)·keyValueHeads·headSize numbers a token, less what windows hide; in
    /// half precision, but of a core in single precision in that.
    public func cacheBytes(tokens: Int, firstBlock: Int = 0) -> Int {
        layout.byteCount(tokens: tokens, firstBlock: firstBlock)
    }

    /// Runs `tokens` at the positions after those in `cache`, and adds them to it.
    ///
    /// A token's result depends on it and on the tokens before it, to the bit: not on how a text is
    /// cut into calls.
    /// - Parameters:
    ///   - tokens: at least one.
    ///   - hidden: becomes the final normed hidden states, shape [tokens.count, hiddenSize]: what
    ///     the unembedding reads. Its storage is used again when it has that size already.
    /// - Precondition: the tokens are in the vocabulary and fit into the cache.
    /// - Complexity: allocates nothing once a pass of this size has been made.
    public func forward(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, hidden: inout [Float]
    ) {
        var none = ForwardTaps()
        forward(tokens, cache: cache, taps: &none, hidden: &hidden)
    }

    /// z0 = hidden·Uᵀ; row i of the result depends on row i of `hidden` alone.
    ///
    /// - Parameters:
    ///   - hidden: final normed hidden states, shape [count, hiddenSize].
    ///   - logits: becomes shape [count, vocabularySize]; its storage is used again when it has
    ///     that size already.
    /// - Complexity: allocates nothing once a call of this size has been made.
    public func unembed(_ hidden: Span<Float>, count: Int, logits: inout [Float]) {
        precondition(hidden.count == count * config.hiddenSize, "unembed: shapes differ")
        resize(&logits, count * config.vocabularySize)
        workspaces.use { workspace in
            var out = logits.mutableSpan
            workspace.products.apply(
                weights.head, to: hidden, rows: count, strideX: config.hiddenSize,
                on: pool, into: &out, strideY: config.vocabularySize)
        }
    }

    /// As ``unembed(_:count:logits:)``, for arrays.
    public func unembed(_ hidden: [Float], count: Int, logits: inout [Float]) {
        unembed(hidden.span, count: count, logits: &logits)
    }

    /// The token's row of the unembedding U, in single precision; shape [hiddenSize].
    public func unembeddingRow(_ token: TokenID, into row: inout MutableSpan<Float>) {
        weights.unembedding.weight.widen(outputs: checkedRow(token), into: &row)
    }

    /// γ ⊙ U_token: by how much each direction of a final residual of root mean square 1 moves the
    /// token's logit, γ being the final norm's scale; shape [hiddenSize].
    public func readoutDirection(of token: TokenID, into direction: inout MutableSpan<Float>) {
        unembeddingRow(token, into: &direction)
        let scale = weights.finalNorm.scale
        for index in direction.indices { direction[index] *= scale[index] }
    }

    /// Whether a tensor from elsewhere is one of this core's matrices.
    /// - Complexity: O(elements).
    public func isCopy(
        _ tensor: ModelTensor, of matrix: PEFTAdapter.BaseMatrix
    ) -> Bool {
        switch matrix {
        case .embedding: tensor.isCopy(of: weights.embedding.tensor)
        case .unembedding: tensor.isCopy(of: weights.unembedding.weight.tensor)
        }
    }

    func checkedRow(_ token: TokenID) -> Range<Int> {
        precondition(
            (0..<config.vocabularySize).contains(token.index),
            "token \(token.index) is outside of the vocabulary of \(config.vocabularySize)")
        return token.index..<token.index + 1
    }

    /// Makes an array of a size, in the storage that it has where that is not far too large.
    func resize(_ array: inout [Float], _ count: Int) {
        guard array.count != count else { return }
        if array.capacity < count || array.capacity / 16 > count {
            array = [Float](repeating: 0, count: count)
        } else if array.count > count {
            array.removeLast(array.count - count)
        } else {
            array.append(contentsOf: repeatElement(0, count: count - array.count))
        }
    }
}
