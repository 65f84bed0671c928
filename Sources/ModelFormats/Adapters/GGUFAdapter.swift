/// Adapters for llama.cpp: a LoRA, and a control vector. Names and keys are those that its
/// `convert_lora_to_gguf.py` and `cvector-generator` write and its loaders read.
public enum GGUFAdapter {
    /// A LoRA.
    ///
    /// B has the order of rows that the projection's weights have in GGUF.
    /// - Parameter description: goes to `general.description`, for people.
    /// - Throws: `ModelFormatError` for the unembedding where it is the embedding: llama.cpp has no
    ///   tensor of its own there.
    public static func lora(
        _ deltas: [ProjectionSite: LowRankDelta], config: ModelConfig, name: String,
        description: String
    ) throws(ModelFormatError) -> [UInt8] {
        let architecture = config.family.architecture
        if deltas[.unembedding] != nil, config.tiesEmbeddings {
            throw refusal(
                "a LoRA on \(architecture.huggingFace.head), which this core shares with its "
                    + "embedding", "an unembedding of its own", "Export it as peft.")
        }
        let rank = deltas.values.map(\.rank).max() ?? 1
        var tensors: [GGUFWriter.Tensor] = []
        for site in deltas.keys.sorted() {
            // llama.cpp scales by α/r with each tensor's own r: so all have one.
            guard var delta = deltas[site]?.padded(to: rank) else { continue }
            if case .block(_, let kind) = site, let order = architecture.gguf.orders[kind] {
                let places = order.places(count: delta.outputs, headSize: config.headSize)
                delta = delta.reordered(RowOrder.inverse(of: places))
            }
            tensors.append(
                .init(
                    name: site.ggufName + ".lora_a", shape: [rank, delta.inputs], values: delta.a))
            tensors.append(
                .init(
                    name: site.ggufName + ".lora_b", shape: [delta.outputs, rank],
                    values: delta.b))
        }
        return GGUFWriter.serialize(
            [
                ("general.architecture", .text(architecture.ggufName)),
                ("general.type", .text("adapter")),
                ("general.name", .text(name)), ("general.description", .text(description)),
                ("adapter.type", .text("lora")), ("adapter.lora.alpha", .float(Float(rank))),
            ], tensors)
    }

    /// A direction that joins the residual stream at every position.
    ///
    /// - Parameters:
    ///   - direction: shape [hiddenSize].
    ///   - block: before which it joins. llama.cpp adds after a block, and after the first none.
    /// - Throws: `ModelFormatError` for a block below 2.
    public static func controlVector(
        _ direction: [Float], before block: Int, config: ModelConfig, name: String,
        description: String
    ) throws(ModelFormatError) -> [UInt8] {
        guard block >= 2 else {
            throw refusal(
                "a control vector after the first block", "after the second or a later one",
                "llama.cpp has no direction there: put the rule's layer.block at 2 or above.")
        }
        return GGUFWriter.serialize(
            [
                ("general.architecture", .text("controlvector")),
                ("general.name", .text(name)), ("general.description", .text(description)),
                ("controlvector.model_hint", .text(config.family.architecture.ggufName)),
                ("controlvector.layer_count", .unsigned(1)),
            ],
            [.init(name: "direction.\(block - 1)", shape: [direction.count], values: direction)])
    }

    private static func refusal(
        _ found: String, _ supported: String, _ remedy: String
    ) -> ModelFormatError {
        .unsupported(file: "GGUF", found: found, supported: supported, remedy: remedy)
    }
}
