extension Architecture {
    /// Qwen 3, dense: llama's form, with a norm on each head's queries and keys.
    static let qwen3 = Architecture(
        family: .qwen3, modelType: "qwen3", ggufName: "qwen3",
        defaults: ConfigDefaults(headSize: 128),
        huggingFace: {
            var names = TensorNames.llama
            names.norms[.query] = "self_attn.q_norm"
            names.norms[.key] = "self_attn.k_norm"
            return names
        }(),
        complete: { config, fields throws(ModelFormatError) in
            try fields.refusePartialRotation()
            config.windows = try fields.windows(.upper, config)
        })
}
