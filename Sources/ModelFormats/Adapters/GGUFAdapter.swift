/// Adapters for llama.cpp: a LoRA, and a control vector. Names and keys are those that its
/// `convert_lora_to_gguf.py` and `cvector-generator` write and its loaders read.
public enum GGUFAdapter {
    /// A LoRA of the llama family.
    ///
    /// B of queries and keys is permuted row-wise within each head, since llama.cpp turns neighbouring
    /// dimensions of a head where Hugging Face turns its halves.
    /// - Parameter description: goes to `general.description`, for people.
    /// - Throws: `ModelFormatError` for another family, and for `lm_head` where it is the
    ///   embedding: llama.cpp has no tensor of its own there.
    public static func lora(
        _ deltas: [ProjectionSite: LowRankDelta], config: ModelConfig, name: String,
        description: String
    ) throws(ModelFormatError) -> [UInt8] {
        try requireLlama(config)
        if deltas[.unembedding] != nil, config.tiesEmbeddings {
            throw refusal(
                "a LoRA on lm_head, which this core shares with its embedding",
                "lm_head of its own", "Export it as peft.")
        }
        let rank = deltas.values.map(\.rank).max() ?? 1
        var tensors: [GGUFWriter.Tensor] = []
        for site in deltas.keys.sorted() {
            // llama.cpp scales by α/r with each tensor's own r: so all have one.
            guard let delta = deltas[site]?.padded(to: rank) else { continue }
            var b = delta.b
            if case .block(_, let kind) = site, kind == .query || kind == .key {
                let heads = kind == .query ? config.headCount : config.keyValueHeadCount
                b = permuted(b, heads: heads, rank: rank)
            }
            tensors.append(
                .init(
                    name: site.ggufName + ".lora_a", shape: [rank, delta.inputs], values: delta.a))
            tensors.append(
                .init(name: site.ggufName + ".lora_b", shape: [delta.outputs, rank], values: b))
        }
        return GGUFWriter.serialize(
            [
                ("general.architecture", .text("llama")), ("general.type", .text("adapter")),
                ("general.name", .text(name)), ("general.description", .text(description)),
                ("adapter.type", .text("lora")), ("adapter.lora.alpha", .float(Float(rank))),
            ], tensors)
    }

    /// A direction that joins the residual stream at every position.
    ///
    /// - Parameters:
    ///   - direction: shape [hiddenSize].
    ///   - block: before which it joins. llama.cpp adds after a block, and after the first none.
    /// - Throws: `ModelFormatError` for another family, and for a block below 2.
    public static func controlVector(
        _ direction: [Float], before block: Int, config: ModelConfig, name: String,
        description: String
    ) throws(ModelFormatError) -> [UInt8] {
        try requireLlama(config)
        guard block >= 2 else {
            throw refusal(
                "a control vector after the first block", "after the second or a later one",
                "llama.cpp has no direction there: put the rule's layer.block at 2 or above.")
        }
        return GGUFWriter.serialize(
            [
                ("general.architecture", .text("controlvector")),
                ("general.name", .text(name)), ("general.description", .text(description)),
                ("controlvector.model_hint", .text("llama")),
                ("controlvector.layer_count", .unsigned(1)),
            ],
            [.init(name: "direction.\(block - 1)", shape: [direction.count], values: direction)])
    }

    /// Rows (head, half, index) in the order (head, index, half).
    private static func permuted(_ b: [Float], heads: Int, rank: Int) -> [Float] {
        let half = b.count / rank / heads / 2
        var result: [Float] = []
        result.reserveCapacity(b.count)
        for head in 0..<heads {
            for index in 0..<half {
                for part in 0..<2 {
                    let row = (head * 2 + part) * half + index
                    result += b[row * rank..<(row + 1) * rank]
                }
            }
        }
        return result
    }

    private static func requireLlama(_ config: ModelConfig) throws(ModelFormatError) {
        guard config.family == .llama else {
            throw refusal(
                "a GGUF adapter for the family \(config.family.rawValue)", "llama",
                "Export it as peft.")
        }
    }

    private static func refusal(
        _ found: String, _ supported: String, _ remedy: String
    ) -> ModelFormatError {
        .unsupported(file: "GGUF", found: found, supported: supported, remedy: remedy)
    }
}
