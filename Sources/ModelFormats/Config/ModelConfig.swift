public import Foundation

/// The shape of a language model, read from a Hugging Face `config.json` or the metadata of a GGUF
/// file.
///
/// Every number is bounded, so that sizes computed from them cannot overflow. Keys that would run
/// code (`auto_map`) and keys of training are ignored; keys that change the forward pass in a way
/// that is not implemented are refused by name.
public struct ModelConfig: Sendable, Equatable {
    /// The architectures that the inner cortex computes.
    public enum Family: String, Sendable, CaseIterable {
        case llama
        case gpt2
        case qwen2
        case qwen3
        case gemma3
        case gptNeoX = "gpt_neox"
    }

    /// The non-linearity of the feed-forward blocks.
    public enum Activation: String, Sendable {
        /// x·σ(x); before a product with another projection, SwiGLU.
        case silu
        /// x/2·(1 + tanh(√(2/π)·(x + 0.044715·x³))): `gelu_new`, `gelu_pytorch_tanh`, `gelu_fast`.
        case geluTanh
        /// x/2·(1 + erf(x/√2)).
        case gelu
        case relu
    }

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
    /// Width of one head; `headCount`·`headSize` need not be `hiddenSize`.
    public var headSize: Int
    /// Positions that the model was made for.
    public var contextLength: Int
    /// ε of every norm.
    public var normEpsilon: Float
    /// Nil for learned positions (gpt2).
    public var rope: RopeParameters?
    /// Of the blocks with a window, where they have rotary positions of their own (gemma3).
    public var windowRope: RopeParameters?
    /// How much of each head, from its start, the rotary positions turn; even.
    public var rotarySize: Int
    /// For each block, how many of the latest positions a token sees, itself included; nil: all.
    public var windows: [Int?]
    /// What q·k is multiplied with before the softmax: 1/√headSize nearly everywhere.
    public var attentionScale: Float
    /// What embeddings are multiplied with: 1 nearly everywhere.
    public var embeddingScale: Float
    /// Whether both parts of a block read its input (gpt_neox), instead of one after the other.
    public var isParallel: Bool
    /// Whether the unembedding is the embedding.
    public var tiesEmbeddings: Bool
    /// Biases on q, k and v.
    public var attentionBias: Bool
    /// A bias on o.
    public var attentionOutputBias: Bool
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
        let supported = Architecture.all.map(\.modelType).joined(separator: ", ")
        guard let typeName = try fields.string("model_type") else {
            throw fields.missing("model_type")
        }
        guard let architecture = Architecture.all.first(where: { $0.modelType == typeName }) else {
            throw fields.unsupported("model_type", quoted(typeName), supported: supported)
        }
        if fields["quantization_config"] != nil {
            throw fields.unsupported(
                "quantization_config", "{…}",
                supported: "weights in F32, F16 or BF16, and quantised ones in GGUF files")
        }
        try self.init(ConfigFields(kind: .huggingFace(fields)), architecture)
    }

    /// Reads the metadata of a GGUF file, and what only its tensors say: the size of the vocabulary,
    /// which biases there are, whether there is an unembedding.
    init(
        metadata: any ConfigValues, of source: any ModelSource
    ) throws(ModelFormatError) {
        let key = "general.architecture"
        let name = try metadata.require(key, try metadata.string(key))
        guard let architecture = Architecture.all.first(where: { $0.ggufName == name }) else {
            var names: [String] = []
            for known in Architecture.all.map(\.ggufName) where !names.contains(known) {
                names.append(known)
            }
            throw metadata.unsupported(
                key, quoted(name), supported: names.joined(separator: ", "))
        }
        try self.init(
            ConfigFields(kind: .gguf(metadata, source, prefix: name)), architecture)
    }
}
