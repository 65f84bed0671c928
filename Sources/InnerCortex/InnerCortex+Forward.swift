import Kernels
import ModelFormats

extension InnerCortex {
    /// Takes `workspace.residual` through one block, in place.
    func run(
        _ index: Int, _ plan: RowPlan, _ change: PassChange?, _ cache: inout KVCache.Storage,
        _ workspace: inout Workspace
    ) {
        attentionBlock(index, plan, change, &cache, &workspace)
        feedForwardBlock(index, plan, change, &workspace)
    }

    /// The final norm of every token's row.
    ///
    /// - Parameter out: shape [plan.count, hidden].
    func finish(
        _ plan: RowPlan, _ residual: [Float], into out: inout MutableSpan<Float>
    ) {
        for row in 0..<plan.count {
            var target = out._mutatingExtracting(row * shape.hidden..<(row + 1) * shape.hidden)
            normalise(
                residual.span.extracting(row * shape.hidden..<(row + 1) * shape.hidden),
                weights.finalNorm, into: &target)
        }
    }

    /// Fills the plan's rows of `residual` with the embeddings of `tokens`.
    func embed(
        _ tokens: ArraySlice<TokenID>, _ plan: RowPlan, _ residual: inout [Float],
        scratch: inout [Float]
    ) {
        let hidden = shape.hidden
        var all = residual.mutableSpan
        var scratch = scratch.mutableSpan
        for (index, token) in tokens.enumerated() {
            let start = index * hidden
            var row = all._mutatingExtracting(start..<start + hidden)
            weights.embedding.widen(outputs: checkedRow(token), into: &row)
            guard let positions = weights.positions else { continue }
            let position = plan.position + index
            var learned = scratch._mutatingExtracting(0..<hidden)
            positions.widen(outputs: position..<position + 1, into: &learned)
            VectorKernels.addScaled(learned.span, 1, to: &row)
        }
    }

    private func attentionBlock(
        _ index: Int, _ plan: RowPlan, _ change: PassChange?, _ cache: inout KVCache.Storage,
        _ workspace: inout Workspace
    ) {
        let layer = weights.layers[index]
        normaliseRows(plan, layer.attentionNorm, workspace.residual, into: &workspace.normed)
        project(
            layer.attentionInput, plan, workspace.normed, leadingInput: shape.hidden,
            &workspace.packed, into: &workspace.attentionInput, width: shape.attentionInput)
        if let change {
            addChange(
                change, index, attentionKinds, plan, workspace.normed, leadingInput: shape.hidden,
                &workspace.lowRank, into: &workspace.attentionInput, width: shape.attentionInput)
        }
        if rotary != nil {
            rotate(plan, &workspace.attentionInput, workspace.cosines, workspace.sines)
        }
        storeKeysAndValues(index, plan, workspace.attentionInput, &cache)
        for head in 0..<shape.keyValueHeads {
            attend(
                layer: index, head: head, plan, cache, workspace.attentionInput,
                &workspace.scores, into: &workspace.attentionOutput)
        }
        project(
            [layer.attentionOutput], plan, workspace.attentionOutput,
            leadingInput: shape.attentionOutput, &workspace.packed, into: &workspace.normed,
            width: shape.hidden)
        if let change {
            addChange(
                change, index, [.attentionOutput], plan, workspace.attentionOutput,
                leadingInput: shape.attentionOutput, &workspace.lowRank, into: &workspace.normed,
                width: shape.hidden)
        }
        addToResidual(plan, workspace.normed, &workspace.residual)
    }

    private func feedForwardBlock(
        _ index: Int, _ plan: RowPlan, _ change: PassChange?, _ workspace: inout Workspace
    ) {
        let layer = weights.layers[index]
        normaliseRows(plan, layer.feedForwardNorm, workspace.residual, into: &workspace.normed)
        project(
            layer.feedForwardInput, plan, workspace.normed, leadingInput: shape.hidden,
            &workspace.packed, into: &workspace.feedForward, width: shape.feedForward)
        if let change {
            addChange(
                change, index, feedForwardKinds, plan, workspace.normed,
                leadingInput: shape.hidden, &workspace.lowRank, into: &workspace.feedForward,
                width: shape.feedForward)
        }
        let width = shape.feedForward
        for row in 0..<plan.count {
            var all = workspace.feedForward.mutableSpan
            var values = all._mutatingExtracting(row * width..<(row + 1) * width)
            activate(&values)
        }
        project(
            [layer.feedForwardOutput], plan, workspace.feedForward,
            leadingInput: shape.feedForward, &workspace.packed, into: &workspace.normed,
            width: shape.hidden)
        if let change {
            addChange(
                change, index, [.down], plan, workspace.feedForward,
                leadingInput: shape.feedForward, &workspace.lowRank, into: &workspace.normed,
                width: shape.hidden)
        }
        addToResidual(plan, workspace.normed, &workspace.residual)
    }

