import Foundation
import Testing

@testable import ModelFormats

@Suite("PEFT adapters") struct PEFTAdapterTests {
    private let shapes: ProjectionShapes = {
        var shapes = ProjectionShapes()
        (shapes.family, shapes.layers, shapes.hidden) = ("llama", 2, 8)
        (shapes.intermediate, shapes.queries, shapes.keys, shapes.vocabulary) = (12, 8, 4, 30)
        return shapes
    }()

    private static let down = "base_model.model.model.layers.1.mlp.down_proj"
    private static let query = "base_model.model.model.layers.0.self_attn.q_proj"

    private func config(_ changes: [String: Any] = [:]) throws -> [UInt8] {
        let plain: [String: Any] = [
            "peft_type": "LORA", "r": 2, "lora_alpha": 4, "bias": "none", "use_dora": false,
            "modules_to_save": NSNull(), "target_modules": ["down_proj", "q_proj"],
        ]
        return Array(
            try JSONSerialization.data(withJSONObject: plain.merging(changes) { $1 }))
    }

    private func entry(
        _ name: String, _ shape: [Int], _ value: (Int) -> Float = { Float($0) / 8 - 1 }
    ) -> SafetensorsWriter.Entry {
        .floats(name, shape: shape, (0..<shape.reduce(1, *)).map(value))
    }

    private func pair(_ stem: String, _ inputs: Int, _ outputs: Int, rank: Int = 2)
        -> [SafetensorsWriter.Entry]
    {
        [
            entry(stem + ".lora_A.weight", [rank, inputs]),
            entry(stem + ".lora_B.weight", [outputs, rank]),
        ]
    }

    private func read(
        _ changes: [String: Any] = [:], _ entries: [SafetensorsWriter.Entry]
    ) throws -> PEFTAdapter {
        try PEFTAdapter(
            config: try config(changes), weights: try SafetensorsWriter.serialize(entries),
            shapes: shapes)
    }

    private func refusal(
        _ changes: [String: Any] = [:], _ entries: [SafetensorsWriter.Entry]? = nil
    ) -> String {
        do {
            _ = try read(changes, entries ?? pair(Self.down, 12, 8))
            return ""
        } catch { return "\(error)" }
    }

    @Test("A header longer than the core's projections need is refused, that of all of them read")
    func headerBounds() throws {
        var large = shapes
        (large.layers, large.hidden, large.intermediate) = (126, 1, 1)
        (large.queries, large.keys, large.vocabulary) = (1, 1, 1)
        let sites = (0..<126).flatMap { block in
            ProjectionKind.allCases.map { ProjectionSite.block(block, $0) }
        }
        let delta = LowRankDelta(inputs: 1, outputs: 1, rank: 1, a: [1], b: [1])
        let all = Dictionary(
            uniqueKeysWithValues: (sites + [.unembedding]).filter { large.size(of: $0) != nil }
                .map { ($0, delta) })
        let files = try PEFTAdapter(deltas: all)
            .files(shapes: large, baseModel: "large", metadata: [:])
        let read = try PEFTAdapter(
            config: files[0].bytes, weights: files[1].bytes, shapes: large)
        #expect(read.deltas.count == 126 * 7 + 1)

        let reason = refusal(
            [:], (0..<1_000).map { entry("base_model.model.\($0)" + Self.down, [1]) })
        #expect(reason.contains("the header's length"), "\(reason)")
    }

    @Test("The scale is alpha over r, or over its root, by module where a pattern says so")
    func scales() throws {
        let entries = pair(Self.down, 12, 8) + pair(Self.query, 8, 8, rank: 3)
        let pattern: [String: Any] = ["rank_pattern": ["self_attn.q_proj": 3]]
        let plain = try read(pattern, entries)
        let (down, query) = (ProjectionSite.block(1, .down), ProjectionSite.block(0, .query))
        #expect(Set(plain.deltas.keys) == [down, query])
        #expect(plain.deltas[down]?.b[1] == (1.0 / 8 - 1) * 2)
        #expect(plain.deltas[query]?.b[1] == (1.0 / 8 - 1) * Float(4.0 / 3))
        #expect(plain.deltas[query]?.a[1] == 1.0 / 8 - 1)
        let root = try read(pattern.merging(["use_rslora": true]) { $1 }, entries)
        #expect(root.deltas[down]?.b[1] == (1.0 / 8 - 1) * Float(4 / 2.0.squareRoot()))
        let alpha = try read(
            pattern.merging(["alpha_pattern": ["model.layers.1.mlp.down_proj": 1]]) { $1 }, entries)
        let half = try #require(alpha.deltas[down]).b[1]
        #expect(half == -0.4375)
        #expect(alpha.deltas[query] == plain.deltas[query])
    }

