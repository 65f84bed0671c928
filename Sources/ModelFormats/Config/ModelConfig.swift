public import Foundation

/// The shape of a language model, read from a Hugging Face `config.json`.
///
/// Every number is bounded, so that sizes computed from them cannot overflow. Keys that would run
/// code (`auto_map`) and keys of training are ignored; keys that change the forward pass in a way
/// that is not implemented are refused by name.
public struct ModelConfig: Sendable, Equatable {
    /// The architectures that the inner cortex computes.
    public enum Family: String, Sendable, CaseIterable {
        case llama
        case gpt2
    }

    /// The non-linearity of the feed-forward blocks.
    public enum Activation: String, Sendable {
        /// x·σ(x); in the llama family, the gate of SwiGLU.
        case silu
        /// x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))): `gelu_new`, `gelu_pytorch_tanh`, `gelu_fast`.
        case geluTanh
        /// x/2·(1 + erf(x/√2)).
        case gelu
        case relu
    }

    static let maximumContextLength = 16_777_216
    private static let maximumConfigBytes = 16_000_000

    public var family: Family
    /// Rows of the embedding.
    public var vocabularySize: Int
    /// Width of the residual stream.
    public var hiddenSize: Int
    /// Width of the feed-forward blocks.
    public var intermediateSize: Int
    public var layerCount: Int
    /// Query heads.
    public var headCount: Int
    /// Key and value heads; divides `headCount`.
    public var keyValueHeadCount: Int
    /// Width of one head; `headCount`·`headSize` need not be `hiddenSize` in the llama family.
    public var headSize: Int
    /// Positions that the model was made for.
    public var contextLength: Int
    /// ε of RMSNorm (llama) or LayerNorm (gpt2).
    public var normEpsilon: Float
    /// Nil for learned positions (gpt2).
    public var rope: RopeParameters?
    /// Whether the unembedding is the embedding.
    public var tiesEmbeddings: Bool
    /// Biases on q, k, v and o.
    public var attentionBias: Bool
    public var mlpBias: Bool
    public var activation: Activation
    /// The token put before a text; nil when config.json names none inside the vocabulary.
    public var startOfText: TokenID?
    /// The tokens that end a text; empty when neither config.json nor generation_config.json names
    /// any inside the vocabulary.
    public var endOfText: [TokenID]

    /// Where instruct models say what ends a turn.
    public static let generationFileName = "generation_config.json"

    /// Reads `config.json` of a model's folder, and what ends a text from its
    /// `generation_config.json` where there is one. A token that either file names ends it; nothing
    /// else of the second is read.
    public init(folder: String) throws(ModelFormatError) {
        func contents(_ path: String) throws(ModelFormatError) -> [UInt8] {
            try ByteStorage.contents(of: path, limit: Self.maximumConfigBytes)
        }
        let path = FolderPath.join(folder, "config.json")
        try self.init(bytes: contents(path), name: path)
        let generation = FolderPath.join(folder, Self.generationFileName)
        guard FolderPath.isFile(generation) else { return }
        let fields = try JSONFields(bytes: contents(generation), file: generation)
        for token in try fields.tokens("eos_token_id", vocabularySize)
        where !endOfText.contains(token) {
            endOfText.append(token)
        }
    }

    /// - Parameter name: what errors call the file.
    public init(json: Data, name: String = "config.json") throws(ModelFormatError) {
        try self.init(bytes: Array(json), name: name)
    }

    init(bytes: [UInt8], name: String) throws(ModelFormatError) {
        let fields = try JSONFields(bytes: bytes, file: name)
        let supported = Family.allCases.map(\.rawValue).joined(separator: ", ")
        guard let typeName = try fields.string("model_type") else {
            throw fields.missing("model_type")
        }
        guard let family = Family(rawValue: typeName) else {
            throw fields.unsupported("model_type", quoted(typeName), supported: supported)
        }
        if fields["quantization_config"] != nil {
            throw fields.unsupported(
                "quantization_config", "{…}", supported: "weights in F32, F16 or BF16")
        }
        switch family {
        case .llama: try self.init(llama: fields)
        case .gpt2: try self.init(gpt2: fields)
        }
    }

    private init(llama fields: JSONFields) throws(ModelFormatError) {
        let shape = try Shape(
            fields, vocabulary: "vocab_size", hidden: "hidden_size", layers: "num_hidden_layers",
            heads: "num_attention_heads", context: "max_position_embeddings")
        family = .llama
        vocabularySize = shape.vocabulary
        hiddenSize = shape.hidden
        layerCount = shape.layers
        headCount = shape.heads
        contextLength = shape.context
        intermediateSize = try fields.require(
            "intermediate_size",
            try fields.integer("intermediate_size", in: 1...Shape.maximumIntermediate))
        keyValueHeadCount =
            try fields.integer("num_key_value_heads", in: 1...shape.heads) ?? shape.heads
        guard shape.heads % keyValueHeadCount == 0 else {
            throw fields.indivisible("num_attention_heads", shape.heads, keyValueHeadCount)
        }
        if let explicit = try fields.integer("head_dim", in: 2...Shape.maximumHeadSize) {
            headSize = explicit
        } else {
            headSize = try shape.headSize(fields, "hidden_size")
        }
        guard headSize % 2 == 0 else { throw fields.indivisible("head_dim", headSize, 2) }
        normEpsilon = Float(try fields.number("rms_norm_eps", in: Shape.epsilons) ?? 1e-6)
        rope = try RopeParameters(fields)
        tiesEmbeddings = try fields.bool("tie_word_embeddings") ?? false
        attentionBias = try fields.bool("attention_bias") ?? false
        mlpBias = try fields.bool("mlp_bias") ?? false
        activation = try Activation(fields, "hidden_act", fallback: .silu)
        startOfText = try fields.tokens("bos_token_id", vocabularySize).first
        endOfText = try fields.tokens("eos_token_id", vocabularySize)
    }

    private init(gpt2 fields: JSONFields) throws(ModelFormatError) {
        let shape = try Shape(
            fields, vocabulary: "vocab_size", hidden: "n_embd", layers: "n_layer", heads: "n_head",
            context: "n_positions")
        try Self.refuse(fields, "scale_attn_weights", unless: true)
        try Self.refuse(fields, "scale_attn_by_inverse_layer_idx", unless: false)
        try Self.refuse(fields, "add_cross_attention", unless: false)
        family = .gpt2
        vocabularySize = shape.vocabulary
        hiddenSize = shape.hidden
        layerCount = shape.layers
        headCount = shape.heads
        keyValueHeadCount = shape.heads
        contextLength = shape.context
        headSize = try shape.headSize(fields, "n_embd")
        intermediateSize =
            try fields.integer("n_inner", in: 1...Shape.maximumIntermediate) ?? 4 * shape.hidden
        normEpsilon = Float(try fields.number("layer_norm_epsilon", in: Shape.epsilons) ?? 1e-5)
        rope = nil
        tiesEmbeddings = try fields.bool("tie_word_embeddings") ?? true
        attentionBias = true
        mlpBias = true
        activation = try Activation(fields, "activation_function", fallback: .geluTanh)
        startOfText = try fields.tokens("bos_token_id", vocabularySize).first
        endOfText = try fields.tokens("eos_token_id", vocabularySize)
    }

    private static func refuse(
        _ fields: JSONFields, _ key: String, unless expected: Bool
    ) throws(ModelFormatError) {
        guard let found = try fields.bool(key), found != expected else { return }
        throw fields.unsupported(key, "\(found)", supported: "\(expected)")
    }
}
