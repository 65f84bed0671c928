import Kernels
import ModelFormats

/// Finds a model's tensors by the names of its architecture, and checks shape, type and finiteness.
struct WeightReader {
    let config: ModelConfig
    private let source: any ModelSource
    private let names: TensorNames
    private let present: Set<String>

    init(_ source: any ModelSource, _ config: ModelConfig) {
        self.source = source
        self.config = config
        present = source.tensorNames
        var names = config.family.architecture.names(source.naming)
        // Checkpoints of the model without its head leave the prefix out.
        if !present.contains(where: { [names] in $0.hasPrefix(names.prefix) }) {
            names.prefix = ""
        }
        self.names = names
    }

    /// [vocabulary, hidden].
    func embedding() throws(ModelFormatError) -> WeightMatrix {
        try matrix(
            names.prefix + names.embedding, inputs: config.hiddenSize,
            outputs: config.vocabularySize)
    }

    /// [contextLength, hidden]; nil where positions are rotary.
    func positions() throws(ModelFormatError) -> WeightMatrix? {
        guard let name = names.positions else { return nil }
        return try matrix(
            names.prefix + name, inputs: config.hiddenSize, outputs: config.contextLength)
    }

    /// The stored head, or the embedding where config.json ties them and no other head is stored: a
    /// checkpoint with a head of its own was trained with it, whatever its configuration says.
    func head(
        _ embedding: WeightMatrix
    ) throws(ModelFormatError) -> (WeightMatrix, isTied: Bool) {
        if config.tiesEmbeddings, !present.contains(names.head + ".weight") {
            return (embedding, true)
        }
        let stored = try matrix(
            names.head, inputs: config.hiddenSize, outputs: config.vocabularySize)
        guard config.tiesEmbeddings, stored.tensor.isCopy(of: embedding.tensor) else {
            return (stored, false)
        }
        return (embedding, true)
    }

    func finalNorm() throws(ModelFormatError) -> NormWeights {
        try norm(names.prefix + names.finalNorm, config.hiddenSize)
    }

    /// A norm of a block; nil where the family has none there.
    func norm(_ place: NormPlace, of block: Int) throws(ModelFormatError) -> NormWeights? {
        guard let name = names.norms[place] else { return nil }
        let isOfHeads = place == .query || place == .key
        return try norm(
            names.path(block, name), isOfHeads ? config.headSize : config.hiddenSize)
    }

    func projection(
        _ kind: ProjectionKind, of block: Int
    ) throws(ModelFormatError) -> Projection {
        let site = ProjectionSite.block(block, kind)
        guard let size = ProjectionShapes(config).size(of: site),
            let name = names.projections[kind]
        else { preconditionFailure("\(site) is no projection of \(config.family)") }
        let path = names.path(block, name)
        var weight = try matrix(
            path, inputs: size.inputs, outputs: size.outputs,
            layout: names.inputsFirst ? .inputsFirst : .outputsFirst)
        weight.places = names.orders[kind]?.places(
            count: size.outputs, headSize: config.headSize)
        guard config.hasBias(kind) else { return Projection(site, weight) }
        let bias = try vector(path + ".bias", size.outputs)
        return Projection(
            site, weight, bias: weight.places.map { places in places.map { bias[$0] } } ?? bias)
    }

    /// A matrix, left in its file.
    private func matrix(
        _ name: String, inputs: Int, outputs: Int, layout: WeightMatrix.Layout = .outputsFirst
    ) throws(ModelFormatError) -> WeightMatrix {
        let shape = layout == .outputsFirst ? [outputs, inputs] : [inputs, outputs]
        let (tensor, encoding) = try checked(name + ".weight", shape)
        return WeightMatrix(
            tensor: tensor, encoding: encoding, layout: layout, inputs: inputs, outputs: outputs)
    }

    private func norm(_ name: String, _ size: Int) throws(ModelFormatError) -> NormWeights {
        let hasShift = config.family.architecture.normsHaveShift
        let scale = try vector(name + ".weight", size)
        return NormWeights(
            scale: names.normOffset == 0 ? scale : scale.map { $0 + names.normOffset },
            shift: hasShift ? try vector(name + ".bias", size) : nil)
    }

    private func vector(_ name: String, _ size: Int) throws(ModelFormatError) -> [Float] {
        try checked(name, [size]).tensor.floats()
    }

    private func checked(
        _ name: String, _ shape: [Int]
    ) throws(ModelFormatError) -> (tensor: ModelTensor, encoding: WeightEncoding) {
        let tensor = try source.tensor(name)
        guard tensor.shape == shape else {
            throw .outOfBounds(
                file: tensor.file, location: "the shape of tensor \"\(name)\"",
                found: "\(tensor.shape)", allowed: "\(shape), as the configuration says",
                remedy: "Check that configuration and weights are of the same model.")
        }
        guard let encoding = tensor.encoding else {
            throw .unsupported(
                file: tensor.file, found: "type \(tensor.typeName) of tensor \"\(name)\"",
                supported: "F32, F16, BF16, and in GGUF Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, Q4_K, "
                    + "Q5_K, Q6_K", remedy: "Convert the model.")
        }
        guard tensor.hasOnlyFiniteValues() else {
            throw .outOfBounds(
                file: tensor.file, location: "tensor \"\(name)\"",
                found: "NaN or infinite somewhere", allowed: "finite numbers only",
                remedy: "The training diverged or the file is damaged: fetch the model again.")
        }
        return (tensor, encoding)
    }
}
