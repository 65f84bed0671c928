import Kernels
import ModelFormats

extension InnerCortex {
    /// out[row] = the projections of input[row], side by side, for every row of the plan.
    ///
    /// - Parameters:
    ///   - input: rows `leadingInput` apart, each beginning with the projections' inputs.
    ///   - scratch: for the products.
    ///   - output: rows of `width` elements, which is the sum of the projections' outputs.
    func project(
        _ projections: [Projection], _ plan: RowPlan, _ input: [Float], leadingInput: Int,
        _ scratch: inout [Float], into output: inout [Float], width: Int
    ) {
        var offset = 0
        let rows = input.span
        var all = output.mutableSpan
        for projection in projections {
            var out = all._mutatingExtracting(offset..<plan.count * width)
            projection.apply(
                rows, rows: plan.count, strideX: leadingInput, &scratch, into: &out,
                strideY: width)
            offset += projection.weight.outputs
        }
    }
}
