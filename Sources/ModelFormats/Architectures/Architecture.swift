/// What one family of models is: how its configuration is read, what its tensors are called, of
/// which parts a block is made. One value a family; nothing else asks for a model's family.
///
/// A block is, for every family,
///
///     x ← x + post(W_o·attention(q, k, v of norm(x)))
///     x ← x + post(W_down·act(W_gate·norm(x))·(W_up·norm(x)))
///
/// without what the family has no weights for: `post` norms, norms of queries and keys by head, the
/// gate. Both lines take the same x where the configuration says that they are parallel.
public struct Architecture: Sendable {
    let family: ModelConfig.Family
    /// `model_type` in config.json.
    let modelType: String
    /// `general.architecture` in GGUF, and the prefix of its keys.
    let ggufName: String
    /// What the configuration is read from.
    let keys: ConfigKeys
    /// What holds where the configuration does not say otherwise.
    let defaults: ConfigDefaults
    /// The rest of the configuration: what only this family has, and refusals.
    let complete: @Sendable (inout ModelConfig, ConfigFields) throws(ModelFormatError) -> Void

    /// Whether norms subtract the mean and add a shift (Ba et al. 2016), or only divide by the root
    /// mean square (Zhang and Sennrich 2019).
    public let normsHaveShift: Bool
    /// The projections of a block's input whose outputs, side by side, are queries, keys, values.
    public let attentionInput: [ProjectionKind]
    /// Those of the feed-forward part's input: the gate first, where there is one.
    public let feedForwardInput: [ProjectionKind]
    let huggingFace: TensorNames
    let gguf: TensorNames

    init(
        family: ModelConfig.Family, modelType: String, ggufName: String,
        keys: ConfigKeys = ConfigKeys(), defaults: ConfigDefaults = ConfigDefaults(),
        normsHaveShift: Bool = false,
        attentionInput: [ProjectionKind] = [.query, .key, .value],
        feedForwardInput: [ProjectionKind] = [.gate, .up], huggingFace: TensorNames,
        ggufOrders: [ProjectionKind: RowOrder] = [:],
        complete:
            @escaping @Sendable (
                inout ModelConfig, ConfigFields
            ) throws(ModelFormatError) -> Void = { _, _ throws(ModelFormatError) in }
    ) {
        self.family = family
        self.modelType = modelType
        self.ggufName = ggufName
        self.keys = keys
        self.defaults = defaults
        self.complete = complete
        self.normsHaveShift = normsHaveShift
        self.attentionInput = attentionInput
        self.feedForwardInput = feedForwardInput
        self.huggingFace = huggingFace
        gguf = .gguf(like: huggingFace, orders: ggufOrders)
    }

    public func names(_ naming: TensorNaming) -> TensorNames {
        switch naming {
        case .huggingFace: huggingFace
        case .gguf: gguf
        }
    }

    /// The projections of a block, in the order of a pass.
    var projections: [ProjectionKind] {
        attentionInput + [.attentionOutput] + feedForwardInput + [.down]
    }

    /// Whether the feed-forward part is act(gate)·up.
    public var isGated: Bool { feedForwardInput.contains(.gate) }

    /// Every `model_type` that is read; a family's first is its own.
    static let all: [Architecture] = [
        .llama, .gpt2, .mistral, .qwen2, .qwen3, .gemma3, .gptNeoX,
    ]
}

extension ModelConfig.Family {
    public var architecture: Architecture {
        switch self {
        case .llama: .llama
        case .gpt2: .gpt2
        case .qwen2: .qwen2
        case .qwen3: .qwen3
        case .gemma3: .gemma3
        case .gptNeoX: .gptNeoX
        }
    }
}
