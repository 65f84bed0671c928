import Kernels
import ModelFormats

/// Finds tensors of a model by name and checks shape, type and finiteness.
struct WeightReader {
    private let source: any ModelSource
    private let names: Set<String>
    private let prefix: String

    /// - Parameter prefix: what names begin with in checkpoints of the model with its head; left
    ///   out when the checkpoint has no such name, as in those of the bare model.
    init(_ source: any ModelSource, prefix: String) {
        self.source = source
        names = source.tensorNames
        self.prefix = names.contains { $0.hasPrefix(prefix) } ? prefix : ""
    }

    /// The same checkpoint, for names outside of the model's body.
    var unprefixed: WeightReader { WeightReader(source, prefix: "") }

    func has(_ name: String) -> Bool { names.contains(prefix + name) }

    /// A matrix, left in its file.
    func matrix(
        _ name: String, inputs: Int, outputs: Int, layout: WeightMatrix.Layout = .outputsFirst
    ) throws(ModelFormatError) -> WeightMatrix {
        let shape = layout == .outputsFirst ? [outputs, inputs] : [inputs, outputs]
        let (tensor, encoding) = try checked(name, shape)
        return WeightMatrix(
            tensor: tensor, encoding: encoding, layout: layout, inputs: inputs, outputs: outputs)
    }

    /// `name.weight` and, when there is one, `name.bias`.
    func projection(
        _ name: String, inputs: Int, outputs: Int, hasBias: Bool,
        layout: WeightMatrix.Layout = .outputsFirst
    ) throws(ModelFormatError) -> Projection {
        Projection(
            try matrix(name + ".weight", inputs: inputs, outputs: outputs, layout: layout),
            bias: hasBias ? try vector(name + ".bias", outputs) : nil)
    }

    /// `name.weight` and, when there is one, `name.bias`.
    func norm(_ name: String, _ size: Int, hasShift: Bool) throws(ModelFormatError) -> NormWeights {
        NormWeights(
            scale: try vector(name + ".weight", size),
            shift: hasShift ? try vector(name + ".bias", size) : nil)
    }

    private func vector(_ name: String, _ size: Int) throws(ModelFormatError) -> [Float] {
        try checked(name, [size]).tensor.floats()
    }

    private func checked(
        _ name: String, _ shape: [Int]
    ) throws(ModelFormatError) -> (tensor: ModelTensor, encoding: WeightEncoding) {
        let tensor = try source.tensor(prefix + name)
        guard tensor.shape == shape else {
            throw .outOfBounds(
                file: tensor.file, location: "the shape of tensor \"\(tensor.name)\"",
                found: "\(tensor.shape)", allowed: "\(shape), as config.json says",
                remedy: "Check that config.json and weights are of the same model.")
        }
        guard let encoding = tensor.encoding else {
            throw .unsupported(
                file: tensor.file,
                found: "type \(tensor.typeName) of tensor \"\(tensor.name)\"",
                supported: "F32, F16, BF16", remedy: "Convert the model.")
        }
        guard tensor.hasOnlyFiniteValues() else {
            throw .outOfBounds(
                file: tensor.file, location: "tensor \"\(tensor.name)\"",
                found: "NaN or infinite somewhere", allowed: "finite numbers only",
                remedy: "The training diverged or the file is damaged: fetch the model again.")
        }
        return (tensor, encoding)
    }
}
