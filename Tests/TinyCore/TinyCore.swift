import Foundation
import Kernels
import ModelFormats

/// A real core folder small enough for tests: a random two-layer Llama over bytes, with an SAE.
/// The same seed gives the same files.
public enum TinyCore {
    public static let hiddenSize = 16
    public static let intermediateSize = 32
    public static let contextLength = 64
    /// 256 bytes, a few merges, and the start-of-text token, which is token 0.
    public static let vocabularySize = 1 + 256 + merges.count
    static let merges = ["t h", "Ġ th", "e r", "a n", "i n", "o n", "Ġ a"]

    /// Writes the folder.
    /// - Parameters:
    ///   - withLayerAutoencoder: whether there is an SAE before block 1 as well.
    ///   - prefix: tokens that the tokenizer puts before a text.
    ///   - chatTemplate: `chat_template.jinja`.
    /// - Returns: Its path; it goes away with the process at the latest.
    public static func make(
        seed: UInt64 = 1, withAutoencoder: Bool = true, withLayerAutoencoder: Bool = false,
        rule: String? = nil, prefix: [Int] = [0], chatTemplate: String? = nil
    ) throws -> String {
        let folder = TemporaryPlace.path("tiny") + "/tiny-core"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try write(config, "\(folder)/config.json")
        try write(try tokenizer(prefix: prefix), "\(folder)/tokenizer.json")
        var generator = SeededGenerator(seed: seed)
        let weights = try SafetensorsWriter.serialize(
            tensors(using: &generator), metadata: ["format": "pt"])
        try Data(weights).write(to: URL(fileURLWithPath: "\(folder)/model.safetensors"))
        if let rule { try write(Data(rule.utf8), "\(folder)/rule.json") }
        if let chatTemplate { try write(Data(chatTemplate.utf8), "\(folder)/chat_template.jinja") }
        if withAutoencoder {
            try autoencoder(hook: "model.norm", using: &generator).write(folder: "\(folder)/sae")
        }
        if withLayerAutoencoder {
            try autoencoder(hook: "blocks.1.hook_resid_pre", using: &generator)
                .write(folder: "\(folder)/sae-layer")
        }
        return folder
    }

    /// Removes what `make` wrote.
    public static func remove(_ folder: String) {
        try? FileManager.default.removeItem(
            at: URL(fileURLWithPath: folder).deletingLastPathComponent())
    }

    private static func write(_ data: Data, _ path: String) throws {
        try data.write(to: URL(fileURLWithPath: path))
    }

    private static var config: Data {
        Data(
            """
            {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
             "hidden_size": \(hiddenSize), "intermediate_size": \(intermediateSize), "num_hidden_layers": 2,
             "num_attention_heads": 2, "num_key_value_heads": 1, "rms_norm_eps": 1e-5,
             "rope_theta": 10000.0, "max_position_embeddings": \(contextLength),
             "tie_word_embeddings": true, "vocab_size": \(vocabularySize),
             "hidden_act": "silu", "bos_token_id": 0, "eos_token_id": 0}
            """.utf8)
    }

    private static func tensors(
        using generator: inout SeededGenerator
    ) -> [SafetensorsWriter.Entry] {
        func random(_ name: String, _ shape: [Int], _ scale: Float) -> SafetensorsWriter.Entry {
            let count = shape.reduce(1, *)
            return .floats(
                name, shape: shape, (0..<count).map { _ in generator.normal() * scale })
        }
        func ones(_ name: String) -> SafetensorsWriter.Entry {
            .floats(name, shape: [hiddenSize], [Float](repeating: 1, count: hiddenSize))
        }
        var all = [random("model.embed_tokens.weight", [vocabularySize, hiddenSize], 0.5)]
        for layer in 0..<2 {
            let prefix = "model.layers.\(layer)."
            all.append(ones(prefix + "input_layernorm.weight"))
            all.append(ones(prefix + "post_attention_layernorm.weight"))
            for (name, rows, columns) in [
                ("self_attn.q_proj", 16, 16), ("self_attn.k_proj", 8, 16),
                ("self_attn.v_proj", 8, 16), ("self_attn.o_proj", 16, 16),
                ("mlp.gate_proj", 32, 16), ("mlp.up_proj", 32, 16), ("mlp.down_proj", 16, 32),
            ] {
                all.append(random(prefix + name + ".weight", [rows, columns], 0.2))
            }
        }
        all.append(ones("model.norm.weight"))
        return all
    }

    private static func autoencoder(
        hook: String, using generator: inout SeededGenerator
    ) -> SparseAutoencoderFile {
        let latents = 40
        func random(_ count: Int, _ scale: Float) -> [Float] {
            (0..<count).map { _ in generator.normal() * scale }
        }
        return SparseAutoencoderFile(
            architecture: .topk, inputSize: hiddenSize, latentCount: latents, k: 4,
            appliesDecoderBiasToInput: true, normalization: .none,
            rescalesActivationsByDecoderNorm: false, hookName: hook,
            modelName: "tiny-core", encoderWeight: random(hiddenSize * latents, 0.3),
            encoderBias: random(latents, 0.05), decoderWeight: random(latents * hiddenSize, 0.3),
            decoderBias: random(hiddenSize, 0.05))
    }

    /// GPT-2's printable stand-ins for the 256 bytes.
    private static func byteAlphabet() -> [String] {
        var next: UInt32 = 256
        return (0..<256).map { byte in
            let printable =
                (33...126).contains(byte) || (161...172).contains(byte)
                || (174...255).contains(byte)
            defer { if !printable { next += 1 } }
            let scalar = Unicode.Scalar(printable ? UInt32(byte) : next)
            return scalar.map { String(Character($0)) } ?? ""
        }
    }

    private static func tokenizer(prefix: [Int]) throws -> Data {
        var vocabulary = ["<|endoftext|>": 0]
        for symbol in byteAlphabet() + merges.map({ $0.replacing(" ", with: "") }) {
            vocabulary[symbol] = vocabulary.count
        }
        let template: [String: Any] = [
            "type": "TemplateProcessing",
            "single": [
                ["SpecialToken": ["id": "start", "type_id": 0]],
                ["Sequence": ["id": "A", "type_id": 0]],
            ],
            "special_tokens": ["start": ["id": "start", "ids": prefix, "tokens": ["start"]]],
        ]
        let byteLevel: [String: Any] = [
            "type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
            "use_regex": true,
        ]
        let json: [String: Any] = [
            "version": "1.0",
            "post_processor": prefix.isEmpty ? byteLevel : template,
            "added_tokens": [
                [
                    "id": 0, "content": "<|endoftext|>", "single_word": false, "lstrip": false,
                    "rstrip": false, "normalized": false, "special": true,
                ]
            ],
            "pre_tokenizer": byteLevel, "decoder": byteLevel,
            "model": ["type": "BPE", "vocab": vocabulary, "merges": merges],
        ]
        return try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys])
    }
}
