extension Architecture {
    /// Gemma 3's language model. Five of six blocks have a window, and rotary positions of their own.
    static let gemma3 = Architecture(
        family: .gemma3, modelType: "gemma3_text", ggufName: "gemma3", keys: .gemma3,
        defaults: ConfigDefaults(
            headSize: 256, ropeTheta: 1e6, activation: .geluTanh, ties: true),
        huggingFace: {
            var names = TensorNames.llama
            names.norms = [
                .attention: "input_layernorm", .query: "self_attn.q_norm",
                .key: "self_attn.k_norm", .attentionOutput: "post_attention_layernorm",
                .feedForward: "pre_feedforward_layernorm",
                .feedForwardOutput: "post_feedforward_layernorm",
            ]
            // x/rms(x)·(1 + w); llama.cpp's converter adds the 1.
            names.normOffset = 1
            return names
        }(),
        complete: { config, fields throws(ModelFormatError) in
            for key in ["final_logit_softcapping", "attn_logit_softcapping"] {
                let key = ConfigKey(key, key == "final_logit_softcapping" ? key : nil)
                if let cap = try fields.number(key, in: 0...1e6), cap != 0 {
                    throw fields.values.unsupported(
                        fields.name(key) ?? "", "\(cap)", supported: "none")
                }
            }
            try fields.refuse(ConfigKey("use_bidirectional_attention", nil), unless: false)
            // In single precision, as we compute: `transformers` rounds it to the weights' type.
            config.embeddingScale = Float(config.hiddenSize).squareRoot()
            config.attentionScale = 1 / (try fields.queryScalar(config)).squareRoot()
            config.windows = try fields.windows(.pattern(period: 6), config)
            (config.rope, config.windowRope) = try fields.gemma3Rotations(config.rope)
        })
}

extension ConfigKeys {
    fileprivate static let gemma3: ConfigKeys = {
        var keys = ConfigKeys()
        keys.activation = ConfigKey("hidden_activation", nil)
        return keys
    }()
}

extension ConfigFields {
    /// What scores are divided by the root of. GGUF files do not have it: llama.cpp takes the size of
    /// a head, but for the largest model, which has 62 blocks.
    fileprivate func queryScalar(_ config: ModelConfig) throws(ModelFormatError) -> Float {
        let key = ConfigKey("query_pre_attn_scalar", nil)
        if let stated = try number(key, in: 1...1e6) { return Float(stated) }
        if case .huggingFace = kind { return 256 }
        return Float(
            config.layerCount == 62 ? config.hiddenSize / config.headCount : config.headSize)
    }

    /// The rotary positions of blocks without and with a window.
    ///
    /// - Parameter flat: what the keys say that other families have, too.
    fileprivate func gemma3Rotations(
        _ flat: RopeParameters?
    ) throws(ModelFormatError) -> (RopeParameters?, RopeParameters) {
        let local = ConfigKey("rope_local_base_freq", "rope.freq_base_swa")
        let window = RopeParameters(
            theta: try number(local, in: RopeParameters.thetas) ?? 10_000)
        // transformers 5 nests both by the type of the block.
        guard case .huggingFace(let json) = kind, let both = try json.fields("rope_parameters"),
            both["full_attention"] != nil || both["sliding_attention"] != nil
        else { return (flat, window) }
        func nested(
            _ key: String, _ fallback: Double
        ) throws(ModelFormatError) -> RopeParameters {
            guard let fields = try both.fields(key) else { return RopeParameters(theta: fallback) }
            return RopeParameters(
                theta: try fields.number("rope_theta", in: RopeParameters.thetas) ?? fallback,
                scaling: try RopeParameters.scaling(fields))
        }
        return (try nested("full_attention", 1e6), try nested("sliding_attention", 10_000))
    }
}
