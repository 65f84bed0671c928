import Kernels
import ModelFormats

extension InnerCortex {
    /// out[row] = the projections of input[row], side by side, for every row of the plan.
    ///
    /// - Parameters:
    ///   - input: rows `leadingInput` apart, each beginning with the projections' inputs.
    ///   - block: scratch for a block of weights.
    ///   - output: rows of `width` elements, which is the sum of the projections' outputs.
    func project(
        _ projections: [Projection], _ plan: RowPlan, _ input: [Float], leadingInput: Int,
        _ block: inout [Float], into output: inout [Float], width: Int
    ) {
        var offset = 0
        let input = input.span
        var all = output.mutableSpan
        for projection in projections {
            let weight = projection.weight
            if plan.usesTiles {
                var scratch = block.mutableSpan
                projectTiles(
                    weight, plan, input, leadingInput: leadingInput, &scratch, into: &all,
                    leadingOutput: width, offset: offset)
            } else {
                for row in 0..<plan.count {
                    let x = row * leadingInput
                    let y = row * width + offset
                    var out = all._mutatingExtracting(y..<y + weight.outputs)
                    weight.multiply(input.extracting(x..<x + weight.inputs), into: &out)
                }
            }
            if let bias = projection.bias {
                for row in plan.rows {
                    let y = row * width + offset
                    var out = all._mutatingExtracting(y..<y + weight.outputs)
                    VectorKernels.addScaled(bias.span, 1, to: &out)
                }
            }
            offset += weight.outputs
        }
    }

    private func projectTiles(
        _ weight: WeightMatrix, _ plan: RowPlan, _ input: Span<Float>, leadingInput: Int,
        _ block: inout MutableSpan<Float>, into output: inout MutableSpan<Float>,
        leadingOutput: Int, offset: Int
    ) {
        for first in stride(from: 0, to: weight.outputs, by: weight.blockOutputs) {
            let range = first..<min(weight.outputs, first + weight.blockOutputs)
            var widened = block._mutatingExtracting(0..<range.count * weight.inputs)
            weight.widen(outputs: range, into: &widened)
            for row in stride(from: 0, to: plan.bufferRows, by: Tile.rows) {
                let x = row * leadingInput
                let y = row * leadingOutput + offset + first
                let last = Tile.rows - 1
                var out = output._mutatingExtracting(y..<y + last * leadingOutput + range.count)
                weight.multiplyTile(
                    input.extracting(x..<x + last * leadingInput + weight.inputs),
                    leadingX: leadingInput, block: widened.span, count: range.count,
                    leadingY: leadingOutput, into: &out)
            }
        }
    }

    /// Logits of several rows, by tiles.
    ///
    /// - Parameters:
    ///   - hidden: shape [plan.count, hidden].
    ///   - logits: shape [plan.count, vocabulary].
    func unembedTiles(
        _ hidden: Span<Float>, _ plan: RowPlan, _ logits: inout MutableSpan<Float>
    ) {
        workspaces.use { workspace in
            workspace.reserveUnembedding(shape)
            let weight = weights.unembedding
            for first in stride(from: 0, to: weight.outputs, by: weight.blockOutputs) {
                let range = first..<min(weight.outputs, first + weight.blockOutputs)
                do {
                    var all = workspace.weights.mutableSpan
                    var widened = all._mutatingExtracting(0..<range.count * weight.inputs)
                    weight.widen(outputs: range, into: &widened)
                }
                for tile in stride(from: 0, to: plan.bufferRows, by: Tile.rows) {
                    unembedTile(
                        hidden, plan, tile, range, workspace.weights, &workspace.tileInput,
                        &workspace.tileOutput, &logits)
                }
            }
        }
    }

    /// One tile against one block of outputs, through buffers of whole tiles: the rows at the ends
    /// of the text belong to nobody.
    private func unembedTile(
        _ hidden: Span<Float>, _ plan: RowPlan, _ firstRow: Int, _ outputs: Range<Int>,
        _ block: [Float], _ tileInput: inout [Float], _ tileOutput: inout [Float],
        _ logits: inout MutableSpan<Float>
    ) {
        let weight = weights.unembedding
        let rows = plan.rows.clamped(to: firstRow..<firstRow + Tile.rows)
        let from = (rows.lowerBound - plan.firstRow) * weight.inputs
        let to = (rows.lowerBound - firstRow) * weight.inputs
        let count = rows.count * weight.inputs
        var input = tileInput.mutableSpan
        var part = input._mutatingExtracting(to..<to + count)
        VectorKernels.copy(hidden.extracting(from..<from + count), into: &part)
        var output = tileOutput.mutableSpan
        weight.multiplyTile(
            input.span, leadingX: weight.inputs,
            block: block.span.extracting(0..<outputs.count * weight.inputs), count: outputs.count,
            leadingY: outputs.count, into: &output)
        for row in rows {
            let source = (row - firstRow) * outputs.count
            let start = (row - plan.firstRow) * weight.outputs + outputs.lowerBound
            var target = logits._mutatingExtracting(start..<start + outputs.count)
            VectorKernels.copy(
                output.span.extracting(source..<source + outputs.count), into: &target)
        }
    }
}
