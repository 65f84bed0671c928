/// The names of one value in both kinds of files; nil where a kind has no such.
struct ConfigKey: Sendable {
    let huggingFace: String?
    /// Without the architecture's name that most keys begin with; those of the tokenizer are whole.
    let gguf: String?

    init(_ huggingFace: String?, _ gguf: String?) {
        self.huggingFace = huggingFace
        self.gguf = gguf
    }
}

/// Where a family's configuration is: the names of llama, and whatever others call differently.
struct ConfigKeys: Sendable {
    var vocabulary = ConfigKey("vocab_size", nil)
    var hidden = ConfigKey("hidden_size", "embedding_length")
    var intermediate = ConfigKey("intermediate_size", "feed_forward_length")
    var layers = ConfigKey("num_hidden_layers", "block_count")
    var heads = ConfigKey("num_attention_heads", "attention.head_count")
    var keyValueHeads = ConfigKey("num_key_value_heads", "attention.head_count_kv")
    var headSize = ConfigKey("head_dim", "attention.key_length")
    var valueSize = ConfigKey(nil, "attention.value_length")
    var context = ConfigKey("max_position_embeddings", "context_length")
    var epsilon = ConfigKey("rms_norm_eps", "attention.layer_norm_rms_epsilon")
    var activation = ConfigKey("hidden_act", nil)
    var ties = ConfigKey("tie_word_embeddings", nil)
    var attentionBias = ConfigKey("attention_bias", nil)
    var mlpBias = ConfigKey("mlp_bias", nil)
    var ropeTheta = ConfigKey("rope_theta", "rope.freq_base")
    var rotarySize = ConfigKey(nil, "rope.dimension_count")
    var experts = ConfigKey("num_local_experts", "expert_count")
    var startOfText = ConfigKey("bos_token_id", "tokenizer.ggml.bos_token_id")
    var endOfText = [
        ConfigKey("eos_token_id", "tokenizer.ggml.eos_token_id"),
        ConfigKey(nil, "tokenizer.ggml.eot_token_id"),
        ConfigKey(nil, "tokenizer.ggml.eom_token_id"),
    ]
}

/// What holds in a family where its files do not say.
struct ConfigDefaults: Sendable {
    var epsilon = 1e-6
    /// Nil: heads share the hidden size.
    var headSize: Int?
    /// Of the hidden size; nil where the inner size must be stated.
    var innerFactor: Int?
    /// Nil for learned positions.
    var ropeTheta: Double? = 10_000
    var activation = ModelConfig.Activation.silu
    var ties = false
    var attentionBias = false
    var mlpBias = false
}

/// Typed, bounded reading of a configuration's values by key, with errors that name file and key:
/// a JSON object, or the metadata of a GGUF file.
protocol ConfigValues: Sendable {
    var file: String { get }
    func integer(_ key: String, in range: ClosedRange<Int>) throws(ModelFormatError) -> Int?
    func number(_ key: String, in range: ClosedRange<Double>) throws(ModelFormatError) -> Double?
    func bool(_ key: String) throws(ModelFormatError) -> Bool?
    func string(_ key: String) throws(ModelFormatError) -> String?
    func require<Value>(_ key: String, _ value: Value?) throws(ModelFormatError) -> Value
    func unsupported(_ key: String, _ found: String, supported: String) -> ModelFormatError
}

/// A configuration under the names of its kind of file.
struct ConfigFields: Sendable {
    enum Kind: Sendable {
        case huggingFace(JSONFields)
        /// Beside the metadata, what only the tensors say.
        case gguf(any ConfigValues, any ModelSource, prefix: String)
    }

    let kind: Kind

    /// The values without the part of them that only one kind has.
    var values: any ConfigValues {
        switch kind {
        case .huggingFace(let fields): fields
        case .gguf(let metadata, _, _): metadata
        }
    }

    /// The key as this kind of file has it.
    func name(_ key: ConfigKey) -> String? {
        switch kind {
        case .huggingFace: return key.huggingFace
        case .gguf(_, _, let prefix):
            return key.gguf.map { $0.hasPrefix("tokenizer.") ? $0 : "\(prefix).\($0)" }
        }
    }

    func integer(_ key: ConfigKey, in range: ClosedRange<Int>) throws(ModelFormatError) -> Int? {
        guard let name = name(key) else { return nil }
        return try values.integer(name, in: range)
    }

    func number(
        _ key: ConfigKey, in range: ClosedRange<Double>
    ) throws(ModelFormatError) -> Double? {
        guard let name = name(key) else { return nil }
        return try values.number(name, in: range)
    }

    func bool(_ key: ConfigKey) throws(ModelFormatError) -> Bool? {
        guard let name = name(key) else { return nil }
        return try values.bool(name)
    }

    /// - Precondition: this kind of file has the key.
    func size(_ key: ConfigKey, _ limit: Int) throws(ModelFormatError) -> Int {
        let name = name(key) ?? ""
        return try values.require(name, try values.integer(name, in: 1...limit))
    }

    /// Refuses a switch that changes the forward pass.
    func refuse(_ key: ConfigKey, unless expected: Bool) throws(ModelFormatError) {
        guard let name = name(key), let found = try values.bool(name), found != expected else {
            return
        }
        throw values.unsupported(name, "\(found)", supported: "\(expected)")
    }

    func indivisible(_ key: ConfigKey, _ value: Int, _ divisor: Int) -> ModelFormatError {
        .outOfBounds(
            file: values.file, location: name(key) ?? "a size", found: "\(value)",
            allowed: "a multiple of \(divisor)", remedy: "Correct the file.")
    }
}
