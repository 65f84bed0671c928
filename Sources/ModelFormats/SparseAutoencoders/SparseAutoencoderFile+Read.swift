extension SparseAutoencoderFile {
    static let configName = "cfg.json"
    static let weightsName = "sae_weights.safetensors"
    private static let maximumConfigBytes = 16_000_000
    private static let maximumInputSize = 1_048_576
    private static let maximumLatentCount = 16_777_216

    /// Reads a folder of SAELens 6, or one of an older version with its flat `cfg.json`.
    ///
    /// - Throws: `ModelFormatError` when a file or tensor is missing, a shape disagrees with
    ///   `cfg.json`, a value is not finite, or the SAE is of a kind that is not supported.
    /// - Complexity: O(d_in·d_sae); copies the weights to `Float`.
    public init(folder: String) throws(ModelFormatError) {
        let path = FolderPath.join(folder, Self.configName)
        try self.init(
            config: ByteStorage.contents(of: path, limit: Self.maximumConfigBytes), name: path,
            weights: SafetensorsFile(path: FolderPath.join(folder, Self.weightsName)))
    }

    /// Reads both files' content, with the same checks.
    ///
    /// - Parameters:
    ///   - config: the content of a cfg.json.
    ///   - name: what errors call it.
    ///   - weights: a sae_weights.safetensors.
    public init(
        config: [UInt8], name: String, weights: SafetensorsFile
    ) throws(ModelFormatError) {
        let config = try JSONFields(bytes: config, file: name)
        let inputs = try config.require(
            "d_in", try config.integer("d_in", in: 1...Self.maximumInputSize))
        let latents = try config.require(
            "d_sae", try config.integer("d_sae", in: 1...Self.maximumLatentCount))
        func tensor(_ name: String, _ shape: [Int]) throws(ModelFormatError) -> [Float] {
            try Self.floats(weights, name, shape)
        }
        let (architecture, k) = try Self.architecture(config, latents: latents)
        try Self.refuseUnsupported(config)
        let metadata = try config.fields("metadata")
        let appliesDecoderBias = try config.bool("apply_b_dec_to_input") ?? true
        let rescales = try config.bool("rescale_acts_by_decoder_norm") ?? false
        try self.init(
            architecture: architecture, inputSize: inputs, latentCount: latents, k: k,
            appliesDecoderBiasToInput: appliesDecoderBias,
            normalization: Self.normalization(config),
            rescalesActivationsByDecoderNorm: architecture == .topk && rescales,
            hookName: Self.text(["hook_name", "hook_point"], [metadata, config]),
            modelName: Self.text(["model_name"], [metadata, config]),
            encoderWeight: tensor("W_enc", [inputs, latents]),
            encoderBias: architecture == .gated ? [] : tensor("b_enc", [latents]),
            decoderWeight: tensor("W_dec", [latents, inputs]),
            decoderBias: tensor("b_dec", [inputs]),
            threshold: architecture == .jumprelu ? tensor("threshold", [latents]) : nil,
            gate: architecture == .gated
                ? Gate(
                    gateBias: tensor("b_gate", [latents]),
                    magnitudeBias: tensor("b_mag", [latents]),
                    magnitudeScale: tensor("r_mag", [latents])) : nil)
        try validate(name: weights.name)
    }

    private static func floats(
        _ file: SafetensorsFile, _ name: String, _ shape: [Int]
    ) throws(ModelFormatError) -> [Float] {
        let tensor = try file.tensor(name)
        guard tensor.shape == shape, tensor.type.isFloatingPoint else {
            throw malformed(
                file.name, "tensor \(quoted(name))",
                "\(tensor.type.rawValue) of shape \(tensor.shape), cfg.json asks for floating "
                    + "point of shape \(shape)")
        }
        return tensor.floats()
    }

    /// The architecture, and `k` where it is topk. Older files call a topk SAE "standard" with the
    /// activation function topk.
    private static func architecture(
        _ config: JSONFields, latents: Int
    ) throws(ModelFormatError) -> (Architecture, Int?) {
        let name = try config.string("architecture") ?? "standard"
        guard let architecture = Architecture(rawValue: name) else {
            throw config.unsupported(
                "architecture", quoted(name),
                supported: Architecture.allCases.map(\.rawValue).joined(separator: ", "))
        }
        let range = 1...latents
        let newer = try config.string("activation_fn")
        let older = try config.string("activation_fn_str")
        let activation = newer ?? older ?? "relu"
        let arguments = try config.fields("activation_fn_kwargs")
        let argument = try arguments?.integer("k", in: range)
        switch (architecture, activation) {
        case (.topk, _), (.standard, "topk"):
            let k = try config.integer("k", in: range)
            return (.topk, try config.require("k", argument ?? k))
        case (.standard, "relu"), (.jumprelu, _), (.gated, _):
            return (architecture, nil)
        default:
            throw config.unsupported("activation_fn", quoted(activation), supported: "relu, topk")
        }
    }

    private static func normalization(
        _ config: JSONFields
    ) throws(ModelFormatError) -> Normalization {
        let key = "normalize_activations"
        if case .bool(let isOn)? = config[key] { return isOn ? .expectedAverageOnlyIn : .none }
        let name = try config.string(key) ?? "none"
        guard let normalization = Normalization(rawValue: name) else {
            throw config.unsupported(
                key, quoted(name),
                supported: Normalization.allCases.map(\.rawValue).joined(separator: ", "))
        }
        return normalization
    }

    private static func refuseUnsupported(_ config: JSONFields) throws(ModelFormatError) {
        if try config.bool("finetuning_scaling_factor") == true {
            throw config.unsupported("finetuning_scaling_factor", "true", supported: "false")
        }
        let reshaping = try config.string("reshape_activations") ?? "none"
        guard reshaping == "none" else {
            throw config.unsupported("reshape_activations", quoted(reshaping), supported: "none")
        }
    }

    private static func text(
        _ keys: [String], _ places: [JSONFields?]
    ) throws(ModelFormatError) -> String {
        for fields in places.compactMap({ $0 }) {
            for key in keys {
                if let text = try fields.string(key) { return text }
            }
        }
        return ""
    }
}
