extension Architecture {
    /// Llama 2 and 3, SmolLM, TinyLlama and whatever else is of this form.
    static let llama = Architecture(
        family: .llama, modelType: "llama", ggufName: "llama", huggingFace: .llama,
        ggufOrders: [.query: .neighbouringPairs, .key: .neighbouringPairs],
        complete: { config, fields throws(ModelFormatError) in
            try fields.refusePartialRotation()
        })
}

extension TensorNames {
    /// What most later families call theirs, too.
    static let llama = TensorNames(
        prefix: "model.", block: "layers.", embedding: "embed_tokens", finalNorm: "norm",
        head: "lm_head",
        norms: [.attention: "input_layernorm", .feedForward: "post_attention_layernorm"],
        projections: [
            .query: "self_attn.q_proj", .key: "self_attn.k_proj", .value: "self_attn.v_proj",
            .attentionOutput: "self_attn.o_proj", .gate: "mlp.gate_proj", .up: "mlp.up_proj",
            .down: "mlp.down_proj",
        ])
}

extension ConfigFields {
    /// Refuses what a family's rotary positions do not have in `transformers`.
    func refusePartialRotation() throws(ModelFormatError) {
        guard case .huggingFace(let json) = kind else { return }
        let key = "partial_rotary_factor"
        for fields in [json, try json.fields("rope_parameters"), try json.fields("rope_scaling")] {
            guard let fields, let share = try fields.number(key, in: 0...1), share != 1 else {
                continue
            }
            throw fields.unsupported(key, "\(share)", supported: "1")
        }
    }
}
