import Kernels
import ModelFormats

/// A two-dimensional weight where it lies in the mapped file.
struct WeightMatrix: Sendable {
    /// The order of the two dimensions in the file.
    enum Layout: Sendable {
        /// [outputs, inputs]: `torch.nn.Linear`, and embeddings with tokens as outputs.
        case outputsFirst
        /// [inputs, outputs]: GPT-2's `Conv1D`.
        case inputsFirst
    }

    let tensor: ModelTensor
    let encoding: WeightEncoding
    let layout: Layout
    let inputs: Int
    let outputs: Int
    /// Where in the file each output's row is; nil where it is in its place.
    var places: [Int]?

    /// The weights of some outputs in single precision: shape [range.count, inputs], or
    /// [inputs, range.count] when the inputs come first.
    func widen(outputs range: Range<Int>, into out: inout MutableSpan<Float>) {
        tensor.withUnsafeBytes { buffer in
            let bytes = buffer.bytes
            switch layout {
            case .outputsFirst:
                let size = encoding.byteCount(elements: inputs)
                guard let places else {
                    let part = bytes.extracting(range.lowerBound * size..<range.upperBound * size)
                    MatrixKernels.widen(part, encoding, into: &out)
                    return
                }
                for (index, place) in places[range].enumerated() {
                    var row = out._mutatingExtracting(index * inputs..<(index + 1) * inputs)
                    MatrixKernels.widen(
                        bytes.extracting(place * size..<(place + 1) * size), encoding, into: &row)
                }
            case .inputsFirst:
                let size = encoding.blockBytes
                for input in 0..<inputs {
                    let start = (input * outputs + range.lowerBound) * size
                    let part = bytes.extracting(start..<start + range.count * size)
                    let place = input * range.count..<(input + 1) * range.count
                    var row = out._mutatingExtracting(place)
                    MatrixKernels.widen(part, encoding, into: &row)
                }
            }
        }
    }

    /// A copy laid out for products.
    func panels() -> PanelMatrix {
        tensor.withUnsafeBytes { buffer in
            guard let places else { return panels(of: buffer.bytes) }
            let size = encoding.byteCount(elements: inputs)
            var rows: [UInt8] = []
            rows.reserveCapacity(buffer.count)
            for place in places { rows += buffer[place * size..<(place + 1) * size] }
            return panels(of: rows.span.bytes)
        }
    }

    private func panels(of bytes: RawSpan) -> PanelMatrix {
        PanelMatrix(
            bytes, encoding, inputs: inputs, outputs: outputs,
            inputsFirst: layout == .inputsFirst)
    }
}

/// A matrix with its bias: y = W·x + b.
struct Projection: Sendable {
    let site: ProjectionSite
    /// W in its file.
    let weight: WeightMatrix
    /// W as products read it.
    let panels: PanelMatrix
    /// Shape [outputs].
    let bias: [Float]?

    init(_ site: ProjectionSite, _ weight: WeightMatrix, bias: [Float]? = nil) {
        self.site = site
        self.weight = weight
        panels = weight.panels()
        // Products read the panels alone, so that weights are in memory once.
        weight.tensor.releasePages()
        self.bias = bias
    }
}

extension Workspace.Products {
    /// out[row] = the projections of input[row], side by side.
    ///
    /// - Parameters:
    ///   - projections: of the same inputs.
    ///   - input: rows `strideX` apart, each beginning with the inputs.
    ///   - pool: shares the products; the bits are the same without.
    ///   - output: rows `strideY` apart, each beginning with the place of the outputs.
    /// - Complexity: allocates only to hold more rows than ever before.
    mutating func apply(
        _ projections: [Projection], to input: Span<Float>, rows: Int, strideX: Int,
        on pool: WorkerPool?, into output: inout MutableSpan<Float>, strideY: Int
    ) {
        let inputs = projections[0].weight.inputs
        if projections.contains(where: { $0.panels.encoding.isQuantized }) {
            quantized.quantize(input, rows: rows, strideX: strideX, inputs: inputs, on: pool)
        }
        if projections.contains(where: { !$0.panels.encoding.isQuantized }) {
            Workspace.grow(&self.rows, rows * inputs)
        }
        var offset = 0
        for projection in projections {
            let end = (rows - 1) * strideY + offset + projection.weight.outputs
            var out = output._mutatingExtracting(offset..<end)
            if projection.panels.encoding.isQuantized {
                projection.panels.multiply(quantized, on: pool, into: &out, strideY: strideY)
            } else {
                var scratch = self.rows.mutableSpan
                projection.panels.multiply(
                    input, rows: rows, strideX: strideX, scratch: &scratch, on: pool,
                    into: &out, strideY: strideY)
            }
            offset += projection.weight.outputs
            guard let bias = projection.bias else { continue }
            for row in 0..<rows {
                var sum = out._mutatingExtracting(row * strideY..<row * strideY + bias.count)
                VectorKernels.addScaled(bias.span, 1, to: &sum)
            }
        }
    }
}
