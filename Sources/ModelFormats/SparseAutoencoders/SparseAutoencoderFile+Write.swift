import Foundation

extension SparseAutoencoderFile {
    /// The version of SAELens whose layout `write(folder:)` follows. SAELens takes a `cfg.json`
    /// without this key for an older, flat one and loses its metadata.
    private static let layoutVersion = "6.0.0"

    /// Writes a SAELens 6 folder, F32, byte for byte the same for the same value.
    ///
    /// Each file is written beside its place and then renamed, weights first, so that an
    /// interrupted write leaves no half file under the final name.
    ///
    /// - Throws: `ModelFormatError` when the value fails `validate(name:)` or the disk refuses.
    public func write(folder: String) throws(ModelFormatError) {
        try validate(name: folder)
        let (config, weights) = try serialized()
        do {
            try FileManager.default.createDirectory(
                atPath: folder, withIntermediateDirectories: true)
            for (name, bytes) in [(Self.weightsName, weights), (Self.configName, config)] {
                let url = URL(fileURLWithPath: FolderPath.join(folder, name))
                try Data(bytes).write(to: url, options: .atomic)
            }
        } catch {
            throw .unwritable(
                file: folder, reason: error.localizedDescription,
                remedy: "Check the folder's permissions and the free space.")
        }
    }

    /// What `write(folder:)` puts into the folder's two files.
    public func serialized() throws(ModelFormatError) -> (config: [UInt8], weights: [UInt8]) {
        (configBytes, try SafetensorsWriter.serialize(weightEntries, metadata: ["format": "pt"]))
    }

    /// The tensors under SAELens's names, sorted by name.
    private var weightEntries: [SafetensorsWriter.Entry] {
        typealias Entry = SafetensorsWriter.Entry
        var entries = [
            Entry.floats("W_dec", shape: [latentCount, inputSize], decoderWeight),
            Entry.floats("W_enc", shape: [inputSize, latentCount], encoderWeight),
            Entry.floats("b_dec", shape: [inputSize], decoderBias),
        ]
        if architecture != .gated {
            entries.append(.floats("b_enc", shape: [latentCount], encoderBias))
        }
        if let gate {
            entries.append(.floats("b_gate", shape: [latentCount], gate.gateBias))
            entries.append(.floats("b_mag", shape: [latentCount], gate.magnitudeBias))
            entries.append(.floats("r_mag", shape: [latentCount], gate.magnitudeScale))
        }
        if let threshold { entries.append(.floats("threshold", shape: [latentCount], threshold)) }
        return entries
    }

    private var configBytes: [UInt8] {
        var members = [
            ("apply_b_dec_to_input", "\(appliesDecoderBiasToInput)"),
            ("architecture", JSONText.string(architecture.rawValue)),
            ("d_in", "\(inputSize)"),
            ("d_sae", "\(latentCount)"),
            ("device", JSONText.string("cpu")),
            ("dtype", JSONText.string("float32")),
        ]
        if let k { members.append(("k", "\(k)")) }
        let metadata = [
            ("hook_name", hookName), ("model_name", modelName),
            ("sae_lens_version", Self.layoutVersion),
        ]
        let metadataText = metadata.map { "    \(JSONText.string($0)): \(JSONText.string($1))" }
        members.append(("metadata", "{\n" + metadataText.joined(separator: ",\n") + "\n  }"))
        members.append(("normalize_activations", JSONText.string(normalization.rawValue)))
        if architecture == .topk {
            members.append(("rescale_acts_by_decoder_norm", "\(rescalesActivationsByDecoderNorm)"))
        }
        members.append(("reshape_activations", JSONText.string("none")))
        let lines = members.map { "  \(JSONText.string($0)): \($1)" }
        return Array(("{\n" + lines.joined(separator: ",\n") + "\n}\n").utf8)
    }
}
