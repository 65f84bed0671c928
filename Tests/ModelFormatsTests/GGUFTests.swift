import Foundation
import Testing

@testable import ModelFormats

/// Byte for byte what the package `gguf` writes of the same content (`Fixtures/make_gguf.py`).
@Suite("GGUF adapters") struct GGUFTests {
    private func golden(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return Array(
            try Data(contentsOf: folder.appendingPathComponent("Fixtures/adapters/\(name).gguf")))
    }

    private func config(_ changes: String = "") throws -> ModelConfig {
        try ModelConfig(
            json: Data(
                """
                {"model_type": "llama", "hidden_size": 8, "intermediate_size": 12,
                 "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
                 "max_position_embeddings": 64, "vocab_size": 30\(changes)}
                """.utf8))
    }

    /// 0, 1, 2, … / 16, from a start.
    private func ramp(_ count: Int, from start: Int) -> [Float] {
        (start..<start + count).map { Float($0) / 16 }
    }

    private var deltas: [ProjectionSite: LowRankDelta] {
        [
            .block(2, .down): LowRankDelta(
                inputs: 12, outputs: 8, rank: 2, a: ramp(24, from: 1), b: ramp(16, from: 2)),
            .block(0, .query): LowRankDelta(
                inputs: 8, outputs: 8, rank: 2, a: ramp(16, from: 3), b: ramp(16, from: 4)),
            .block(0, .key): LowRankDelta(
                inputs: 8, outputs: 4, rank: 1, a: ramp(8, from: 5), b: ramp(4, from: 6)),
        ]
    }

    @Test("A LoRA is what gguf writes, with queries and keys permuted by head")
    func lora() throws {
        let found = try GGUFAdapter.lora(
            deltas, config: try config(), name: "tiny", description: "text=session")
        let expected = try golden("lora")
        #expect(found == expected)
    }

    @Test("A control vector is what gguf writes")
    func controlVector() throws {
        let found = try GGUFAdapter.controlVector(
            ramp(8, from: 1), before: 2, config: try config(), name: "tiny", description: "d")
        let expected = try golden("control-vector")
        #expect(found == expected)
    }

    @Test("What llama.cpp has no place for is refused, and it says why")
    func refusals() throws {
        func refusal(_ body: () throws -> Void) -> String {
            do {
                try body()
                return ""
            } catch { return "\(error)" }
        }
        let gpt2 = try ModelConfig(
            json: Data(
                """
                {"model_type": "gpt2", "n_embd": 8, "n_head": 2, "n_layer": 2, "n_positions": 9,
                 "vocab_size": 30}
                """.utf8))
        let head = [
            ProjectionSite.unembedding: LowRankDelta(
                inputs: 8, outputs: 30, rank: 1, a: ramp(8, from: 0), b: ramp(30, from: 0))
        ]
        let tied = try config(", \"tie_word_embeddings\": true")
        let lora = { (config: ModelConfig) in
            _ = try GGUFAdapter.lora(head, config: config, name: "", description: "")
        }
        #expect(refusal { try lora(gpt2) }.contains("lm_head"))
        #expect(refusal { try lora(tied) }.contains("lm_head"))
        try lora(try config(", \"tie_word_embeddings\": false"))
        #expect(
            refusal {
                _ = try GGUFAdapter.controlVector(
                    [], before: 1, config: tied, name: "", description: "")
            }.contains("first block"))
    }
}
