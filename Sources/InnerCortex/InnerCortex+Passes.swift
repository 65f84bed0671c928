import Kernels
public import ModelFormats

/// Running all blocks or some, over one context or several, with a look inside and with changes.
extension InnerCortex {
    /// Runs tokens of several contexts in one go over the weights, and adds them to their caches.
    ///
    /// A token's result depends on it and on the tokens before it in its context, to the bit: not on
    /// how a text is cut into calls, nor on which other contexts run with it.
    /// - Parameters:
    ///   - segments: one a context; their taps become what was there.
    ///   - hidden: becomes the final normed hidden states, the segments' one behind the other, shape
    ///     [all tokens, hiddenSize]. Its storage is used again when it has that size already.
    /// - Precondition: each segment has tokens, all in the vocabulary, that fit into its cache; the
    ///   caches hold all blocks, and no two segments have the same; the taps name blocks of this
    ///   core.
    /// - Complexity: one copy more a tap; allocates nothing once passes of this size have been made.
    public func forward(_ segments: inout [PassSegment], hidden: inout [Float]) {
        precondition(
            segments.allSatisfy { $0.cache.firstBlock == 0 },
            "forward: the cache lacks blocks that tokens go through")
        runPasses(&segments, change: nil, hidden: &hidden)
    }

    /// As ``forward(_:cache:hidden:)``, with the same bytes, and hands out what `taps` asks
    /// for.
    ///
    /// - Parameter taps: names blocks of this core; becomes what was there, for these tokens. Its
    ///   storage is used again.
    /// - Precondition: as there.
    /// - Complexity: one copy more a tap; allocates a list of one segment.
    public func forward(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, taps: inout ForwardTaps,
        hidden: inout [Float]
    ) {
        var segments = [PassSegment(tokens: tokens, cache: cache)]
        // By turns, so that each has its storage to itself.
        swap(&segments[0].taps, &taps)
        forward(&segments, hidden: &hidden)
        swap(&segments[0].taps, &taps)
    }

