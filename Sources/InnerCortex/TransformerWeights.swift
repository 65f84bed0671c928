import ModelFormats

/// Scale and, for LayerNorm, shift of a normalisation; in single precision.
struct NormWeights: Sendable {
    /// Shape [hidden].
    let scale: [Float]
    /// Shape [hidden]; nil for RMSNorm.
    let shift: [Float]?
}

/// One Transformer block.
struct LayerWeights: Sendable {
    let attentionNorm: NormWeights
    /// Their outputs, side by side, are queries, keys and values: three matrices (llama) or one
    /// (gpt2).
    let attentionInput: [Projection]
    let attentionOutput: Projection
    let feedForwardNorm: NormWeights
    /// Gate and up (llama) or up (gpt2).
    let feedForwardInput: [Projection]
    let feedForwardOutput: Projection
}

/// All weights of a checkpoint, found by name and checked.
struct TransformerWeights: Sendable {
    /// [vocabulary, hidden].
    let embedding: WeightMatrix
    /// Learned positions, [contextLength, hidden]; nil where positions are rotary.
    let positions: WeightMatrix?
    let layers: [LayerWeights]
    let finalNorm: NormWeights
    /// Its weight is [vocabulary, hidden].
    let unembedding: Projection
    /// Whether the unembedding is the embedding.
    let isTied: Bool

    /// - Throws: `ModelFormatError`, naming the tensor that is missing, of a wrong shape or type,
    ///   or not finite.
    /// - Complexity: reads every weight once, to check it and to copy it into panels.
    init(_ source: any ModelSource, _ config: ModelConfig) throws(ModelFormatError) {
        switch config.family {
        case .llama: try self.init(llama: WeightReader(source, prefix: "model."), config)
        case .gpt2: try self.init(gpt2: WeightReader(source, prefix: "transformer."), config)
        }
    }

    private init(llama reader: WeightReader, _ config: ModelConfig) throws(ModelFormatError) {
        let hidden = config.hiddenSize
        let queries = config.headCount * config.headSize
        let keys = config.keyValueHeadCount * config.headSize
        embedding = try reader.matrix(
            "embed_tokens.weight", inputs: hidden, outputs: config.vocabularySize)
        positions = nil
        var layers: [LayerWeights] = []
        for index in 0..<config.layerCount {
            func attention(
                _ name: String, _ inputs: Int, _ outputs: Int
            ) throws(ModelFormatError) -> Projection {
                try reader.projection(
                    "layers.\(index).self_attn.\(name)_proj", inputs: inputs, outputs: outputs,
                    hasBias: config.attentionBias)
            }
            func feedForward(
                _ name: String, _ inputs: Int, _ outputs: Int
            ) throws(ModelFormatError) -> Projection {
                try reader.projection(
                    "layers.\(index).mlp.\(name)_proj", inputs: inputs, outputs: outputs,
                    hasBias: config.mlpBias)
            }
            layers.append(
                LayerWeights(
                    attentionNorm: try reader.norm(
                        "layers.\(index).input_layernorm", hidden, hasShift: false),
                    attentionInput: [
                        try attention("q", hidden, queries), try attention("k", hidden, keys),
                        try attention("v", hidden, keys),
                    ],
                    attentionOutput: try attention("o", queries, hidden),
                    feedForwardNorm: try reader.norm(
                        "layers.\(index).post_attention_layernorm", hidden, hasShift: false),
                    feedForwardInput: [
                        try feedForward("gate", hidden, config.intermediateSize),
                        try feedForward("up", hidden, config.intermediateSize),
                    ],
                    feedForwardOutput: try feedForward("down", config.intermediateSize, hidden)))
        }
        self.layers = layers
        finalNorm = try reader.norm("norm", hidden, hasShift: false)
        let (head, isTied) = try Self.head(reader.unprefixed, config, embedding)
        (unembedding, self.isTied) = (Projection(head), isTied)
    }

    private init(gpt2 reader: WeightReader, _ config: ModelConfig) throws(ModelFormatError) {
        let hidden = config.hiddenSize
        embedding = try reader.matrix("wte.weight", inputs: hidden, outputs: config.vocabularySize)
        positions = try reader.matrix("wpe.weight", inputs: hidden, outputs: config.contextLength)
        var layers: [LayerWeights] = []
        for index in 0..<config.layerCount {
            func projection(
                _ name: String, _ inputs: Int, _ outputs: Int
            ) throws(ModelFormatError) -> Projection {
                try reader.projection(
                    "h.\(index).\(name)", inputs: inputs, outputs: outputs, hasBias: true,
                    layout: .inputsFirst)
            }
            layers.append(
                LayerWeights(
                    attentionNorm: try reader.norm("h.\(index).ln_1", hidden, hasShift: true),
                    attentionInput: [try projection("attn.c_attn", hidden, 3 * hidden)],
                    attentionOutput: try projection("attn.c_proj", hidden, hidden),
                    feedForwardNorm: try reader.norm("h.\(index).ln_2", hidden, hasShift: true),
                    feedForwardInput: [
                        try projection("mlp.c_fc", hidden, config.intermediateSize)
                    ],
                    feedForwardOutput: try projection(
                        "mlp.c_proj", config.intermediateSize, hidden)))
        }
        self.layers = layers
        finalNorm = try reader.norm("ln_f", hidden, hasShift: true)
        let (head, isTied) = try Self.head(reader.unprefixed, config, embedding)
        (unembedding, self.isTied) = (Projection(head), isTied)
    }

    /// The stored head, or the embedding where config.json ties them and no other head is stored: a
    /// checkpoint with a head of its own was trained with it, whatever its configuration says.
    private static func head(
        _ reader: WeightReader, _ config: ModelConfig, _ embedding: WeightMatrix
    ) throws(ModelFormatError) -> (WeightMatrix, isTied: Bool) {
        let name = "lm_head.weight"
        if config.tiesEmbeddings, !reader.has(name) { return (embedding, true) }
        let stored = try reader.matrix(
            name, inputs: config.hiddenSize, outputs: config.vocabularySize)
        guard config.tiesEmbeddings, stored.tensor.isCopy(of: embedding.tensor) else {
            return (stored, false)
        }
        return (embedding, true)
    }
}
