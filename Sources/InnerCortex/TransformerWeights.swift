import Kernels
import ModelFormats

/// Scale and, for LayerNorm, shift of a normalisation; in single precision.
struct NormWeights: Sendable {
    /// Shape [hidden], or [headSize].
    let scale: [Float]
    /// As `scale`; nil for RMSNorm.
    let shift: [Float]?
}

/// One Transformer block: what its family has of these parts.
struct BlockWeights: Sendable {
    let attentionNorm: NormWeights
    /// Their outputs, side by side, are queries, keys and values.
    let attentionInput: [Projection]
    /// Of each head's queries and keys.
    let queryNorm: NormWeights?
    let keyNorm: NormWeights?
    /// One, as products take them.
    let attentionOutput: [Projection]
    let attentionOutputNorm: NormWeights?
    let feedForwardNorm: NormWeights
    /// Gate and up, or up alone.
    let feedForwardInput: [Projection]
    let feedForwardOutput: [Projection]
    let feedForwardOutputNorm: NormWeights?

    init(_ reader: WeightReader, _ index: Int) throws(ModelFormatError) {
        let architecture = reader.config.family.architecture
        func projections(_ kinds: [ProjectionKind]) throws(ModelFormatError) -> [Projection] {
            var all: [Projection] = []
            for kind in kinds { all.append(try reader.projection(kind, of: index)) }
            return all
        }
        func needed(_ place: NormPlace) throws(ModelFormatError) -> NormWeights {
            guard let norm = try reader.norm(place, of: index) else {
                preconditionFailure("every family has this norm")
            }
            return norm
        }
        attentionNorm = try needed(.attention)
        attentionInput = try projections(architecture.attentionInput)
        queryNorm = try reader.norm(.query, of: index)
        keyNorm = try reader.norm(.key, of: index)
        attentionOutput = [try reader.projection(.attentionOutput, of: index)]
        attentionOutputNorm = try reader.norm(.attentionOutput, of: index)
        feedForwardNorm = try needed(.feedForward)
        feedForwardInput = try projections(architecture.feedForwardInput)
        feedForwardOutput = [try reader.projection(.down, of: index)]
        feedForwardOutputNorm = try reader.norm(.feedForwardOutput, of: index)
    }

    var projections: [Projection] {
        attentionInput + attentionOutput + feedForwardInput + feedForwardOutput
    }
}

/// All weights of a model, found by name and checked.
struct TransformerWeights: Sendable {
    /// [vocabulary, hidden].
    let embedding: WeightMatrix
    /// Learned positions, [contextLength, hidden]; nil where positions are rotary.
    let positions: WeightMatrix?
    let blocks: [BlockWeights]
    let finalNorm: NormWeights
    /// Its weight is [vocabulary, hidden].
    let unembedding: Projection
    /// It alone, as products take them.
    let head: [Projection]
    /// Whether the unembedding is the embedding.
    let isTied: Bool

    /// - Throws: `ModelFormatError`, naming the tensor that is missing, of a wrong shape or type,
    ///   or not finite.
    /// - Complexity: reads every weight once, to check it and to copy it into panels.
    init(_ source: any ModelSource, _ config: ModelConfig) throws(ModelFormatError) {
        let reader = WeightReader(source, config)
        embedding = try reader.embedding()
        positions = try reader.positions()
        var blocks: [BlockWeights] = []
        for index in 0..<config.layerCount { blocks.append(try BlockWeights(reader, index)) }
        self.blocks = blocks
        finalNorm = try reader.finalNorm()
        let (head, isTied) = try reader.head(embedding)
        (unembedding, self.isTied) = (Projection(.unembedding, head), isTied)
        self.head = [unembedding]
    }

    /// Keys and values are kept no more coarsely than the weights that make them: else those of a
    /// core in single precision would be what limits it.
    var keyValuePrecision: KeyValuePrecision {
        let isSingle = blocks.contains { block in
            block.attentionInput.contains { $0.weight.encoding == .float32 }
        }
        return isSingle ? .single : .half
    }
}
