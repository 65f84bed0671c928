extension Architecture {
    /// Pythia and others: both parts of a block read its input, a part of each head is turned.
    static let gptNeoX = Architecture(
        family: .gptNeoX, modelType: "gpt_neox", ggufName: "gptneox", keys: .gptNeoX,
        defaults: ConfigDefaults(
            epsilon: 1e-5, activation: .gelu, attentionBias: true, mlpBias: true),
        normsHaveShift: true, attentionInput: [.queryKeyValue], feedForwardInput: [.up],
        huggingFace: TensorNames(
            prefix: "gpt_neox.", block: "layers.", embedding: "embed_in",
            finalNorm: "final_layer_norm", head: "embed_out",
            norms: [.attention: "input_layernorm", .feedForward: "post_attention_layernorm"],
            projections: [
                .queryKeyValue: "attention.query_key_value", .attentionOutput: "attention.dense",
                .up: "mlp.dense_h_to_4h", .down: "mlp.dense_4h_to_h",
            ],
            orders: [.queryKeyValue: .partsByHead]),
        complete: { config, fields throws(ModelFormatError) in
            let parallel = ConfigKey("use_parallel_residual", "use_parallel_residual")
            config.isParallel = try fields.bool(parallel) ?? true
            try fields.readPartialRotation(&config)
        })
}

extension ConfigKeys {
    fileprivate static let gptNeoX: ConfigKeys = {
        var keys = ConfigKeys()
        keys.keyValueHeads = ConfigKey(nil, nil)
        keys.headSize = ConfigKey(nil, nil)
        keys.epsilon = ConfigKey("layer_norm_eps", "attention.layer_norm_epsilon")
        keys.mlpBias = ConfigKey(nil, nil)
        keys.ropeTheta = ConfigKey("rotary_emb_base", "rope.freq_base")
        return keys
    }()
}

extension ConfigFields {
    /// The share of each head that is turned; in GGUF it is a size, like other families'.
    fileprivate func readPartialRotation(
        _ config: inout ModelConfig
    ) throws(ModelFormatError) {
        guard case .huggingFace(let json) = kind else { return }
        let scaling = try json.fields("rope_scaling")
        let nested = try json.fields("rope_parameters") ?? scaling
        let newer = try nested?.number("partial_rotary_factor", in: 0...1)
        let older = try json.number("rotary_pct", in: 0...1)
        config.rotarySize = Int(Double(config.headSize) * (newer ?? older ?? 0.25))
        guard config.rotarySize >= 2, config.rotarySize % 2 == 0 else {
            throw .outOfBounds(
                file: json.file, location: "rotary_pct", found: "\(newer ?? older ?? 0.25)",
                allowed: "an even number of the head's \(config.headSize) dimensions",
                remedy: "Correct the file.")
        }
    }
}
