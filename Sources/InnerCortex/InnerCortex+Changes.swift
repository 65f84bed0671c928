import Kernels
public import ModelFormats

/// Products with what a `PassChange` adds to the frozen weights.
extension InnerCortex {
    /// Adds the changes of projections that lie side by side to their outputs.
    ///
    /// Row by row, so that a row's result depends on it alone, as in the frozen products.
    /// - Parameters:
    ///   - projections: in the order of their outputs.
    ///   - input: rows `leadingInput` apart, each beginning with the projections' inputs.
    ///   - scratch: for the deltas' inner activations.
    ///   - output: rows of `width` elements.
    func addChange(
        _ change: PassChange, _ projections: [Projection], _ count: Int, _ input: [Float],
        leadingInput: Int, _ scratch: inout [Float], into output: inout [Float], width: Int
    ) {
        var offset = 0
        for projection in projections {
            let (site, weight) = (projection.site, projection.weight)
            let place = Place(
                inputs: weight.inputs, outputs: weight.outputs, leadingInput: leadingInput,
                width: width, offset: offset)
            if let delta = change.deltas[site] {
                precondition(
                    delta.inputs == weight.inputs && delta.outputs == weight.outputs,
                    "a delta of the projection's shape")
                add(delta, place, count, input, &scratch, into: &output)
            }
            if let dense = change.dense, dense.site == site {
                precondition(
                    dense.weights.count == weight.inputs * weight.outputs,
                    "a change of the projection's shape")
                add(dense.weights, place, count, input, &scratch, into: &output)
            }
            offset += weight.outputs
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
        add(
            delta,
            Place(
                inputs: inputs, outputs: outputs, leadingInput: inputs, width: outputs, offset: 0),
            hidden.count / inputs, hidden, &scratch, into: &logits)
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
        guard case .block(let index, _) = site else { return weights.unembedding.weight }
        guard weights.blocks.indices.contains(index) else { return nil }
        return weights.blocks[index].projections.first { $0.site == site }?.weight
    }

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
        _ delta: LowRankDelta, _ place: Place, _ count: Int, _ input: [Float],
        _ scratch: inout [Float], into output: inout [Float]
    ) {
        Workspace.grow(&scratch, place.outputs)
        var inner = [Float](repeating: 0, count: delta.rank)
        var all = output.mutableSpan
        for row in 0..<count {
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
        _ matrix: [Float], _ place: Place, _ count: Int, _ input: [Float],
        _ scratch: inout [Float], into output: inout [Float]
    ) {
        Workspace.grow(&scratch, place.outputs)
        var all = output.mutableSpan
        for row in 0..<count {
            var buffer = scratch.mutableSpan
            var sum = buffer._mutatingExtracting(0..<place.outputs)
            MatrixKernels.multiply(
                matrix.span, by: input.span.extracting(place.input(row)), into: &sum)
            var out = all._mutatingExtracting(place.output(row))
            VectorKernels.addScaled(sum.span, 1, to: &out)
        }
    }
}
