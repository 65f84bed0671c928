/// What Hugging Face's and llama.cpp's files call a projection.
extension ProjectionSite {
    /// The module's path in `transformers`, for example `model.layers.0.mlp.down_proj`; nil where
    /// the family has no such projection.
    func modulePath(_ family: ModelConfig.Family) -> String? {
        guard case .block(let index, let kind) = self else { return "lm_head" }
        switch family {
        case .llama:
            guard let name = Self.llama[kind] else { return nil }
            return "model.layers.\(index).\(name)"
        case .gpt2:
            guard let name = Self.gpt2[kind] else { return nil }
            return "transformer.h.\(index).\(name)"
        }
    }

    /// The projection at a path; nil when it is none that we change.
    init?(modulePath path: String, _ family: ModelConfig.Family) {
        if path == "lm_head" {
            self = .unembedding
            return
        }
        let parts = path.split(separator: ".", omittingEmptySubsequences: false)
        let head = family == .llama ? ["model", "layers"] : ["transformer", "h"]
        guard parts.count > 3, parts.prefix(2).map(String.init) == head,
            let index = Int(parts[2]), index >= 0, String(index) == parts[2]
        else { return nil }
        let name = parts.dropFirst(3).joined(separator: ".")
        let names = family == .llama ? Self.llama : Self.gpt2
        guard let kind = ProjectionKind.allCases.first(where: { names[$0] == name }) else {
            return nil
        }
        self = .block(index, kind)
    }

    /// The weight's name in GGUF; the same for every family.
    var ggufName: String {
        guard case .block(let index, let kind) = self else { return "output.weight" }
        return "blk.\(index).\(Self.gguf[kind] ?? "").weight"
    }

    private static let llama: [ProjectionKind: String] = [
        .query: "self_attn.q_proj", .key: "self_attn.k_proj", .value: "self_attn.v_proj",
        .attentionOutput: "self_attn.o_proj", .gate: "mlp.gate_proj", .up: "mlp.up_proj",
        .down: "mlp.down_proj",
    ]
    private static let gpt2: [ProjectionKind: String] = [
        .queryKeyValue: "attn.c_attn", .attentionOutput: "attn.c_proj", .up: "mlp.c_fc",
        .down: "mlp.c_proj",
    ]
    private static let gguf: [ProjectionKind: String] = [
        .query: "attn_q", .key: "attn_k", .value: "attn_v", .queryKeyValue: "attn_qkv",
        .attentionOutput: "attn_output", .gate: "ffn_gate", .up: "ffn_up", .down: "ffn_down",
    ]
}
