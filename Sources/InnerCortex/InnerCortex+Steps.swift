import Kernels
import ModelFormats

/// The steps of a block, each on the first `count` rows of its buffers, or on a part's.
extension InnerCortex {
    /// out[row] = the projections of input[row], side by side, with what a change adds to them.
    ///
    /// - Parameters:
    ///   - input: rows `leadingInput` apart, each beginning with the projections' inputs.
    ///   - output: rows of `width` elements, which is the sum of the projections' outputs.
    func project(
        _ projections: [Projection], _ count: Int, _ input: [Float], leadingInput: Int,
        _ change: PassChange?, _ scratch: inout Workspace.Products, into output: inout [Float],
        width: Int
    ) {
        do {
            var out = output.mutableSpan
            scratch.apply(
                projections, to: input.span, rows: count, strideX: leadingInput, on: pool,
                into: &out, strideY: width)
        }
        guard let change else { return }
        addChange(
            change, projections, count, input, leadingInput: leadingInput, &scratch.lowRank,
            into: &output, width: width)
    }

    func normaliseRows(
        _ count: Int, _ norm: NormWeights, _ input: [Float], into normed: inout [Float]
    ) {
        var all = normed.mutableSpan
        for row in 0..<count {
            let range = row * shape.hidden..<(row + 1) * shape.hidden
            var out = all._mutatingExtracting(range)
            normalise(input.span.extracting(range), norm, into: &out)
        }
    }

    func normalise(
        _ x: Span<Float>, _ norm: NormWeights, into out: inout MutableSpan<Float>
    ) {
        if let shift = norm.shift {
            LayerKernels.layerNorm(
                x, weight: norm.scale.span, bias: shift.span, epsilon: config.normEpsilon,
                into: &out)
        } else {
            LayerKernels.rmsNorm(
                x, weight: norm.scale.span, epsilon: config.normEpsilon, into: &out)
        }
    }

    /// Normalises each of some heads of every token's queries, keys and values, in place.
    func normaliseHeads(
        _ count: Int, _ heads: Range<Int>, _ norm: NormWeights?, _ scratch: inout [Float],
        _ input: inout [Float]
    ) {
        guard let norm else { return }
        let size = shape.headSize
        for row in 0..<count {
            for head in heads {
                let start = row * shape.attentionInput + head * size
                do {
                    var out = scratch.mutableSpan
                    var normed = out._mutatingExtracting(0..<size)
                    normalise(input.span.extracting(start..<start + size), norm, into: &normed)
                }
                var all = input.mutableSpan
                var place = all._mutatingExtracting(start..<start + size)
                VectorKernels.copy(scratch.span.extracting(0..<size), into: &place)
            }
        }
    }

    /// Turns every token's queries and keys by the angles of its position.
    func rotate(_ count: Int, _ angles: Workspace.Angles, _ input: inout [Float]) {
        let (size, turned) = (shape.headSize, shape.rotary)
        let half = turned / 2
        let heads = shape.heads + shape.keyValueHeads
        // All heads at once where they are turned from end to end.
        let parts = turned == size ? 1 : heads
        var all = input.mutableSpan
        for row in 0..<count {
            let place = row * half..<(row + 1) * half
            for part in 0..<parts {
                let start = row * shape.attentionInput + part * size
                var heads = all._mutatingExtracting(
                    start..<start + (parts == 1 ? heads * size : turned))
                LayerKernels.rotate(
                    &heads, cosines: angles.cosines.span.extracting(place),
                    sines: angles.sines.span.extracting(place))
            }
        }
    }

    func storeKeysAndValues(
        _ block: Int, _ part: RowPlan.Part, _ input: [Float], _ cache: inout KVCache.Storage
    ) {
        let size = shape.keyValueHeads * shape.headSize
        for row in part.rows {
            let keys = row * shape.attentionInput + shape.attentionOutput
            cache.store(
                keys: input.span.extracting(keys..<keys + size),
                values: input.span.extracting(keys + size..<keys + 2 * size), layer: block,
                position: part.position + row - part.rows.lowerBound)
        }
    }

    /// The query heads that share one key/value head: for one token all of them together, for
    /// several tokens one head after the other.
    func attend(
        block: Int, head: Int, _ part: RowPlan.Part, _ cache: KVCache.Storage, _ input: [Float],
        _ scores: inout [Float], into output: inout [Float]
    ) {
        let place = cache.range(layer: block, head: head)
        let group = shape.heads / shape.keyValueHeads
        let size = shape.headSize
        let isOne = part.rows.count == 1
        let rows = AttentionKernels.Rows(
            count: isOne ? group : part.rows.count,
            queryStride: isOne ? size : shape.attentionInput,
            outputStride: isOne ? size : shape.attentionOutput, visible: part.position + 1,
            visibleStep: isOne ? 0 : 1, window: config.windows[block])
        let input = input.span
        var output = output.mutableSpan
        var scores = scores.mutableSpan
        for index in 0..<(isOne ? 1 : group) {
            let column = (head * group + index) * size
            let query = part.rows.lowerBound * shape.attentionInput + column
            let queryEnd = query + (rows.count - 1) * rows.queryStride + size
            let start = part.rows.lowerBound * shape.attentionOutput + column
            let end = start + (rows.count - 1) * rows.outputStride + size
            var out = output._mutatingExtracting(start..<end)
            AttentionKernels.attend(
                input.extracting(query..<queryEnd), rows, keys: cache.keys.span.extracting(place),
                values: cache.values.span.extracting(place), headSize: size,
                scale: config.attentionScale, scratch: &scores, into: &out)
        }
    }

    /// The feed-forward part's nonlinearity, in place: act(gate)·up goes where the gate was, or
    /// act(up) where up was.
    func activate(_ count: Int, _ rows: inout [Float]) {
        let (width, inner) = (shape.feedForward, shape.intermediate)
        let isGated = width > inner
        var all = rows.mutableSpan
        for index in 0..<count {
            var row = all._mutatingExtracting(index * width..<(index + 1) * width)
            if isGated && config.activation == .silu {
                LayerKernels.siluGate(&row)
                continue
            }
            do {
                var first = row._mutatingExtracting(0..<inner)
                switch config.activation {
                case .silu: LayerKernels.silu(&first)
                case .geluTanh: LayerKernels.geluTanh(&first)
                case .gelu: LayerKernels.gelu(&first)
                case .relu: LayerKernels.relu(&first)
                }
            }
            guard isGated else { continue }
            for column in 0..<inner { row[column] *= row[inner + column] }
        }
    }

    /// x ← x + y, where y is `workspace.output`, normalised first where there is a norm.
    func addToResidual(_ count: Int, _ norm: NormWeights?, _ workspace: inout Workspace) {
        guard let norm else {
            addRows(count, workspace.output, to: &workspace.residual)
            return
        }
        normaliseRows(count, norm, workspace.output, into: &workspace.normed)
        addRows(count, workspace.normed, to: &workspace.residual)
    }

    private func addRows(_ count: Int, _ rows: [Float], to residual: inout [Float]) {
        let range = 0..<count * shape.hidden
        var all = residual.mutableSpan
        var sum = all._mutatingExtracting(range)
        VectorKernels.addScaled(rows.span.extracting(range), 1, to: &sum)
    }
}
