import Testing

@testable import ModelFormats

@Suite("Sparse autoencoders on disk")
struct SparseAutoencoderFileTests {
    /// d_in 2, d_sae 3.
    private static func example(
        _ architecture: SparseAutoencoderFile.Architecture
    ) -> SparseAutoencoderFile {
        SparseAutoencoderFile(
            architecture: architecture, inputSize: 2, latentCount: 3,
            k: architecture == .topk ? 2 : nil, appliesDecoderBiasToInput: false,
            normalization: .layerNorm, rescalesActivationsByDecoderNorm: architecture == .topk,
            hookName: "ln_final.hook_normalized", modelName: "tiny \"é\"",
            encoderWeight: [1, 2, 3, 4, 5, 6],
            encoderBias: architecture == .gated ? [] : [7, 8, 9],
            decoderWeight: [-1, -2, -3, -4, -5, -6], decoderBias: [0.5, 0.25],
            threshold: architecture == .jumprelu ? [0.1, 0.2, 0.3] : nil,
            gate: architecture == .gated
                ? .init(
                    gateBias: [1, 1, 1], magnitudeBias: [2, 2, 2], magnitudeScale: [0, 0.5, 1])
                : nil)
    }

    @Test(
        "What is written is read back, in the same bytes each time",
        arguments: SparseAutoencoderFile.Architecture.allCases)
    func roundTrip(architecture: SparseAutoencoderFile.Architecture) throws {
        let sae = Self.example(architecture)
        try Fixture.withFolder { folder in
            try sae.write(folder: folder + "/a/b")
            try sae.write(folder: folder + "/c")
            #expect(try SparseAutoencoderFile(folder: folder + "/a/b") == sae)
            for name in ["cfg.json", "sae_weights.safetensors"] {
                #expect(
                    try ByteStorage.contents(of: folder + "/a/b/" + name, limit: 10_000)
                        == ByteStorage.contents(of: folder + "/c/" + name, limit: 10_000))
            }
        }
    }

    @Test("cfg.json has the keys and the version by which SAELens 6 knows its own")
    func keys() throws {
        try Fixture.withFolder { folder in
            try Self.example(.topk).write(folder: folder)
            let bytes = try ByteStorage.contents(of: folder + "/cfg.json", limit: 10_000)
            let root = try #require(try JSONScanner.parse(bytes, file: "cfg.json").objectValue)
            #expect(
                root.members.map(\.key) == [
                    "apply_b_dec_to_input", "architecture", "d_in", "d_sae", "device", "dtype", "k",
                    "metadata", "normalize_activations", "rescale_acts_by_decoder_norm",
                    "reshape_activations",
                ])
            let metadata = try #require(root["metadata"]?.objectValue)
            #expect(metadata["sae_lens_version"]?.stringValue?.hasPrefix("6.") == true)
            #expect(metadata["hook_name"]?.stringValue == "ln_final.hook_normalized")
        }
    }

    private static func weights(_ changes: [SafetensorsWriter.Entry] = []) throws -> [UInt8] {
        let entries: [SafetensorsWriter.Entry] = [
            .floats("W_dec", shape: [3, 2], [-1, -2, -3, -4, -5, -6]),
            .floats("W_enc", shape: [2, 3], [1, 2, 3, 4, 5, 6]),
            .floats("b_dec", shape: [2], [0.5, 0.25]), .floats("b_enc", shape: [3], [7, 8, 9]),
        ]
        return try SafetensorsWriter.serialize(
            entries.map { entry in changes.first { $0.name == entry.name } ?? entry })
    }

    private static func read(
        _ config: String, _ weights: [UInt8]
    ) throws -> SparseAutoencoderFile {
        try Fixture.withFolder { folder in
            try Fixture.write(Array(config.utf8), folder, "cfg.json")
            try Fixture.write(weights, folder, "sae_weights.safetensors")
            return try SparseAutoencoderFile(folder: folder)
        }
    }

    @Test("An older, flat cfg.json is read with its defaults")
    func flat() throws {
        let sae = try Self.read(
            """
            {"d_in":2,"d_sae":3,"hook_point":"blocks.5.hook_resid_pre","model_name":"gpt2-small",
            "activation_fn_str":"topk","activation_fn_kwargs":{"k":2},"dtype":"torch.float32",
            "normalize_activations":false,"hook_point_head_index":null,"lp_norm":1.0}
            """, Self.weights())
        #expect(sae.architecture == .topk && sae.k == 2 && sae.appliesDecoderBiasToInput)
        #expect(sae.hookName == "blocks.5.hook_resid_pre" && sae.modelName == "gpt2-small")
        #expect(sae.normalization == .none && !sae.rescalesActivationsByDecoderNorm)
        #expect(sae.encoderWeight == [1, 2, 3, 4, 5, 6] && sae.encoderBias == [7, 8, 9])
        #expect(sae.decoderWeight == [-1, -2, -3, -4, -5, -6] && sae.decoderBias == [0.5, 0.25])
        let plain = try Self.read("{\"d_in\":2,\"d_sae\":3}", Self.weights())
        #expect(plain.architecture == .standard && plain.k == nil)
        let scaled = try Self.read(
            "{\"d_in\":2,\"d_sae\":3,\"normalize_activations\":true}", Self.weights())
        #expect(scaled.normalization == .expectedAverageOnlyIn)
    }

    @Test(
        "A cfg.json that is wrong or of another kind is refused",
        arguments: [
            "", "[]", "{\"d_in\":2}", "{\"d_in\":0,\"d_sae\":3}", "{\"d_in\":-2,\"d_sae\":3}",
            "{\"d_in\":3,\"d_sae\":2}", "{\"d_in\":1048576,\"d_sae\":16777216}",
            "{\"d_in\":2,\"d_sae\":9223372036854775807}",
            "{\"d_in\":2,\"d_sae\":3,\"architecture\":\"transcoder\"}",
            "{\"d_in\":2,\"d_sae\":3,\"architecture\":\"topk\"}",
            "{\"d_in\":2,\"d_sae\":3,\"architecture\":\"topk\",\"k\":4}",
            "{\"d_in\":2,\"d_sae\":3,\"architecture\":\"topk\",\"k\":0}",
            "{\"d_in\":2,\"d_sae\":3,\"architecture\":\"jumprelu\"}",
            "{\"d_in\":2,\"d_sae\":3,\"architecture\":\"gated\"}",
            "{\"d_in\":2,\"d_sae\":3,\"activation_fn\":\"tanh-relu\"}",
            "{\"d_in\":2,\"d_sae\":3,\"normalize_activations\":\"covariance_whitening\"}",
            "{\"d_in\":2,\"d_sae\":3,\"reshape_activations\":\"hook_z\"}",
            "{\"d_in\":2,\"d_sae\":3,\"finetuning_scaling_factor\":true}",
            "{\"d_in\":2,\"d_sae\":3,\"apply_b_dec_to_input\":\"yes\"}",
        ])
    func refusedConfigs(config: String) {
        #expect(throws: ModelFormatError.self) { try Self.read(config, Self.weights()) }
    }

    @Test(
        "Weights of a wrong shape or type, and values that are not finite, are refused",
        arguments: [
            SafetensorsWriter.Entry.floats("W_enc", shape: [3, 2], [1, 2, 3, 4, 5, 6]),
            .floats("W_dec", shape: [6], [1, 2, 3, 4, 5, 6]), .floats("b_enc", shape: [2], [1, 2]),
            .integers32("b_enc", shape: [3], [1, 2, 3]), .floats("b_dec", shape: [2], [.nan, 0]),
            .floats("b_enc", shape: [3], [0, 0, .infinity]),
        ])
    func refusedWeights(entry: SafetensorsWriter.Entry) throws {
        let error = #expect(throws: ModelFormatError.self) {
            try Self.read("{\"d_in\":2,\"d_sae\":3}", Self.weights([entry]))
        }
        #expect(try #require(error).description.contains(entry.name))
    }

    @Test("A value whose parts do not agree is not written")
    func invalidValue() throws {
        var broken = [SparseAutoencoderFile](repeating: Self.example(.topk), count: 6)
        broken[0].k = nil
        broken[1].k = 4
        broken[2].encoderWeight.removeLast()
        broken[3].decoderBias[1] = .nan
        broken[4].latentCount = Int.max
        broken[5].threshold = [1, 2, 3]
        for sae in broken {
            try Fixture.withFolder { folder in
                #expect(throws: ModelFormatError.self) { try sae.write(folder: folder + "/sae") }
                #expect(!FolderPath.isFile(folder + "/sae/cfg.json"))
            }
        }
    }
}
