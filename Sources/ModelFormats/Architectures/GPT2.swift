extension Architecture {
    static let gpt2 = Architecture(
        family: .gpt2, modelType: "gpt2", ggufName: "gpt2", keys: .gpt2,
        defaults: ConfigDefaults(
            epsilon: 1e-5, innerFactor: 4, ropeTheta: nil, activation: .geluTanh, ties: true,
            attentionBias: true, mlpBias: true),
        normsHaveShift: true, attentionInput: [.queryKeyValue], feedForwardInput: [.up],
        huggingFace: TensorNames(
            prefix: "transformer.", block: "h.", embedding: "wte", positions: "wpe",
            finalNorm: "ln_f", head: "lm_head",
            norms: [.attention: "ln_1", .feedForward: "ln_2"],
            projections: [
                .queryKeyValue: "attn.c_attn", .attentionOutput: "attn.c_proj", .up: "mlp.c_fc",
                .down: "mlp.c_proj",
            ],
            inputsFirst: true),
        complete: { config, fields throws(ModelFormatError) in
            try fields.refuse(ConfigKey("scale_attn_weights", nil), unless: true)
            try fields.refuse(ConfigKey("scale_attn_by_inverse_layer_idx", nil), unless: false)
            try fields.refuse(ConfigKey("add_cross_attention", nil), unless: false)
        })
}

extension ConfigKeys {
    fileprivate static let gpt2: ConfigKeys = {
        var keys = ConfigKeys()
        keys.hidden = ConfigKey("n_embd", "embedding_length")
        keys.intermediate = ConfigKey("n_inner", "feed_forward_length")
        keys.layers = ConfigKey("n_layer", "block_count")
        keys.heads = ConfigKey("n_head", "attention.head_count")
        keys.keyValueHeads = ConfigKey(nil, "attention.head_count_kv")
        keys.headSize = ConfigKey(nil, "attention.key_length")
        keys.context = ConfigKey("n_positions", "context_length")
        keys.epsilon = ConfigKey("layer_norm_epsilon", "attention.layer_norm_epsilon")
        keys.activation = ConfigKey("activation_function", nil)
        keys.attentionBias = ConfigKey(nil, nil)
        keys.mlpBias = ConfigKey(nil, nil)
        return keys
    }()
}
