import Kernels
public import ModelFormats

/// Products with what a `PassChange` adds to the frozen weights.
extension InnerCortex {
    /// Adds the changes of projections that lie side by side to their outputs.
    ///
    /// Row by row, so that a row's result depends on it alone, as in the frozen products.
    /// - Parameters:
    ///   - kinds: the projections of the block, in the order of their outputs.
    ///   - input: rows `leadingInput` apart, each beginning with the projections' inputs.
    ///   - scratch: for the deltas' inner activations.
    ///   - output: rows of `width` elements.
    func addChange(
        _ change: PassChange, _ block: Int, _ kinds: [ProjectionKind], _ plan: RowPlan,
        _ input: [Float], leadingInput: Int, _ scratch: inout [Float], into output: inout [Float],
        width: Int
    ) {
        var offset = 0
        for kind in kinds {
            let site = ProjectionSite.block(block, kind)
            guard let size = projections.size(of: site) else { continue }
            let place = Place(
                inputs: size.inputs, outputs: size.outputs, leadingInput: leadingInput,
                width: width, offset: offset)
            if let delta = change.deltas[site] {
                precondition(
                    delta.inputs == size.inputs && delta.outputs == size.outputs,
                    "a delta of the projection's shape")
                add(delta, place, plan, input, &scratch, into: &output)
            }
            if let dense = change.dense, dense.site == site {
                precondition(
                    dense.weights.count == size.inputs * size.outputs,
                    "a change of the projection's shape")
                add(dense.weights, place, plan, input, &scratch, into: &output)
            }
            offset += size.outputs
        }
    }

    /// logits ← logits + B·(A·h), row by row: what a delta of the unembedding adds.
    ///
    /// - Parameters:
    ///   - hidden: final normed hidden states, shape [count, hiddenSize].
    ///   - logits: shape [count, vocabularySize].
    public func addToLogits(
        _ delta: LowRankDelta, hidden: [Float], logits: inout [Float]
    ) {
        let (inputs, outputs) = (config.hiddenSize, config.vocabularySize)
        precondition(
            delta.inputs == inputs && delta.outputs == outputs && hidden.count % inputs == 0
                && hidden.count / inputs == logits.count / outputs, "addToLogits: shapes differ")
        var scratch: [Float] = []
        let plan = RowPlan(position: 0, count: hidden.count / inputs)
        add(
            delta,
            Place(
                inputs: inputs, outputs: outputs, leadingInput: inputs, width: outputs, offset: 0),
            plan, hidden, &scratch, into: &logits)
    }

    /// ‖W‖_F of one projection's frozen weights; 0 where the core has no such.
    /// - Complexity: O(inputs·outputs).
    public func frobeniusNorm(of site: ProjectionSite) -> Float {
        guard let weight = matrix(of: site) else { return 0 }
        var sum = 0.0
        // A few outputs at a time, so that no copy of the whole is made.
        let step = max(1, 65_536 / weight.inputs)
        var block = [Float](repeating: 0, count: min(step, weight.outputs) * weight.inputs)
        for first in stride(from: 0, to: weight.outputs, by: step) {
            let range = first..<min(weight.outputs, first + step)
            let count = range.count * weight.inputs
            do {
                var all = block.mutableSpan
                var part = all._mutatingExtracting(0..<count)
                weight.widen(outputs: range, into: &part)
            }
            let values = block.span.extracting(0..<count)
            sum += Double(VectorKernels.dot(values, values))
        }
        return Float(sum.squareRoot())
    }

    private func matrix(of site: ProjectionSite) -> WeightMatrix? {
        guard projections.size(of: site) != nil else { return nil }
        guard case .block(let index, let kind) = site else { return weights.unembedding.weight }
        let layer = weights.layers[index]
        switch kind {
        case .attentionOutput: return layer.attentionOutput.weight
        case .down: return layer.feedForwardOutput.weight
        case .gate, .up:
            let place = feedForwardKinds.firstIndex(of: kind)
            return place.map { layer.feedForwardInput[$0].weight }
        case .query, .key, .value, .queryKeyValue:
            let place = attentionKinds.firstIndex(of: kind)
            return place.map { layer.attentionInput[$0].weight }
        }
    }

    /// The projections of `LayerWeights.attentionInput` and `.feedForwardInput`, in their order.
    var attentionKinds: [ProjectionKind] {
        config.family == .llama ? [.query, .key, .value] : [.queryKeyValue]
    }
    var feedForwardKinds: [ProjectionKind] { config.family == .llama ? [.gate, .up] : [.up] }

    /// Where a projection reads and writes in buffers of rows.
    private struct Place {
        var inputs: Int
        var outputs: Int
        var leadingInput: Int
        var width: Int
        var offset: Int

        func input(_ row: Int) -> Range<Int> {
            row * leadingInput..<row * leadingInput + inputs
        }

        func output(_ row: Int) -> Range<Int> {
            row * width + offset..<row * width + offset + outputs
        }
    }

    private func add(
        _ delta: LowRankDelta, _ place: Place, _ plan: RowPlan, _ input: [Float],
        _ scratch: inout [Float], into output: inout [Float]
    ) {
        Workspace.grow(&scratch, place.outputs)
        var inner = [Float](repeating: 0, count: delta.rank)
        var all = output.mutableSpan
        for row in 0..<plan.count {
            do {
                var values = inner.mutableSpan
                MatrixKernels.multiply(
                    delta.a.span, by: input.span.extracting(place.input(row)), into: &values)
            }
            var buffer = scratch.mutableSpan
            var sum = buffer._mutatingExtracting(0..<place.outputs)
            MatrixKernels.multiply(delta.b.span, by: inner.span, into: &sum)
            var out = all._mutatingExtracting(place.output(row))
            VectorKernels.addScaled(sum.span, 1, to: &out)
        }
    }

    private func add(
        _ matrix: [Float], _ place: Place, _ plan: RowPlan, _ input: [Float],
        _ scratch: inout [Float], into output: inout [Float]
    ) {
        Workspace.grow(&scratch, place.outputs)
        var all = output.mutableSpan
        for row in 0..<plan.count {
            var buffer = scratch.mutableSpan
            var sum = buffer._mutatingExtracting(0..<place.outputs)
            MatrixKernels.multiply(
                matrix.span, by: input.span.extracting(place.input(row)), into: &sum)
            var out = all._mutatingExtracting(place.output(row))
            VectorKernels.addScaled(sum.span, 1, to: &out)
        }
    }
}
