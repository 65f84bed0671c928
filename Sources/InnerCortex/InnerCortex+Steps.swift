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

    /// Stores the rows' keys and values, and attends to those of their contexts.
    ///
    /// - Parameters:
    ///   - cache: one of the pass's, which all hold the same blocks.
    ///   - keys: at least the greatest number that a row sees.
    func attend(
        _ block: Int, _ contexts: [[AttentionKernels.Segment]], _ cache: KVCache, keys: Int,
        _ input: [Float], _ scores: inout [Float], into output: inout [Float]
    ) {
        let place = cache.place(of: block)
        var scratch = scores.mutableSpan
        var out = output.mutableSpan
        AttentionKernels.attend(
            contexts[place.kind],
            AttentionKernels.Block(
                heads: shape.heads, keyValueHeads: shape.keyValueHeads, headSize: shape.headSize,
                firstPart: place.firstPart, window: config.windows[block],
                scale: config.attentionScale, precision: layout.precision),
            input: input.span, keys: keys, scratch: &scratch, on: pool, into: &out)
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
            LayerKernels.gate(&row)
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
