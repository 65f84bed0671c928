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
        self.bias = bias
    }

    /// out[row] = the projection of input[row].
    ///
    /// - Parameters:
    ///   - input: rows `strideX` apart, each beginning with the inputs.
    ///   - scratch: grows to `rows·inputs` elements.
    ///   - output: rows `strideY` apart, each beginning with the place of the outputs.
    func apply(
        _ input: Span<Float>, rows: Int, strideX: Int, _ scratch: inout [Float],
        into output: inout MutableSpan<Float>, strideY: Int
    ) {
        Workspace.grow(&scratch, rows * weight.inputs)
        var room = scratch.mutableSpan
        panels.multiply(
            input, rows: rows, strideX: strideX, scratch: &room, into: &output, strideY: strideY)
        guard let bias else { return }
        for row in 0..<rows {
            var out = output._mutatingExtracting(row * strideY..<row * strideY + weight.outputs)
            VectorKernels.addScaled(bias.span, 1, to: &out)
        }
    }
}