    /// Runs tokens of one context through blocks that compute with a change.
    ///
    /// - Parameters:
    ///   - change: without an injection; its deltas are of this core's shapes.
    ///   - hidden: becomes the final normed hidden states, shape [tokens, hiddenSize].
    /// - Precondition: as for `forward(_:hidden:)`.
    public func forward(
        _ tokens: ArraySlice<TokenID>, cache: KVCache, change: PassChange, hidden: inout [Float]
    ) {
        precondition(cache.firstBlock == 0 && change.injection == nil, "forward: of all blocks")
        var segments = [PassSegment(tokens: tokens, cache: cache)]
        runPasses(&segments, change: change, hidden: &hidden)
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
    /// - Complexity: allocates a list of one segment.
    public func forward(
        residual: [Float], cache: KVCache, change: PassChange? = nil, hidden: inout [Float]
    ) {
        precondition(residual.count % config.hiddenSize == 0, "forward: rows of another size")
        precondition(
            change?.injection.map { $0.rows.count == residual.count } ?? true,
            "forward: an injection of another size")
        var segments = [PassSegment(residual: residual, cache: cache)]
        runPasses(&segments, change: change, hidden: &hidden)
    }

    /// The blocks of the caches, in passes of bounded size.
    ///
    /// - Parameter change: of a single segment.
    private func runPasses(
        _ segments: inout [PassSegment], change: PassChange?, hidden: inout [Float]
    ) {
        let total = checkedCount(of: segments)
        resize(&hidden, total * shape.hidden)
        workspaces.use { workspace in
            var (segment, start, done) = (0, 0, 0)
            while done < total {
                workspace.plan.removeAll()
                while segment < segments.count {
                    let count = segments[segment].count(width: shape.hidden)
                    start += workspace.plan.append(
                        segment: segment, start: start, of: count,
                        position: segments[segment].cache.count)
                    guard start == count else { break }
                    (segment, start) = (segment + 1, 0)
                }
                runPass(&segments, change, &workspace)
                let rows = workspace.plan.count
                var all = hidden.mutableSpan
                var out = all._mutatingExtracting(
                    done * shape.hidden..<(done + rows) * shape.hidden)
                finish(rows, workspace.residual, into: &out)
                done += rows
                for part in workspace.plan.parts {
                    segments[part.segment].cache.advance(by: part.rows.count)
                }
            }
        }
    }

    /// One pass over `workspace.plan`, from the input to the residual stream behind the last block.
    private func runPass(
        _ segments: inout [PassSegment], _ change: PassChange?, _ workspace: inout Workspace
    ) {
        let width = shape.hidden
        let keys = workspace.plan.parts.reduce(0) {
            max($0, segments[$1.segment].cache.capacity)
        }
        workspace.reserve(
            workspace.plan.count, shape, keys: keys, rotaries: rotaries.count, pool)
        workspace.openContexts(segments)
        defer { workspace.closeContexts() }
        for part in workspace.plan.parts {
            read(segments[part.segment], part, &workspace)
            for (index, rotary) in rotaries.enumerated() {
                rotary.fill(part, into: &workspace.angles[index])
            }
        }
        for block in segments[0].cache.firstBlock..<weights.blocks.count {
            for part in workspace.plan.parts {
                let count = segments[part.segment].count(width: width)
                if let injection = change?.injection, injection.block == block {
                    inject(injection.rows, part, &workspace.residual)
                }
                segments[part.segment].taps.readResidual(before: block) { taken in
                    resize(&taken, count * width)
                    Self.copy(workspace.residual, stride: width, width: width, part, to: &taken)
                }
            }
            run(block, segments, change, &workspace)
            for part in workspace.plan.parts {
                let count = segments[part.segment].count(width: width)
                segments[part.segment].taps.readActivations(of: block) { taken in
                    resize(&taken, count * shape.intermediate)
                    Self.copy(
                        workspace.feedForward, stride: shape.feedForward,
                        width: shape.intermediate, part, to: &taken)
                }
            }
        }
    }

    private func checkedCount(of segments: [PassSegment]) -> Int {
        var total = 0
        for (index, segment) in segments.enumerated() {
            let (cache, count) = (segment.cache, segment.count(width: shape.hidden))
            precondition(count > 0, "forward: no tokens")
            precondition(
                cache.count + count <= cache.capacity,
                "forward: \(count) tokens do not fit: \(cache.count) of \(cache.capacity) used")
            precondition(
                segment.taps.blocks.allSatisfy {
                    (cache.firstBlock..<config.layerCount).contains($0)
                }, "forward: a tap at a block that is not run")
            precondition(
                segments[..<index].allSatisfy { $0.cache !== cache },
                "forward: two segments of one context")
            total += count
        }
        precondition(total > 0, "forward: no segments")
        return total
    }

    /// Writes a part's input to its rows of the residual stream.
    private func read(
        _ segment: PassSegment, _ part: RowPlan.Part, _ workspace: inout Workspace
    ) {
        guard let residual = segment.residual else {
            let first = segment.tokens.startIndex + part.start
            embed(
                segment.tokens[first..<first + part.rows.count], part, &workspace.residual,
                scratch: &workspace.normed)
            return
        }
        let width = shape.hidden
        var all = workspace.residual.mutableSpan
        var out = all._mutatingExtracting(
            part.rows.lowerBound * width..<part.rows.upperBound * width)
        let end = part.start + part.rows.count
        VectorKernels.copy(
            residual.span.extracting(part.start * width..<end * width), into: &out)
    }

    /// Adds a part's rows of `injected` to the residual stream.
    private func inject(
        _ injected: [Float], _ part: RowPlan.Part, _ residual: inout [Float]
    ) {
        let width = shape.hidden
        var all = residual.mutableSpan
        var target = all._mutatingExtracting(
            part.rows.lowerBound * width..<part.rows.upperBound * width)
        let end = part.start + part.rows.count
        VectorKernels.addScaled(
            injected.span.extracting(part.start * width..<end * width), 1, to: &target)
    }

    /// Copies the first `width` elements of each of a part's rows, which are `stride` apart, to where
    /// its segment has them.
    private static func copy(
        _ source: [Float], stride: Int, width: Int, _ part: RowPlan.Part,
        to target: inout [Float]
    ) {
        var all = target.mutableSpan
        for row in part.rows {
            let place = (part.start + row - part.rows.lowerBound) * width
            var out = all._mutatingExtracting(place..<place + width)
            VectorKernels.copy(
                source.span.extracting(row * stride..<row * stride + width), into: &out)
        }
    }
}
