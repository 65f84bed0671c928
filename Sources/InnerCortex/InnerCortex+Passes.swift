import Kernels
public import ModelFormats

/// Running a part of the blocks: up to a hookpoint, and from there on.
extension InnerCortex {
    /// As ``forward(_:cache:path:hidden:)``, with the same bytes, and gives the residual stream at
    /// a hookpoint as well.
    ///
    /// - Parameters:
    ///   - block: the hookpoint: after this many blocks, which is where block `block` reads.
    ///   - residual: becomes the residual stream there, shape [tokens.count, hiddenSize].
    /// - Precondition: as there, and `block` is in 0..<config.layerCount.
    /// - Complexity: one copy of the residual more; allocates nothing once a pass of this size has
    ///   been made.
    public func forward(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, path: ForwardPath = .automatic,
        residual: inout [Float], before block: Int, hidden: inout [Float]
    ) {
        precondition(
            (0..<config.layerCount).contains(block),
            "forward: hookpoint before block \(block) of \(config.layerCount)")
        resize(&residual, tokens.count * config.hiddenSize)
        runPasses(
            tokens, cache: cache, path: path, tap: block, residual: &residual, hidden: &hidden)
    }

    /// Runs the blocks from `cache.firstBlock` on over a residual stream that the caller may have
    /// changed, at the positions after those in `cache`, and adds them to it.
    ///
    /// With the residual that the pass over the tokens had there, the result is that pass's, to the
    /// bit, if `path` is the same and both have several rows or one.
    /// - Parameters:
    ///   - residual: shape [count, hiddenSize], at least one row.
    ///   - hidden: becomes the final normed hidden states, same shape.
    /// - Precondition: whole rows, that fit into the cache.
    /// - Complexity: allocates nothing once a pass of this size has been made.
    public func forward(
        residual: [Float], cache: KVCache, path: ForwardPath = .automatic, hidden: inout [Float]
    ) {
        let width = config.hiddenSize
        precondition(residual.count % width == 0, "forward: rows of another size")
        var unread: [Float] = []
        runPasses(
            count: residual.count / width, cache: cache, path: path, tap: nil, residual: &unread,
            hidden: &hidden
        ) { rows, plan, workspace in
            var all = workspace.residual.mutableSpan
            let first = plan.firstRow * width
            var target = all._mutatingExtracting(first..<first + rows.count * width)
            VectorKernels.copy(
                residual.span.extracting(rows.lowerBound * width..<rows.upperBound * width),
                into: &target)
        }
    }

    /// All blocks over `tokens`, from their embeddings on.
    func runPasses(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, path: ForwardPath, tap: Int?,
        residual: inout [Float], hidden: inout [Float]
    ) {
        precondition(
            cache.firstBlock == 0, "forward: the cache lacks blocks that tokens go through")
        runPasses(
            count: tokens.count, cache: cache, path: path, tap: tap, residual: &residual,
            hidden: &hidden
        ) { rows, plan, workspace in
            let start = tokens.startIndex
            embed(
                tokens[start + rows.lowerBound..<start + rows.upperBound], plan,
                &workspace.residual, scratch: &workspace.normed)
        }
    }

    /// The blocks of `cache`, in passes of bounded size.
    ///
    /// - Parameters:
    ///   - tap: the block before which `residual` (of full size) is filled; nil leaves it alone.
    ///   - fill: writes the given rows of the input to the plan's rows of `workspace.residual`.
    private func runPasses(
        count: Int, cache: KVCache, path: ForwardPath, tap: Int?, residual: inout [Float],
        hidden: inout [Float], fill: (Range<Int>, RowPlan, inout Workspace) -> Void
    ) {
        precondition(count > 0, "forward: no tokens")
        precondition(
            cache.count + count <= cache.capacity,
            "forward: \(count) tokens do not fit: \(cache.count) of \(cache.capacity) used")
        resize(&hidden, count * config.hiddenSize)
        workspaces.use { workspace in
            for start in stride(from: 0, to: count, by: Tile.tokensPerPass) {
                let rows = start..<min(count, start + Tile.tokensPerPass)
                let plan = RowPlan(
                    position: cache.count, count: rows.count,
                    usesTiles: path == .tiles || count > 1)
                workspace.reserve(plan, shape, keys: cache.capacity)
                fill(rows, plan, &workspace)
                rotary?.fill(
                    first: plan.position, count: plan.count, cosines: &workspace.cosines,
                    sines: &workspace.sines)
                let hook = tap ?? cache.firstBlock
                run(cache.firstBlock..<hook, plan, &cache.storage, &workspace)
                if tap != nil { copyRows(plan, workspace.residual, to: start, of: &residual) }
                run(hook..<weights.layers.count, plan, &cache.storage, &workspace)
                let width = config.hiddenSize
                var all = hidden.mutableSpan
                var out = all._mutatingExtracting(start * width..<rows.upperBound * width)
                finish(plan, workspace.residual, into: &out)
                cache.count += plan.count
            }
        }
    }

    private func copyRows(
        _ plan: RowPlan, _ source: [Float], to start: Int, of target: inout [Float]
    ) {
        let width = config.hiddenSize
        var all = target.mutableSpan
        var out = all._mutatingExtracting(start * width..<(start + plan.count) * width)
        VectorKernels.copy(
            source.span.extracting(plan.rows.lowerBound * width..<plan.rows.upperBound * width),
            into: &out)
    }
}
