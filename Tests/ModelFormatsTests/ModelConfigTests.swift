import Foundation
import Testing

@testable import ModelFormats

@Suite("config.json")
struct ModelConfigTests {
    private static let llama = """
        "model_type":"llama","vocab_size":49152,"hidden_size":576,"intermediate_size":1536,
        "num_hidden_layers":30,"num_attention_heads":9,"num_key_value_heads":3,
        "max_position_embeddings":8192,"rms_norm_eps":1e-05,"tie_word_embeddings":true,
        "hidden_act":"silu","bos_token_id":0,"eos_token_id":[0,2]
        """
    private static let gpt2 = """
        "model_type":"gpt2","vocab_size":50257,"n_embd":768,"n_head":12,"n_layer":12,
        "n_positions":1024,"layer_norm_epsilon":1e-5,"activation_function":"gelu_new",
        "bos_token_id":50256,"eos_token_id":50256
        """

    /// A config with members put before those of `base`, whose equal keys are taken out.
    private static func config(_ base: String, _ changes: [String: String] = [:]) throws
        -> ModelConfig
    {
        var members = try #require(
            try JSONScanner.parse(Array("{\(base)}".utf8), file: "base").objectValue
        ).members.filter { changes[$0.key] == nil }.map { ($0.key, Self.text($0.value)) }
        members += changes.map { ($0.key, $0.value) }.filter { $0.1 != "absent" }
        let body = members.map { "\"\($0)\":\($1)" }.joined(separator: ",")
        return try ModelConfig(json: Data("{\(body)}".utf8), name: "config.json")
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): JSONText.string(text)
        case .integer(let number): "\(number)"
        case .number(let number): "\(number)"
        case .bool(let isTrue): "\(isTrue)"
        case .array(let values): "[" + values.map(text).joined(separator: ",") + "]"
        default: "null"
        }
    }

    @Test("A llama is read with every size in its place")
    func readsLlama() throws {
        let config = try Self.config(Self.llama)
        #expect(config.family == .llama && config.vocabularySize == 49152)
        #expect(config.hiddenSize == 576 && config.intermediateSize == 1536)
        #expect(config.layerCount == 30 && config.headCount == 9 && config.keyValueHeadCount == 3)
        #expect(config.headSize == 64 && config.contextLength == 8192)
        #expect(config.normEpsilon == 1e-5 && config.activation == .silu)
        #expect(config.rope == RopeParameters(theta: 10_000))
        #expect(config.tiesEmbeddings && !config.attentionBias && !config.mlpBias)
        #expect(config.startOfText == TokenID(0) && config.endOfText == [TokenID(0), TokenID(2)])
    }

    @Test("A gpt2 is read with the defaults of its family")
    func readsGPT2() throws {
        let config = try Self.config(Self.gpt2)
        #expect(config.family == .gpt2 && config.hiddenSize == 768 && config.headSize == 64)
        #expect(config.intermediateSize == 3072 && config.keyValueHeadCount == 12)
        #expect(config.rope == nil && config.tiesEmbeddings && config.attentionBias)
        #expect(config.activation == .geluTanh && config.contextLength == 1024)
        #expect(config.endOfText == [TokenID(50256)])
        #expect(try Self.config(Self.gpt2, ["n_inner": "100"]).intermediateSize == 100)
        #expect(try Self.config(Self.gpt2, ["n_inner": "null"]).intermediateSize == 3072)
        let untied = try Self.config(Self.gpt2, ["tie_word_embeddings": "false"])
        #expect(!untied.tiesEmbeddings)
    }

    @Test("Files of transformers 5 are read")
    func transformers() throws {
        func config(_ name: String) throws -> ModelConfig {
            try ModelConfig(json: Data(Fixture.bytes("configs/\(name).json")), name: name)
        }
        let llama = try config("llama")
        #expect(llama.family == .llama && llama.vocabularySize == 1000 && llama.hiddenSize == 64)
        #expect(llama.intermediateSize == 160 && llama.layerCount == 3 && llama.headCount == 8)
        #expect(llama.keyValueHeadCount == 2 && llama.headSize == 8 && llama.contextLength == 2048)
        #expect(llama.rope == RopeParameters(theta: 10_000) && llama.normEpsilon == 1e-6)
        #expect(!llama.tiesEmbeddings && !llama.attentionBias && llama.activation == .silu)
        #expect(llama.startOfText == TokenID(1) && llama.endOfText == [TokenID(2)])
        let llama3 = try config("llama3")
        let scaling = RopeParameters.Scaling.llama3(
            factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)
        #expect(llama3.rope == RopeParameters(theta: 500_000, scaling: scaling))
        #expect(llama3.headSize == 16 && llama3.attentionBias && llama3.tiesEmbeddings)
        #expect(llama3.startOfText == TokenID(5) && llama3.endOfText == [TokenID(6), TokenID(7)])
        #expect(try config("gpt2") == Self.config(Self.gpt2))
    }

    @Test("Keys that would run code or belong to training are ignored")
    func ignored() throws {
        let changes = [
            "auto_map": "{\"AutoModel\":\"evil.py\"}", "attention_dropout": "0.5",
            "torch_dtype": "\"bfloat16\"", "architectures": "[\"X\"]",
        ]
        #expect(try Self.config(Self.llama, changes) == Self.config(Self.llama))
    }

    @Test("Rope scaling is the same in the old keys and in those of transformers 5")
    func ropeForms() throws {
        let llama3 = """
            "factor":32.0,"low_freq_factor":1.0,"high_freq_factor":4.0,
            "original_max_position_embeddings":8192
            """
        let scaling = RopeParameters.Scaling.llama3(
            factor: 32, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalContextLength: 8192)
        let old = try Self.config(
            Self.llama,
            ["rope_theta": "500000.0", "rope_scaling": "{\"rope_type\":\"llama3\",\(llama3)}"])
        let new = try Self.config(
            Self.llama,
            ["rope_parameters": "{\"rope_type\":\"llama3\",\"rope_theta\":500000.0,\(llama3)}"])
        #expect(old.rope == RopeParameters(theta: 500_000, scaling: scaling) && old == new)
        for (text, expected) in [
            ("{\"type\":\"linear\",\"factor\":2}", RopeParameters.Scaling.linear(factor: 2)),
            ("{\"rope_type\":\"dynamic\",\"factor\":4.0}", .dynamic(factor: 4)),
            ("{\"rope_type\":\"default\"}", .none), ("null", .none), ("{}", .none),
        ] {
            let config = try Self.config(Self.llama, ["rope_scaling": text])
            #expect(config.rope?.scaling == expected)
        }
    }

    @Test("A head's width may be stated apart from the hidden size")
    func headSize() throws {
        #expect(try Self.config(Self.llama, ["head_dim": "128"]).headSize == 128)
        #expect(try Self.config(Self.llama, ["head_dim": "null"]).headSize == 64)
        let noGroups = try Self.config(Self.llama, ["num_key_value_heads": "absent"])
        #expect(noGroups.keyValueHeadCount == 9)
    }

    @Test("Tokens outside of the vocabulary count as absent")
    func foreignTokens() throws {
        let changes = ["vocab_size": "1000", "bos_token_id": "-1"]
        let config = try Self.config(Self.gpt2, changes)
        #expect(config.startOfText == nil && config.endOfText.isEmpty)
    }

    @Test(
        "What is out of bounds or not supported is refused by name",
        arguments: [
            ("model_type", "\"mamba\""), ("model_type", "absent"), ("model_type", "7"),
            ("vocab_size", "0"), ("vocab_size", "-5"), ("vocab_size", "9223372036854775807"),
            ("vocab_size", "1e300"), ("vocab_size", "absent"), ("hidden_size", "575"),
            ("hidden_size", "576.5"), ("hidden_size", "\"576\""), ("hidden_size", "[576]"),
            ("hidden_size", "null"), ("num_hidden_layers", "100000"),
            ("num_attention_heads", "0"), ("num_attention_heads", "7"),
            ("num_key_value_heads", "2"), ("num_key_value_heads", "10"), ("head_dim", "63"),
            ("head_dim", "0"), ("rms_norm_eps", "0"), ("rms_norm_eps", "-1e-5"),
            ("rms_norm_eps", "1"), ("max_position_embeddings", "0"),
            ("max_position_embeddings", "true"), ("hidden_act", "\"laughing\""),
            ("rope_theta", "0"), ("rope_theta", "1e40"), ("rope_theta", "\"a\""),
            ("partial_rotary_factor", "0.5"), ("tie_word_embeddings", "1"),
            ("eos_token_id", "\"</s>\""), ("eos_token_id", "[1.5]"),
            ("quantization_config", "{\"bits\":4}"), ("intermediate_size", "absent"),
            ("rope_scaling", "{\"rope_type\":\"yarn\",\"factor\":2}"),
            ("rope_scaling", "{\"rope_type\":\"linear\"}"),
            ("rope_scaling", "{\"rope_type\":\"linear\",\"factor\":0}"),
            ("rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":2}"), ("rope_scaling", "3"),
            ("rope_parameters", "{\"rope_theta\":-1}"),
        ])
    func refusals(key: String, value: String) throws {
        let error = #expect(throws: ModelFormatError.self) {
            try Self.config(Self.llama, [key: value])
        }
        let text = try #require(error).description
        #expect(text.hasPrefix("config.json: "))
        // A size that does not divide is reported with the one that it should divide.
        let names = [
            key, "hidden_size", "num_attention_heads", "rope_type", "factor", "rope_theta",
        ]
        #expect(names.contains { text.contains($0) })
    }

    @Test(
        "Variants of gpt2 with another forward pass are refused",
        arguments: [
            ("scale_attn_weights", "false"), ("scale_attn_by_inverse_layer_idx", "true"),
            ("add_cross_attention", "true"), ("n_head", "13"), ("n_positions", "absent"),
        ])
    func gpt2Refusals(key: String, value: String) {
        #expect(throws: ModelFormatError.self) { try Self.config(Self.gpt2, [key: value]) }
    }

    @Test("What ends a turn is read from generation_config.json too")
    func generationConfig() throws {
        try Fixture.withFolder { folder in
            let end = #""eos_token_id":"#
            let json = "{\(Self.gpt2.replacing(end + "50256", with: end + "5"))}"
            try Fixture.write(Array(json.utf8), folder, "config.json")
            func ends(_ generation: String?) throws -> [Int] {
                if let generation {
                    try Fixture.write(
                        Array(generation.utf8), folder, ModelConfig.generationFileName)
                }
                return try ModelConfig(folder: folder).endOfText.map(\.index)
            }
            #expect(try ends(nil) == [5])
            #expect(try ends(#"{"eos_token_id":7,"temperature":0.6}"#) == [5, 7])
            #expect(try ends(#"{"eos_token_id":[9,5,8]}"#) == [5, 9, 8])
            #expect(try ends(#"{"eos_token_id":[99999999,6]}"#) == [5, 6])
            #expect(try ends(#"{"eos_token_id":null}"#) == [5])
            for wrong in ["[]", "{", #"{"eos_token_id":"</s>"}"#] {
                let error = #expect(throws: ModelFormatError.self) { try ends(wrong) }
                #expect(try #require(error).description.contains(ModelConfig.generationFileName))
            }
        }
    }

    @Test("An unknown model_type is told what is supported")
    func supported() throws {
        let error = #expect(throws: ModelFormatError.self) {
            try Self.config(Self.llama, ["model_type": "\"gemma2\""])
        }
        let text = try #require(error).description
        #expect(text.contains("gemma2") && text.contains("llama, gpt2"))
    }
}
