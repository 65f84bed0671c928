import Kernels
import ModelFormats

/// The forward pass, top to bottom. Rows are tokens, of one context or of several: a buffer has them
/// one behind the other, and only attention asks whose they are. What a family has no weights for is
/// not there, and is left out.
extension InnerCortex {
    /// Fills a part's rows of `residual` with the embeddings of its tokens.
    func embed(
        _ tokens: ArraySlice<TokenID>, _ part: RowPlan.Part, _ residual: inout [Float],
        scratch: inout [Float]
    ) {
        let hidden = shape.hidden
        var all = residual.mutableSpan
        var scratch = scratch.mutableSpan
        for (index, token) in tokens.enumerated() {
            let start = (part.rows.lowerBound + index) * hidden
            var row = all._mutatingExtracting(start..<start + hidden)
            weights.embedding.widen(outputs: checkedRow(token), into: &row)
            if config.embeddingScale != 1 { VectorKernels.scale(&row, by: config.embeddingScale) }
            guard let positions = weights.positions else { continue }
            let position = part.position + index
            var learned = scratch._mutatingExtracting(0..<hidden)
            positions.widen(outputs: position..<position + 1, into: &learned)
            VectorKernels.addScaled(learned.span, 1, to: &row)
        }
    }

    /// Takes `workspace.residual`, x, through one block, in place.
    func run(
        _ index: Int, _ segments: [PassSegment], _ change: PassChange?,
        _ workspace: inout Workspace
    ) {
        let (block, count) = (weights.blocks[index], workspace.plan.count)
        let hidden = shape.hidden

        // q, k, v = W·norm(x)
        normaliseRows(count, block.attentionNorm, workspace.residual, into: &workspace.normed)
        project(
            block.attentionInput, count, workspace.normed, leadingInput: hidden, change,
            &workspace.products, into: &workspace.attentionInput, width: shape.attentionInput)
        let queries = 0..<shape.heads
        let keys = shape.heads..<shape.heads + shape.keyValueHeads
        normaliseHeads(
            count, queries, block.queryNorm, &workspace.head, &workspace.attentionInput)
        normaliseHeads(count, keys, block.keyNorm, &workspace.head, &workspace.attentionInput)
        if let rotary = rotary(of: index) {
            rotate(count, workspace.angles[rotary], &workspace.attentionInput)
        }

        // o = W_o·Σ softmax(q·k)·v, each context with its own keys and values
        attend(
            index, workspace.contexts, segments[0].cache, keys: workspace.keys,
            workspace.attentionInput, &workspace.scores, into: &workspace.attentionOutput)
        project(
            block.attentionOutput, count, workspace.attentionOutput,
            leadingInput: shape.attentionOutput, change, &workspace.products,
            into: &workspace.output, width: hidden)

        // x ← x + o. The feed-forward part reads the sum, or in a parallel block the x before it.
        if !config.isParallel { addToResidual(count, block.attentionOutputNorm, &workspace) }
        normaliseRows(
            count, block.feedForwardNorm, workspace.residual, into: &workspace.feedForwardInput)
        if config.isParallel { addToResidual(count, block.attentionOutputNorm, &workspace) }

        // x ← x + W_down·act(W_gate·norm(x))·(W_up·norm(x))
        project(
            block.feedForwardInput, count, workspace.feedForwardInput, leadingInput: hidden, change,
            &workspace.products, into: &workspace.feedForward, width: shape.feedForward)
        activate(count, &workspace.feedForward)
        project(
            block.feedForwardOutput, count, workspace.feedForward,
            leadingInput: shape.feedForward, change, &workspace.products, into: &workspace.output,
            width: hidden)
        addToResidual(count, block.feedForwardOutputNorm, &workspace)
    }

    /// The final norm of every token's row.
    ///
    /// - Parameter out: shape [count, hidden].
    func finish(
        _ count: Int, _ residual: [Float], into out: inout MutableSpan<Float>
    ) {
        for row in 0..<count {
            let range = row * shape.hidden..<(row + 1) * shape.hidden
            var target = out._mutatingExtracting(range)
            normalise(residual.span.extracting(range), weights.finalNorm, into: &target)
        }
    }
}
