import Foundation
import Kernels
import Testing

@testable import ModelFormats

/// What each family's configuration says beside the sizes that all have, in both kinds of files.
struct FamilyConfigTests {
    private static let sizes = """
        "vocab_size":100,"hidden_size":64,"intermediate_size":96,"num_hidden_layers":7,
        "num_attention_heads":4,"max_position_embeddings":256
        """

    private static func config(_ type: String, _ members: String = "") throws -> ModelConfig {
        let more = members.isEmpty ? "" : "," + members
        let text = #"{"model_type":"\#(type)",\#(sizes)\#(more)}"#
        return try ModelConfig(json: Data(text.utf8))
    }

    @Test("A gemma3 is read in the keys of transformers 5 and in those before")
    func gemma3() throws {
        let newer = try Self.config(
            "gemma3_text",
            #"""
            "sliding_window":16,"layer_types":["sliding_attention","sliding_attention",
            "sliding_attention","sliding_attention","sliding_attention","full_attention",
            "sliding_attention"],"query_pre_attn_scalar":64,"rope_parameters":{
            "full_attention":{"rope_type":"linear","factor":8.0,"rope_theta":2000000.0},
            "sliding_attention":{"rope_type":"default","rope_theta":9000.0}}
            """#)
        let older = try Self.config(
            "gemma3_text",
            #"""
            "sliding_window":16,"query_pre_attn_scalar":64,"rope_theta":2000000.0,
            "rope_local_base_freq":9000.0,"rope_scaling":{"rope_type":"linear","factor":8.0}
            """#)
        #expect(newer == older)
        #expect(older.windows == [16, 16, 16, 16, 16, nil, 16])
        #expect(older.rope == RopeParameters(theta: 2e6, scaling: .linear(factor: 8)))
        #expect(older.windowRope == RopeParameters(theta: 9_000))
        #expect(older.attentionScale == 0.125 && older.embeddingScale == 8)
        #expect(older.headSize == 256 && older.tiesEmbeddings && older.activation == .geluTanh)
        let plain = try Self.config("gemma3_text", #""sliding_window":16"#)
        #expect(plain.attentionScale == 1 / 16 && plain.rope == RopeParameters(theta: 1e6))
        #expect(plain.windowRope == RopeParameters(theta: 10_000))
        let pairs = try Self.config(
            "gemma3_text", #""sliding_window":16,"sliding_window_pattern":2"#)
        #expect(pairs.windows == [16, nil, 16, nil, 16, nil, 16])
    }

    @Test("Windows are those of the family, and none that reach over the whole context")
    func windows() throws {
        func windows(_ type: String, _ members: String = "") throws -> [Int?] {
            try Self.config(type, members).windows
        }
        let none = [Int?](repeating: nil, count: 7)
        #expect(try windows("mistral", #""sliding_window":9"#) == none.map { _ in 9 })
        #expect(try windows("mistral", #""sliding_window":null"#) == none)
        // The family's default, 4096, is more than this context.
        #expect(try windows("mistral") == none)
        let long = Self.sizes.replacing(":256", with: ":8192")
        let text = #"{"model_type":"mistral",\#(long)}"#
        #expect(try ModelConfig(json: Data(text.utf8)).windows == none.map { _ in 4_096 })
        #expect(try windows("llama", #""sliding_window":9"#) == none)
        let upper = #""sliding_window":9,"max_window_layers":5"#
        for type in ["qwen2", "qwen3"] {
            #expect(try windows(type, upper) == none)
            let used = upper + #","use_sliding_window":true"#
            #expect(try windows(type, used) == [nil, nil, nil, nil, nil, 9, 9])
            #expect(try windows(type, used.replacing(":9", with: ":256")) == none)
        }
    }

    @Test("Biases, heads and rotation are those of the family")
    func parts() throws {
        let qwen2 = try Self.config("qwen2", #""attention_bias":false"#)
        #expect(qwen2.attentionBias && !qwen2.attentionOutputBias && !qwen2.mlpBias)
        #expect(qwen2.headSize == 16)
        let qwen3 = try Self.config("qwen3")
        #expect(!qwen3.attentionBias && qwen3.headSize == 128)
        let llama = try Self.config("llama", #""attention_bias":true"#)
        #expect(llama.attentionBias && llama.attentionOutputBias && !llama.isParallel)
        let neox = try Self.config("gpt_neox", #""rotary_pct":0.5,"rotary_emb_base":5000"#)
        #expect(neox.rotarySize == 8 && neox.rope == RopeParameters(theta: 5_000))
        #expect(neox.isParallel && neox.activation == .gelu && neox.mlpBias)
        #expect(neox.attentionBias && !neox.tiesEmbeddings && neox.normEpsilon == 1e-5)
        #expect(try Self.config("gpt_neox").rotarySize == 4)
        let newer = #""use_parallel_residual":false,"rope_parameters":{"partial_rotary_factor":1}"#
        let sequential = try Self.config("gpt_neox", newer)
        #expect(!sequential.isParallel && sequential.rotarySize == 16)
    }

    @Test(
        "What a family would compute otherwise is refused by its key",
        arguments: [
            ("gemma3_text", "final_logit_softcapping", "30.0"),
            ("gemma3_text", "attn_logit_softcapping", "50.0"),
            ("gemma3_text", "use_bidirectional_attention", "true"),
            ("gemma3_text", "query_pre_attn_scalar", "0"),
            ("gemma3_text", "sliding_window", "0"),
            ("gemma3_text", "sliding_window", "-1"),
            ("mistral", "layer_types", #"["full_attention"]"#),
            ("qwen3", "layer_types", "7"), ("qwen3", "partial_rotary_factor", "0.5"),
            ("gpt_neox", "rotary_pct", "0.05"), ("gpt_neox", "rotary_pct", "2"),
            ("llama", "num_local_experts", "8"),
        ])
    func refusals(type: String, key: String, value: String) throws {
        let needed = ["sliding_window", "use_sliding_window"].filter { $0 != key }
        let switches =
            key == "layer_types" ? needed.map { "\"\($0)\":\($0.count < 15 ? "9" : "true")" } : []
        let members = (switches + ["\"\(key)\":\(value)"]).joined(separator: ",")
        let error = #expect(throws: ModelFormatError.self) { try Self.config(type, members) }
        #expect(try #require(error).description.contains(key))
    }

    /// The tensors that a GGUF file's configuration looks at.
    private struct Tensors: ModelSource {
        var shapes: [String: [Int]]
        var name: String { "model.gguf" }
        var naming: TensorNaming { .gguf }
        var files: [String] { [name] }
        var tensorNames: Set<String> { Set(shapes.keys) }

        func config() throws(ModelFormatError) -> ModelConfig { throw missing("config") }
        func chatTemplates() throws(ModelFormatError) -> ChatTemplateSet? { nil }
        func tokenizer(embeddingRows: Int?) throws(ModelFormatError) -> Tokenizer {
            throw missing("tokenizer")
        }
        func tensor(_ name: String) throws(ModelFormatError) -> ModelTensor {
            guard let shape = shapes[name] else { throw missing(name) }
            let bytes = [UInt8](repeating: 0, count: 4 * shape.reduce(1, *)).enumerated()
                .map { $0.offset % 4 == 3 ? UInt8(0x40) : 0 }
            return ModelTensor(
                name: name, file: self.name, shape: shape, encoding: .float32, typeName: "F32",
                storage: ByteStorage(copying: bytes), range: 0..<bytes.count)
        }
        private func missing(_ item: String) -> ModelFormatError {
            .missing(file: name, item: item, remedy: "")
        }
    }

    private static func gguf(
        _ architecture: String, _ members: [String: String] = [:],
        tensors: [String: [Int]] = [:]
    ) throws -> ModelConfig {
        var all = [
            "embedding_length": "64", "feed_forward_length": "96", "block_count": "7",
            "attention.head_count": "4", "context_length": "256",
        ]
        all.merge(members) { $1 }
        let keys = all.filter { $0.value != "absent" }.map { key, value in
            "\"\(key.hasPrefix("tokenizer.") ? key : "\(architecture).\(key)")\":\(value)"
        }
        let text = (keys + [#""general.architecture":"\#(architecture)""#])
            .joined(separator: ",")
        let fields = try JSONFields(bytes: Array("{\(text)}".utf8), file: "model.gguf")
        let shapes = ["token_embd.weight": [100, 64]].merging(tensors) { $1 }
        return try ModelConfig(metadata: fields, of: Tensors(shapes: shapes))
    }

    @Test("A GGUF file's metadata make the configuration that config.json makes")
    func metadata() throws {
        let head = ["output.weight": [100, 64]]
        #expect(try Self.gguf("llama", tensors: head) == Self.config("llama"))
        #expect(try Self.gguf("llama").tiesEmbeddings)
        let biased = try Self.gguf(
            "llama", ["attention.head_count_kv": "2", "rope.freq_base": "5000"],
            tensors: head.merging(["blk.0.attn_q.bias": [64], "blk.0.attn_output.bias": [64]]) {
                $1
            })
        #expect(
            try biased
                == Self.config(
                    "llama",
                    #""num_key_value_heads":2,"rope_theta":5000,"attention_bias":true"#))
        let qwen2 = try Self.gguf(
            "qwen2", tensors: head.merging(["blk.0.attn_q.bias": [64]]) { $1 })
        #expect(try qwen2 == Self.config("qwen2"))
        let qwen3 = try Self.gguf("qwen3", ["attention.key_length": "128"], tensors: head)
        #expect(try qwen3 == Self.config("qwen3"))
        let gemma3 = try Self.gguf(
            "gemma3",
            [
                "attention.sliding_window": "16", "rope.freq_base": "1000000",
                "rope.scaling.type": "\"linear\"", "rope.scaling.factor": "8",
            ])
        #expect(
            try gemma3
                == Self.config(
                    "gemma3_text",
                    #""sliding_window":16,"rope_scaling":{"rope_type":"linear","factor":8}"#))
        let neox = try Self.gguf(
            "gptneox", ["rope.dimension_count": "4", "attention.layer_norm_epsilon": "1e-5"],
            tensors: head.merging([
                "blk.0.attn_qkv.bias": [192], "blk.0.attn_output.bias": [64],
                "blk.0.ffn_down.bias": [64],
            ]) { $1 })
        #expect(try neox == Self.config("gpt_neox"))
        let ends = try Self.gguf(
            "llama",
            [
                "tokenizer.ggml.bos_token_id": "1", "tokenizer.ggml.eos_token_id": "2",
                "tokenizer.ggml.eot_token_id": "5", "tokenizer.ggml.eom_token_id": "4294967295",
            ])
        #expect(ends.startOfText == TokenID(1) && ends.endOfText == [TokenID(2), TokenID(5)])
    }

    @Test("Llama 3's factors are read from their tensor, one a rotary pair")
    func factors() throws {
        // A float whose last byte is 0x40 is 2.
        let config = try Self.gguf("llama", tensors: ["rope_freqs.weight": [8]])
        #expect(config.rope?.scaling == .each([Float](repeating: 2, count: 8)))
        for shape in [[7], [9], [2, 4], [0]] {
            let error = #expect(throws: ModelFormatError.self) {
                try Self.gguf("llama", tensors: ["rope_freqs.weight": shape])
            }
            #expect(try #require(error).description.contains("rope_freqs.weight"))
        }
    }

    @Test(
        "A GGUF file that is out of bounds or not supported is refused by its key",
        arguments: [
            ("block_count", "0"), ("block_count", "absent"), ("attention.head_count", "5"),
            ("attention.head_count", "[4,4]"), ("attention.head_count_kv", "3"),
            ("context_length", "absent"), ("rope.freq_base", "0"),
            ("rope.scaling.type", "\"yarn\""), ("rope.scaling.type", "\"linear\""),
            ("rope.dimension_count", "3"), ("rope.dimension_count", "18"),
            ("attention.value_length", "32"), ("expert_count", "8"),
            ("attention.key_length", "5000"), ("feed_forward_length", "absent"),
        ])
    func metadataRefusals(key: String, value: String) throws {
        let error = #expect(throws: ModelFormatError.self) { try Self.gguf("llama", [key: value]) }
        let text = try #require(error).description
        #expect(text.hasPrefix("model.gguf: ") && text.contains("llama."))
        #expect(throws: ModelFormatError.self) { try Self.gguf("mamba") }
        #expect(throws: ModelFormatError.self) {
            try Self.gguf("llama", tensors: ["token_embd.weight": [0, 64]])
        }
    }
}
