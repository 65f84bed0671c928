/// A LoRA adapter as Hugging Face's `peft` keeps it: `adapter_config.json` and
/// `adapter_model.safetensors`.
///
/// Of PEFT's many options those are read that leave the adapter a sum of products B·A at linear
/// projections; every other that is switched on is refused by its key. The base model's name is
/// not looked at: shapes decide, the copies of its weights that PEFT saves now and then, and the
/// adapter's owner.
public struct PEFTAdapter: Sendable, Equatable {
    public static let configName = "adapter_config.json"
    public static let weightsName = "adapter_model.safetensors"

    public var deltas: [ProjectionSite: LowRankDelta]

    public init(deltas: [ProjectionSite: LowRankDelta]) { self.deltas = deltas }

    /// A matrix of the base model that PEFT saves beside an adapter: where it is among the targets,
    /// or where the vocabulary was resized (`save_embedding_layers`).
    public enum BaseMatrix: Sendable {
        case embedding, unembedding
    }

    /// Whether a tensor is the core's own matrix.
    public typealias CopyCheck = (ModelTensor, BaseMatrix) -> Bool

    /// Reads both files out of a tar archive; others in it are left alone.
    ///
    /// - Parameters:
    ///   - shapes: of the core that it is for.
    ///   - isCopy: how copies of the core's weights are told from others, which are refused.
    ///   - name: what errors call the archive.
    /// - Throws: `ModelFormatError`, naming the file and the key or tensor.
    public init(
        archive bytes: [UInt8], shapes: ProjectionShapes,
        isCopy: CopyCheck = { _, _ in false }, name: String
    ) throws(ModelFormatError) {
        let files = try TapeArchive.files(in: bytes, name: name)
        func file(_ wanted: String) throws(ModelFormatError) -> [UInt8] {
            let found = files.filter { ExactString($0.baseName) == ExactString(wanted) }
            guard let first = found.first else {
                throw .missing(
                    file: name, item: wanted,
                    remedy: "A PEFT adapter is \(Self.configName) and \(Self.weightsName).")
            }
            guard found.count == 1 else {
                throw .malformed(
                    file: name, location: wanted, problem: "it is there \(found.count) times",
                    remedy: "Archive one adapter's folder alone.")
            }
            return first.bytes
        }
        try self.init(
            config: try file(Self.configName), weights: try file(Self.weightsName), shapes: shapes,
            isCopy: isCopy)
    }

    /// - Parameters:
    ///   - config: content of `adapter_config.json`.
    ///   - weights: content of `adapter_model.safetensors`.
    /// - Throws: `ModelFormatError`.
    public init(
        config: [UInt8], weights: [UInt8], shapes: ProjectionShapes,
        isCopy: CopyCheck = { _, _ in false }
    ) throws(ModelFormatError) {
        let scaling = try PEFTScaling(config)
        let file = try SafetensorsFile(
            bytes: weights, name: Self.weightsName,
            maximumHeaderBytes: Self.headerBytesMaximum(for: shapes))
        guard let architecture = shapes.architecture else {
            throw .unsupported(
                file: Self.weightsName, found: "an adapter for a core without projections",
                supported: ModelConfig.Family.allCases.map(\.rawValue).joined(separator: ", "),
                remedy: "Serve a core of a supported family.")
        }
        let isLoRA: (String) -> Bool = { $0.hasSuffix(Self.suffixA) || $0.hasSuffix(Self.suffixB) }
        for stranger in file.names where !isLoRA(stranger) {
            guard let matrix = Self.baseMatrix(stranger, architecture) else {
                throw .unsupported(
                    file: Self.weightsName, found: "the tensor \(quoted(stranger))",
                    supported: "tensors *.lora_A.weight and *.lora_B.weight of linear projections",
                    remedy: "Embeddings, biases, magnitudes and whole modules cannot be imported.")
            }
            guard isCopy(ModelTensor(try file.tensor(stranger)), matrix) else {
                throw .unsupported(
                    file: Self.weightsName,
                    found: "the tensor \(quoted(stranger)), which differs from this core's own",
                    supported: "a copy of the core's",
                    remedy: "The adapter is for another base model, or trained this matrix whole.")
            }
        }
        deltas = [:]
        for name in file.names where name.hasSuffix(Self.suffixA) {
            let stem = String(name.dropLast(Self.suffixA.count))
            let site = try Self.site(of: stem, architecture, shapes: shapes)
            let size = shapes.size(of: site) ?? (0, 0)
            let path = String(stem.dropFirst(Self.prefix.count))
            let (rank, scale) = scaling.rankAndScale(of: path)
            let a = try Self.factor(file, name, shape: [rank, size.inputs])
            let b = try Self.factor(
                file, stem + Self.suffixB, shape: [size.outputs, rank], scale: scale)
            let delta = LowRankDelta(
                inputs: size.inputs, outputs: size.outputs, rank: rank, a: a, b: b)
            deltas[site] = shapes.places(of: site).map(delta.reordered) ?? delta
        }
        for name in file.names where name.hasSuffix(Self.suffixB) {
            let partner = String(name.dropLast(Self.suffixB.count)) + Self.suffixA
            guard file.contains(partner) else {
                throw .missing(
                    file: Self.weightsName, item: "tensor \(quoted(partner))",
                    remedy: "Each factor B needs its A.")
            }
        }
        guard !deltas.isEmpty else {
            throw .missing(
                file: Self.weightsName, item: "every LoRA tensor",
                remedy: "Check that this is a trained adapter.")
        }
    }

