/// What other programs may be given of an engram, and in which file.
public enum AdapterFormat: String, Sendable, CaseIterable {
    /// A tar of `adapter_config.json` and `adapter_model.safetensors`.
    case peft
    /// A LoRA for llama.cpp.
    case ggufLoRA = "gguf"
    /// A control vector for llama.cpp.
    case controlVector = "gguf-control-vector"
}
