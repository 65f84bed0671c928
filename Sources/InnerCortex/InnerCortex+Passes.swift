import Kernels
public import ModelFormats

/// Running a part of the blocks, with a look inside and with changes.
extension InnerCortex {
    /// As ``forward(_:cache:hidden:)``, with the same bytes, and hands out what `taps` asks
    /// for.
    ///
    /// - Parameter taps: names blocks of this core; becomes what was there, for these tokens. Its
    ///   storage is used again.
    /// - Precondition: as there.
    /// - Complexity: one copy more a tap; allocates nothing once a pass of this size has been made.
    public func forward(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, taps: inout ForwardTaps,
        hidden: inout [Float]
    ) {
        precondition(
            cache.firstBlock == 0, "forward: the cache lacks blocks that tokens go through")
        runPasses(
            count: tokens.count, cache: cache, change: nil, taps: &taps, hidden: &hidden
        ) { rows, plan, workspace in
            let start = tokens.startIndex
            embed(
                tokens[start + rows.lowerBound..<start + rows.upperBound], plan,
                &workspace.residual, scratch: &workspace.normed)
        }
    }

    /// Runs the blocks from `cache.firstBlock` on over a residual stream, at the positions after
    /// those in `cache`, and adds them to it.
    ///
    /// With the residual that the pass over the tokens had there, and without a change, the result
    /// is that pass's, to the bit. A change of 0 gives that result too.
    /// - Parameters:
    ///   - residual: shape [count, hiddenSize], at least one row.
    ///   - change: what these blocks compute with beside their frozen weights.
    ///   - hidden: becomes the final normed hidden states, same shape.
    /// - Precondition: whole rows, that fit into the cache; the change's deltas are of this core's
    ///   shapes, its injection has a row for each.
    /// - Complexity: allocates nothing once a pass of this size has been made.
    public func forward(
        residual: [Float], cache: KVCache, change: PassChange? = nil, hidden: inout [Float]
    ) {
        let width = config.hiddenSize
        precondition(residual.count % width == 0, "forward: rows of another size")
        precondition(
            change?.injection.map { $0.rows.count == residual.count } ?? true,
            "forward: an injection of another size")
        var none = ForwardTaps()
        runPasses(
            count: residual.count / width, cache: cache, change: change, taps: &none,
            hidden: &hidden
        ) { rows, _, workspace in
            Self.copyRows(residual, rows, into: &workspace.residual, width: width)
        }
    }

    /// The blocks of `cache`, in passes of bounded size.
    ///
    /// - Parameter fill: writes the given rows of the input to `workspace.residual`.
    private func runPasses(
        count: Int, cache: KVCache, change: PassChange?,
        taps: inout ForwardTaps, hidden: inout [Float],
        fill: (Range<Int>, RowPlan, inout Workspace) -> Void
    ) {
        precondition(count > 0, "forward: no tokens")
        precondition(
            cache.count + count <= cache.capacity,
            "forward: \(count) tokens do not fit: \(cache.count) of \(cache.capacity) used")
        precondition(
            taps.blocks.allSatisfy { (cache.firstBlock..<config.layerCount).contains($0) },
            "forward: a tap at a block that is not run")
        resize(&hidden, count * config.hiddenSize)
        workspaces.use { workspace in
            for start in stride(from: 0, to: count, by: RowPlan.largestCount) {
                let rows = start..<min(count, start + RowPlan.largestCount)
                let plan = RowPlan(position: cache.count, count: rows.count)
                workspace.reserve(
                    plan, shape, keys: cache.capacity, rotaries: rotaries.count)
                fill(rows, plan, &workspace)
                for (index, rotary) in rotaries.enumerated() {
                    rotary.fill(
                        first: plan.position, count: plan.count, into: &workspace.angles[index])
                }
                for block in cache.firstBlock..<weights.blocks.count {
                    if let injection = change?.injection, injection.block == block {
                        inject(injection.rows, rows, &workspace.residual)
                    }
                    taps.readResidual(before: block) { taken in
                        resize(&taken, count * shape.hidden)
                        Self.copyPlan(
                            plan, workspace.residual, stride: shape.hidden, width: shape.hidden,
                            to: start, of: &taken)
                    }
                    run(block, plan, change, &cache.storage, &workspace)
                    taps.readActivations(of: block) { taken in
                        resize(&taken, count * shape.intermediate)
                        Self.copyPlan(
                            plan, workspace.feedForward, stride: shape.feedForward,
                            width: shape.intermediate, to: start, of: &taken)
                    }
                }
                let width = config.hiddenSize
                var all = hidden.mutableSpan
                var out = all._mutatingExtracting(start * width..<rows.upperBound * width)
                finish(plan, workspace.residual, into: &out)
                cache.count += plan.count
            }
        }
    }

    /// Adds rows of `injected` to the residual stream.
    private func inject(
        _ injected: [Float], _ rows: Range<Int>, _ residual: inout [Float]
    ) {
        let width = shape.hidden
        var all = residual.mutableSpan
        var target = all._mutatingExtracting(0..<rows.count * width)
        VectorKernels.addScaled(
            injected.span.extracting(rows.lowerBound * width..<rows.upperBound * width), 1,
            to: &target)
    }

    private static func copyRows(
        _ source: [Float], _ rows: Range<Int>, into target: inout [Float], width: Int
    ) {
        var all = target.mutableSpan
        var out = all._mutatingExtracting(0..<rows.count * width)
        VectorKernels.copy(
            source.span.extracting(rows.lowerBound * width..<rows.upperBound * width), into: &out)
    }

    /// Copies the first `width` elements of each of the plan's rows, which are `stride` apart.
    private static func copyPlan(
        _ plan: RowPlan, _ source: [Float], stride: Int, width: Int, to start: Int,
        of target: inout [Float]
    ) {
        var all = target.mutableSpan
        for row in 0..<plan.count {
            let place = (start + row) * width
            var out = all._mutatingExtracting(place..<place + width)
            VectorKernels.copy(
                source.span.extracting(row * stride..<row * stride + width), into: &out)
        }
    }
}
