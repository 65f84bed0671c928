import Kernels
import ModelFormats

/// The forward pass, top to bottom. A plan's rows are tokens; a buffer of rows has them one behind
/// the other. What a family has no weights for is not there, and is left out.
extension InnerCortex {
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
            if config.embeddingScale != 1 { VectorKernels.scale(&row, by: config.embeddingScale) }
            guard let positions = weights.positions else { continue }
            let position = plan.position + index
            var learned = scratch._mutatingExtracting(0..<hidden)
            positions.widen(outputs: position..<position + 1, into: &learned)
            VectorKernels.addScaled(learned.span, 1, to: &row)
        }
    }

    /// Takes `workspace.residual`, x, through one block, in place.
    func run(
        _ index: Int, _ plan: RowPlan, _ change: PassChange?, _ cache: inout KVCache.Storage,
        _ workspace: inout Workspace
    ) {
        let block = weights.blocks[index]
        let hidden = shape.hidden

        // q, k, v = W·norm(x)
        normaliseRows(plan, block.attentionNorm, workspace.residual, into: &workspace.normed)
        project(
            block.attentionInput, plan, workspace.normed, leadingInput: hidden, change,
            &workspace.products, into: &workspace.attentionInput, width: shape.attentionInput)
        let queries = 0..<shape.heads
        let keys = shape.heads..<shape.heads + shape.keyValueHeads
        normaliseHeads(
            plan, queries, block.queryNorm, &workspace.head, &workspace.attentionInput)
        normaliseHeads(plan, keys, block.keyNorm, &workspace.head, &workspace.attentionInput)
        if let rotary = rotary(of: index) {
            rotate(plan, workspace.angles[rotary], &workspace.attentionInput)
        }
        storeKeysAndValues(index, plan, workspace.attentionInput, &cache)

        // o = W_o·Σ softmax(q·k)·v
        for head in 0..<shape.keyValueHeads {
            attend(
                block: index, head: head, plan, cache, workspace.attentionInput,
                &workspace.scores, into: &workspace.attentionOutput)
        }
        project(
            [block.attentionOutput], plan, workspace.attentionOutput,
            leadingInput: shape.attentionOutput, change, &workspace.products,
            into: &workspace.output, width: hidden)

        // x ← x + o. The feed-forward part reads the sum, or in a parallel block the x before it.
        if !config.isParallel { addToResidual(plan, block.attentionOutputNorm, &workspace) }
        normaliseRows(
            plan, block.feedForwardNorm, workspace.residual, into: &workspace.feedForwardInput)
        if config.isParallel { addToResidual(plan, block.attentionOutputNorm, &workspace) }

        // x ← x + W_down·act(W_gate·norm(x))·(W_up·norm(x))
        project(
            block.feedForwardInput, plan, workspace.feedForwardInput, leadingInput: hidden, change,
            &workspace.products, into: &workspace.feedForward, width: shape.feedForward)
        activate(plan, &workspace.feedForward)
        project(
            [block.feedForwardOutput], plan, workspace.feedForward,
            leadingInput: shape.feedForward, change, &workspace.products, into: &workspace.output,
            width: hidden)
        addToResidual(plan, block.feedForwardOutputNorm, &workspace)
    }

    /// The final norm of every token's row.
    ///
    /// - Parameter out: shape [plan.count, hidden].
    func finish(
        _ plan: RowPlan, _ residual: [Float], into out: inout MutableSpan<Float>
    ) {
        for row in 0..<plan.count {
            let range = row * shape.hidden..<(row + 1) * shape.hidden
            var target = out._mutatingExtracting(range)
            normalise(residual.span.extracting(range), weights.finalNorm, into: &target)
        }
    }
}
