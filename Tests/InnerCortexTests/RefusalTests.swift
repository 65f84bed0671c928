import Foundation
import InnerCortex
import ModelFormats
import Testing

/// Checkpoints that do not fit their configuration, each refused by the name of the tensor.
@Suite struct RefusalTests {
    /// A copy of a fixture whose tensors went through `change`; nil leaves a tensor out.
    func refusal(
        of fixture: String, change: (SafetensorsFile.Tensor) -> SafetensorsWriter.Entry?
    ) throws -> String? {
        let source = Fixture(name: fixture).folder
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-refusal-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.copyItem(
            atPath: source + "/config.json", toPath: folder.path + "/config.json")
        let checkpoint = try SafetensorsCheckpoint(folder: source)
        let entries = try checkpoint.names.compactMap { change(try checkpoint.tensor($0)) }
        let bytes = try SafetensorsWriter.serialize(entries, metadata: [:])
        try Data(bytes).write(to: folder.appendingPathComponent("model.safetensors"))
        do {
            _ = try InnerCortex(folder: folder.path)
            return nil
        } catch {
            return error.description
        }
    }

    func unchanged(_ tensor: SafetensorsFile.Tensor) -> SafetensorsWriter.Entry {
        .floats(tensor.name, shape: tensor.shape, tensor.floats())
    }

    @Test(
        "An unchanged copy is accepted", arguments: ["llama-f16-biases-untied", "gpt2-bf16-bare"])
    func accepted(fixture: String) throws {
        #expect(try refusal(of: fixture, change: unchanged) == nil)
    }

    static let needed = [
        ("llama-f16-biases-untied", "model.embed_tokens.weight"),
        ("llama-f16-biases-untied", "model.layers.0.self_attn.k_proj.weight"),
        ("llama-f16-biases-untied", "model.layers.1.self_attn.o_proj.bias"),
        ("llama-f16-biases-untied", "model.layers.1.mlp.up_proj.bias"),
        ("llama-f16-biases-untied", "model.layers.0.input_layernorm.weight"),
        ("llama-f16-biases-untied", "model.norm.weight"),
        ("llama-f16-biases-untied", "lm_head.weight"),
        ("gpt2-f32", "transformer.wpe.weight"),
        ("gpt2-f32", "transformer.h.1.attn.c_attn.weight"),
        ("gpt2-f32", "transformer.h.0.mlp.c_proj.bias"),
        ("gpt2-bf16-bare", "ln_f.bias"),
    ]

    @Test("A missing tensor is named", arguments: needed)
    func missing(fixture: String, name: String) throws {
        let message = try refusal(of: fixture) { $0.name == name ? nil : unchanged($0) }
        #expect(message?.contains(name) == true && message?.contains("missing") == true)
    }

    @Test("A tensor of a wrong shape is named, with both shapes", arguments: needed)
    func shape(fixture: String, name: String) throws {
        let message = try refusal(of: fixture) { tensor in
            guard tensor.name == name else { return unchanged(tensor) }
            let flat = tensor.shape.reduce(1, *)
            return .floats(name, shape: [flat, 1], tensor.floats())
        }
        #expect(message?.contains(name) == true && message?.contains(", 1]") == true)
    }

    @Test("NaN and infinity are refused by name", arguments: needed, [Float.nan, .infinity])
    func notFinite(tensor: (fixture: String, name: String), poison: Float) throws {
        let message = try refusal(of: tensor.fixture) { candidate in
            guard candidate.name == tensor.name else { return unchanged(candidate) }
            var values = candidate.floats()
            values[values.count - 1] = poison
            return .floats(candidate.name, shape: candidate.shape, values)
        }
        #expect(message?.contains(tensor.name) == true && message?.contains("finite") == true)
    }

    @Test("A tensor of integers is refused by name and type")
    func type() throws {
        let message = try refusal(of: "gpt2-f32") { tensor in
            guard tensor.name == "transformer.wte.weight" else { return unchanged(tensor) }
            let zeros = [Int32](repeating: 0, count: tensor.count)
            return .integers32(tensor.name, shape: tensor.shape, zeros)
        }
        #expect(message?.contains("transformer.wte.weight") == true)
        #expect(message?.contains("I32") == true)
    }

    @Test(
        "A head that is stored beside the embedding is used, whatever config.json says of ties",
        arguments: ["llama-bf16", "gpt2-f32"])
    func storedHead(fixture: String) throws {
        let source = Fixture(name: fixture).folder
        let checkpoint = try SafetensorsCheckpoint(folder: source)
        let name = fixture == "gpt2-f32" ? "transformer.wte.weight" : "model.embed_tokens.weight"
        let embedding = try checkpoint.tensor(name)
        func load(_ head: SafetensorsWriter.Entry?) throws -> InnerCortex {
            let folder = FileManager.default.temporaryDirectory
                .appendingPathComponent("hebb-head-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            defer { try? FileManager.default.removeItem(at: folder) }
            try FileManager.default.copyItem(
                atPath: source + "/config.json", toPath: folder.path + "/config.json")
            let entries = try checkpoint.names.map { unchanged(try checkpoint.tensor($0)) }
            let bytes = try SafetensorsWriter.serialize(
                entries + (head.map { [$0] } ?? []), metadata: [:])
            try Data(bytes).write(to: folder.appendingPathComponent("model.safetensors"))
            return try InnerCortex(folder: folder.path)
        }
        func logits(_ cortex: InnerCortex) -> [Float] {
            let hidden = (0..<cortex.config.hiddenSize).map { Float($0 % 7) - 3 }
            var logits: [Float] = []
            cortex.unembed(hidden, count: 1, logits: &logits)
            return logits
        }
        let tied = try load(nil)
        #expect(tied.config.tiesEmbeddings && !tied.hasHeadBesideConfig)
        let head = "lm_head.weight"
        let same = try load(.floats(head, shape: embedding.shape, embedding.floats()))
        #expect(same.config.tiesEmbeddings && !same.hasHeadBesideConfig)
        #expect(logits(same) == logits(tied))
        let other = try load(
            .floats(head, shape: embedding.shape, embedding.floats().map { 2 * $0 }))
        #expect(!other.config.tiesEmbeddings && other.hasHeadBesideConfig)
        #expect(logits(other) == logits(tied).map { 2 * $0 })
        #expect(throws: ModelFormatError.self) {
            try load(.floats(head, shape: [embedding.count], embedding.floats()))
        }
    }

    @Test("A folder without a model is refused")
    func empty() {
        #expect(throws: ModelFormatError.self) {
            _ = try InnerCortex(folder: FileManager.default.temporaryDirectory.path)
        }
    }
}