    /// A tensor's entry takes some 170 bytes; besides two for each projection there may be copies of
    /// what was not trained, and metadata.
    public static func headerBytesMaximum(for shapes: ProjectionShapes) -> Int {
        (64 << 10) + 2 * 512 * (shapes.layers * ProjectionKind.allCases.count + 1)
    }

    private static let prefix = "base_model.model."
    private static let suffixA = ".lora_A.weight"
    private static let suffixB = ".lora_B.weight"

    /// The matrix of the base model that a tensor's name means; nil for other tensors.
    private static func baseMatrix(_ name: String, _ architecture: Architecture) -> BaseMatrix? {
        guard name.hasPrefix(prefix) else { return nil }
        let names = architecture.huggingFace
        let matrices = [
            (names.prefix + names.embedding, BaseMatrix.embedding), (names.head, .unembedding),
        ]
        for (module, matrix) in matrices {
            let endings = [".weight", ".base_layer.weight"]
            if endings.contains(where: { name == prefix + module + $0 }) { return matrix }
        }
        return nil
    }

    private static func site(
        of stem: String, _ architecture: Architecture, shapes: ProjectionShapes
    ) throws(ModelFormatError) -> ProjectionSite {
        let site =
            stem.hasPrefix(prefix)
            ? ProjectionSite(modulePath: String(stem.dropFirst(prefix.count)), architecture) : nil
        guard let site, shapes.size(of: site) != nil else {
            throw .unsupported(
                file: weightsName, found: "the module \(quoted(stem))",
                supported: "projections of this core's \(shapes.layers) \(shapes.family) blocks, "
                    + "and \(architecture.huggingFace.head)",
                remedy: "Is the adapter for another model?")
        }
        return site
    }

    private static func factor(
        _ file: SafetensorsFile, _ name: String, shape: [Int], scale: Float = 1
    ) throws(ModelFormatError) -> [Float] {
        let tensor = try file.tensor(name)
        guard tensor.shape == shape else {
            throw .outOfBounds(
                file: weightsName, location: "the shape of tensor \(quoted(name))",
                found: "\(tensor.shape)", allowed: "\(shape), by the core and \(configName)",
                remedy: "Is the adapter for another model?")
        }
        guard [.f32, .f16, .bf16].contains(tensor.type) else {
            throw .unsupported(
                file: weightsName, found: "type \(tensor.type.rawValue) of tensor \(quoted(name))",
                supported: "F32, F16, BF16", remedy: "Convert the adapter.")
        }
        let values = scale == 1 ? tensor.floats() : tensor.floats().map { $0 * scale }
        guard values.allSatisfy(\.isFinite) else {
            throw .outOfBounds(
                file: weightsName, location: "tensor \(quoted(name))",
                found: "NaN or infinite somewhere" + (scale == 1 ? "" : ", times α/r = \(scale)"),
                allowed: "finite numbers only",
                remedy: "The training diverged or the file is damaged.")
        }
        return values
    }

    /// Both files, for `peft` and everything that reads its format: one rank for all projections
    /// (narrower ones are filled up with zeros), α = r so that the scale is 1, and F32 factors.
    ///
    /// - Parameters:
    ///   - shapes: of the core.
    ///   - baseModel: the core's name, for people.
    ///   - metadata: for the weights file.
    /// - Throws: `ModelFormatError` when there is nothing to write.
    public func files(
        shapes: ProjectionShapes, baseModel: String, metadata: [String: String]
    ) throws(ModelFormatError) -> [TapeArchive.File] {
        let architecture = shapes.architecture
        let sites = deltas.keys.sorted()
        let rank = deltas.values.map(\.rank).max() ?? 1
        var entries: [SafetensorsWriter.Entry] = []
        var modules: [String] = []
        for site in sites {
            guard var delta = deltas[site]?.padded(to: rank),
                let path = architecture.flatMap({ site.modulePath($0) })
            else { continue }
            if let places = shapes.places(of: site) {
                delta = delta.reordered(RowOrder.inverse(of: places))
            }
            modules.append(path)
            entries.append(
                .floats(
                    Self.prefix + path + Self.suffixA, shape: [rank, delta.inputs], delta.a))
            entries.append(
                .floats(
                    Self.prefix + path + Self.suffixB, shape: [delta.outputs, rank], delta.b))
        }
        let weights = try SafetensorsWriter.serialize(
            entries, metadata: metadata.merging(["format": "pt"]) { $1 })
        let list = modules.map(JSONText.string).joined(separator: ", ")
        let config = """
            {
              "base_model_name_or_path": \(JSONText.string(baseModel)),
              "bias": "none",
              "fan_in_fan_out": \(architecture?.huggingFace.inputsFirst == true),
              "inference_mode": true,
              "lora_alpha": \(rank),
              "lora_dropout": 0.0,
              "modules_to_save": null,
              "peft_type": "LORA",
              "r": \(rank),
              "target_modules": [\(list)],
              "task_type": "CAUSAL_LM",
              "use_dora": false,
              "use_rslora": false
            }

            """
        return [
            TapeArchive.File(path: Self.configName, bytes: Array(config.utf8)),
            TapeArchive.File(path: Self.weightsName, bytes: weights),
        ]
    }
}