    @Test("Patterns are PEFT's regular expressions, tried in their order; others are no matter")
    func patterns() throws {
        let entries = pair(Self.down, 12, 8) + pair(Self.query, 8, 8, rank: 3)
        let (down, query) = (ProjectionSite.block(1, .down), ProjectionSite.block(0, .query))
        for key in [
            "^model.layers.0.self_attn.q_proj", #"model\.layers\.0\.self_attn\.q_proj"#,
            #".*\.(q|v)_proj"#, #"layers\.\d+\.self_attn\..*"#,
        ] {
            let read = try read(["rank_pattern": [key: 3]], entries)
            #expect(read.deltas[query]?.rank == 3 && read.deltas[down]?.rank == 2)
        }
        for key in ["proj", "base_model.model.model.layers.1.mlp.down_proj", "^layers.1", "Down.*"]
        {
            let read = try read(["rank_pattern": [key: 64]], pair(Self.down, 12, 8))
            #expect(read.deltas[down]?.rank == 2)
        }
        let steps = Dictionary(
            uniqueKeysWithValues: (0..<40).map { ("(a\($0)|b{9}){20}", 3) })
        #expect(refusal(["alpha_pattern": steps]).contains("steps"))
    }

    @Test("A copy of the core's own matrix beside the adapter is passed over, another is refused")
    func copies() throws {
        let names = [
            "lm_head.base_layer.weight", "lm_head.weight", "model.embed_tokens.weight",
            "model.embed_tokens.base_layer.weight",
        ]
        for name in names {
            let copy = entry("base_model.model." + name, [30, 8])
            let weights = try SafetensorsWriter.serialize(pair(Self.down, 12, 8) + [copy])
            func read(_ isCopy: PEFTAdapter.CopyCheck) throws -> PEFTAdapter {
                try PEFTAdapter(
                    config: config(), weights: weights, shapes: shapes, isCopy: isCopy)
            }
            let wanted: PEFTAdapter.BaseMatrix =
                name.hasPrefix("lm_head") ? .unembedding : .embedding
            let adapter = try read { $1 == wanted && $0.shape == [30, 8] }
            #expect(adapter.deltas.count == 1)
            let error = #expect(throws: ModelFormatError.self) { try read { $1 != wanted } }
            let reason = try #require(error).description
            #expect(reason.contains(name) && reason.contains("differs"))
        }
    }

