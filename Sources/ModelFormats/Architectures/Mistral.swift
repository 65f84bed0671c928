extension Architecture {
    /// Llama's form, with a window. llama.cpp has no name of its own for it, and no window.
    static let mistral = Architecture(
        family: .llama, modelType: "mistral", ggufName: "llama", huggingFace: .llama,
        complete: { config, fields throws(ModelFormatError) in
            try fields.refusePartialRotation()
            config.windows = try fields.windows(.all(fallback: 4_096), config)
        })
}
