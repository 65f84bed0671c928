/// What Hugging Face's and llama.cpp's files call a projection.
extension ProjectionSite {
    /// The module's path in `transformers`, for example `model.layers.0.mlp.down_proj`; nil where
    /// the family has no such projection.
    func modulePath(_ architecture: Architecture) -> String? {
        let names = architecture.huggingFace
        guard case .block(let index, let kind) = self else { return names.head }
        return names.projections[kind].map { names.path(index, $0) }
    }

    /// The projection at a path; nil when it is none that we change.
    init?(modulePath path: String, _ architecture: Architecture) {
        let names = architecture.huggingFace
        if path == names.head {
            self = .unembedding
            return
        }
        guard path.hasPrefix(names.prefix + names.block) else { return nil }
        let rest = path.dropFirst((names.prefix + names.block).count)
        guard let end = rest.firstIndex(of: "."), let index = Int(rest[..<end]), index >= 0,
            String(index) == rest[..<end]
        else { return nil }
        let name = String(rest[rest.index(after: end)...])
        guard let kind = architecture.projections.first(where: { names.projections[$0] == name })
        else { return nil }
        self = .block(index, kind)
    }

    /// The weight's name in GGUF; the same for every family.
    var ggufName: String {
        guard case .block(let index, let kind) = self else { return "output.weight" }
        return "blk.\(index).\(Self.ggufNames[kind] ?? "").weight"
    }

    static let ggufNames: [ProjectionKind: String] = [
        .query: "attn_q", .key: "attn_k", .value: "attn_v", .queryKeyValue: "attn_qkv",
        .attentionOutput: "attn_output", .gate: "ffn_gate", .up: "ffn_up", .down: "ffn_down",
    ]
}

extension LowRankDelta {
    /// The same change of a projection whose outputs are stored in another order: row i of B is
    /// what was row `places[i]`.
    func reordered(_ places: [Int]) -> LowRankDelta {
        precondition(places.count == outputs, "LowRankDelta: places of another size")
        var rows: [Float] = []
        rows.reserveCapacity(b.count)
        for place in places { rows += b[place * rank..<(place + 1) * rank] }
        return LowRankDelta(inputs: inputs, outputs: outputs, rank: rank, a: a, b: rows)
    }
}