    @Test("Options that make it more than a sum of products are refused by their key")
    func options() {
        for (key, value) in [
            ("use_dora", true), ("modules_to_save", ["lm_head"]), ("bias", "all"),
            ("lora_bias", true), ("layer_replication", [[0, 2]]), ("use_qalora", true),
            ("trainable_token_indices", [1]), ("target_parameters", ["mlp.experts"]),
            ("init_lora_weights", "pissa"), ("peft_type", "IA3"), ("r", 65), ("r", 0),
            ("lora_alpha", "many"), ("lora_alpha", 0), ("use_rslora", 1),
            ("rank_pattern", ["(?=q)": 3]), ("alpha_pattern", ["q": -1]),
            ("loftq_config", ["bits": 4]), ("some_later_option", 3),
        ] as [(String, Any)] {
            let reason = refusal([key: value])
            #expect(reason.contains(key) && reason.contains("adapter_config.json"))
        }
        #expect(refusal().isEmpty)
        #expect(
            refusal(["init_lora_weights": "gaussian", "some_later_option": [String]()]).isEmpty)
    }

    @Test("A configuration of more than a megabyte is refused before it is parsed")
    func size() throws {
        let weights = try SafetensorsWriter.serialize(pair(Self.down, 12, 8))
        let config = try config()
        let limit = 1 << 20
        func padded(to count: Int) -> [UInt8] {
            config + [UInt8](repeating: UInt8(ascii: " "), count: count - config.count)
        }
        #expect(throws: Never.self) {
            try PEFTAdapter(config: padded(to: limit), weights: weights, shapes: shapes)
        }
        let error = #expect(throws: ModelFormatError.self) {
            try PEFTAdapter(config: padded(to: limit + 1), weights: weights, shapes: shapes)
        }
        let reason = try #require(error).description
        #expect(reason.contains("adapter_config.json") && reason.contains("\(limit) bytes"))
    }

    @Test("Tensors that are no plain LoRA of this core are refused by their name")
    func tensors() throws {
        let good = pair(Self.down, 12, 8)
        let stem = "base_model.model.model.layers."
        let strangers: [(String, [SafetensorsWriter.Entry])] = [
            (
                "lora_embedding_A",
                [entry("base_model.model.model.embed_tokens.lora_embedding_A", [2, 30])]
            ),
            ("lora_magnitude_vector", [entry(Self.down + ".lora_magnitude_vector", [8])]),
            ("lora_B.bias", [entry(Self.down + ".lora_B.bias", [8])]),
            ("lm_head.weight", [entry("base_model.model.lm_head.weight", [30, 8])]),
            ("embed_tokens", pair("base_model.model.model.embed_tokens", 30, 8)),
            ("layers.2.mlp", pair(stem + "2.mlp.down_proj", 12, 8)),
            ("layers.-1.mlp", pair(stem + "-1.mlp.down_proj", 12, 8)),
            ("layers.01.mlp", pair(stem + "01.mlp.down_proj", 12, 8)),
            ("c_attn", pair("base_model.model.transformer.h.0.attn.c_attn", 8, 16)),
            ("q_proj", pair(stem + "0.self_attn.q_proj", 12, 8)),
            ("k_proj", pair(stem + "0.self_attn.k_proj", 8, 8)),
            ("up_proj", pair(stem + "0.mlp.up_proj", 8, 12, rank: 3)),
            ("v_proj.lora_B", [entry(stem + "0.self_attn.v_proj.lora_A.weight", [2, 8])]),
            ("v_proj.lora_A", [entry(stem + "0.self_attn.v_proj.lora_B.weight", [4, 2])]),
        ]
        for (name, entries) in strangers {
            let reason = refusal([:], good + entries)
            #expect(reason.contains(name))
        }
        #expect(refusal([:], []).contains("missing"))
        for value in [Float.nan, .infinity] {
            let broken = [
                good[0], entry(Self.down + ".lora_B.weight", [8, 2]) { $0 == 3 ? value : 1 },
            ]
            #expect(refusal([:], broken).contains("NaN"))
        }
        // Finite factors whose scale makes them infinite.
        let great = [good[0], entry(Self.down + ".lora_B.weight", [8, 2]) { _ in 3e38 }]
        #expect(refusal(["lora_alpha": 8], great).contains("times α/r"))
        let whole = SafetensorsWriter.Entry.integers32(
            Self.down + ".lora_B.weight", shape: [8, 2], [Int32](repeating: 1, count: 16))
        #expect(refusal([:], [good[0], whole]).contains("I32"))
    }

    @Test("What is written is read back, in one rank, and the files are the same each time")
    func roundTrip() throws {
        let adapter = try read(
            ["rank_pattern": ["q_proj": 3]],
            pair(Self.down, 12, 8) + pair(Self.query, 8, 8, rank: 3)
                + pair("base_model.model.lm_head", 8, 30))
        let files = try adapter.files(shapes: shapes, baseModel: "tiny", metadata: ["a": "b"])
        let archive = TapeArchive.archive(files)
        let back = try PEFTAdapter(archive: archive, shapes: shapes, name: "it")
        #expect(back.deltas.keys.sorted() == adapter.deltas.keys.sorted())
        for (site, delta) in adapter.deltas {
            #expect(back.deltas[site]?.rank == 3)
            #expect(back.deltas[site]?.product == delta.product)
        }
        let text = String(decoding: files[0].bytes, as: UTF8.self)
        #expect(text.contains("\"model.layers.1.mlp.down_proj\"") && text.contains("\"lm_head\""))
        let again = TapeArchive.archive(
            try adapter.files(shapes: shapes, baseModel: "tiny", metadata: ["a": "b"]))
        #expect(again == archive)
    }

    @Test("An archive without one of the two files, or with one twice, is refused")
    func archives() throws {
        let files = try read([:], pair(Self.down, 12, 8))
            .files(shapes: shapes, baseModel: "tiny", metadata: [:])
        let other = TapeArchive.File(
            path: "checkpoint-1/adapter_config.json", bytes: files[0].bytes)
        for wrong in [[files[0]], [files[1]], [files[0], files[1], other]] {
            #expect(throws: ModelFormatError.self) {
                try PEFTAdapter(
                    archive: TapeArchive.archive(wrong), shapes: shapes, name: "it")
            }
        }
        let moved =
            files.map { TapeArchive.File(path: "my-lora/" + $0.path, bytes: $0.bytes) }
            + [TapeArchive.File(path: "my-lora/README.md", bytes: [1])]
        _ = try PEFTAdapter(archive: TapeArchive.archive(moved), shapes: shapes, name: "it")
    }
}
