extension Architecture {
    /// Qwen 2 and 2.5: llama's form, with biases on q, k and v, and on nothing else.
    static let qwen2 = Architecture(
        family: .qwen2, modelType: "qwen2", ggufName: "qwen2", keys: .qwen2,
        defaults: ConfigDefaults(attentionBias: true), huggingFace: .llama,
        complete: { config, fields throws(ModelFormatError) in
            try fields.refusePartialRotation()
            config.attentionOutputBias = false
            config.windows = try fields.windows(.upper, config)
        })
}

extension ConfigKeys {
    fileprivate static let qwen2: ConfigKeys = {
        var keys = ConfigKeys()
        keys.headSize = ConfigKey(nil, "attention.key_length")
        keys.attentionBias = ConfigKey(nil, nil)
        keys.mlpBias = ConfigKey(nil, nil)
        return keys
    }()
}