    /// Turns every token's queries and keys by the angles of its position.
    private func rotate(
        _ plan: RowPlan, _ input: inout [Float], _ cosines: [Float], _ sines: [Float]
    ) {
        let turned = (shape.heads + shape.keyValueHeads) * shape.headSize
        let half = shape.headSize / 2
        var all = input.mutableSpan
        for row in 0..<plan.count {
            let start = row * shape.attentionInput
            let angles = row * half..<(row + 1) * half
            var part = all._mutatingExtracting(start..<start + turned)
            LayerKernels.rotate(
                &part, cosines: cosines.span.extracting(angles),
                sines: sines.span.extracting(angles))
        }
    }

    private func storeKeysAndValues(
        _ layer: Int, _ plan: RowPlan, _ input: [Float], _ cache: inout KVCache.Storage
    ) {
        let size = shape.keyValueHeads * shape.headSize
        for row in 0..<plan.count {
            let keys = row * shape.attentionInput + shape.attentionOutput
            cache.store(
                keys: input.span.extracting(keys..<keys + size),
                values: input.span.extracting(keys + size..<keys + 2 * size), layer: layer,
                position: plan.position + row)
        }
    }

    /// The query heads that share one key/value head: for one token all of them together, for
    /// several tokens one head after the other.
    private func attend(
        layer: Int, head: Int, _ plan: RowPlan, _ cache: KVCache.Storage, _ input: [Float],
        _ scores: inout [Float], into output: inout [Float]
    ) {
        let place = cache.range(layer: layer, head: head)
        let group = shape.heads / shape.keyValueHeads
        let size = shape.headSize
        let isOne = plan.count == 1
        let rows = AttentionKernels.Rows(
            count: isOne ? group : plan.count,
            queryStride: isOne ? size : shape.attentionInput,
            outputStride: isOne ? size : shape.attentionOutput, visible: plan.position + 1,
            visibleStep: isOne ? 0 : 1)
        let input = input.span
        var output = output.mutableSpan
        var scores = scores.mutableSpan
        for index in 0..<(isOne ? 1 : group) {
            let column = (head * group + index) * size
            let queryEnd = column + (rows.count - 1) * rows.queryStride + size
            let outputEnd = column + (rows.count - 1) * rows.outputStride + size
            var out = output._mutatingExtracting(column..<outputEnd)
            AttentionKernels.attend(
                input.extracting(column..<queryEnd), rows, keys: cache.keys.span.extracting(place),
                values: cache.values.span.extracting(place), headSize: size, scratch: &scores,
                into: &out)
        }
    }

    private func addToResidual(_ plan: RowPlan, _ output: [Float], _ residual: inout [Float]) {
        let range = 0..<plan.count * shape.hidden
        var all = residual.mutableSpan
        var rows = all._mutatingExtracting(range)
        VectorKernels.addScaled(output.span.extracting(range), 1, to: &rows)
    }

    private func normaliseRows(
        _ plan: RowPlan, _ norm: NormWeights, _ residual: [Float], into normed: inout [Float]
    ) {
        var all = normed.mutableSpan
        for row in 0..<plan.count {
            let range = row * shape.hidden..<(row + 1) * shape.hidden
            var out = all._mutatingExtracting(range)
            normalise(residual.span.extracting(range), norm, into: &out)
        }
    }

    private func normalise(
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

    /// The feed-forward block's nonlinearity on one row, in place: act(gate)·up goes where the gate
    /// was (llama), or act(up) (gpt2).
    private func activate(_ row: inout MutableSpan<Float>) {
        if config.family == .llama && config.activation == .silu {
            LayerKernels.siluGate(&row)
            return
        }
        var first = row._mutatingExtracting(0..<shape.intermediate)
        switch config.activation {
        case .silu: LayerKernels.silu(&first)
        case .geluTanh: LayerKernels.geluTanh(&first)
        case .gelu: LayerKernels.gelu(&first)
        case .relu: LayerKernels.relu(&first)
        }
        guard config.family == .llama else { return }
        for index in 0..<shape.intermediate { row[index] *= row[shape.intermediate + index] }
    }
}
