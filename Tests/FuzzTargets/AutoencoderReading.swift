import Foundation
import Kernels
import ModelFormats
import OuterCortex

enum AutoencoderReading {
    static func read(_ input: [UInt8]) throws -> Bool {
        let (config, weights) = parts(of: input)
        guard let weights, let file = try? SafetensorsFile(bytes: weights, name: "weights"),
            let autoencoder = try? SparseAutoencoderFile(
                config: config, name: "config", weights: file)
        else { return false }
        try must("validating") { try autoencoder.validate(name: "input") }
        let (written, bytes) = try must("writing") { try autoencoder.serialized() }
        let again = try must("reading back") {
            try SparseAutoencoderFile(
                config: written, name: "again",
                weights: SafetensorsFile(bytes: bytes, name: "again"))
        }
        try expect(again == autoencoder, "the SAE changes")
        _ = try? SparseAutoencoder(autoencoder, inputSize: autoencoder.inputSize, folder: "input")
        return true
    }

    static func seeds() throws -> [[UInt8]] {
        var generator = SeededGenerator(seed: 3)
        func random(_ count: Int) -> [Float] { (0..<count).map { _ in generator.normal() } }
        return try SparseAutoencoderFile.Architecture.allCases.map { architecture in
            let (inputs, latents) = (4, 6)
            let isGated = architecture == .gated
            let file = SparseAutoencoderFile(
                architecture: architecture, inputSize: inputs, latentCount: latents,
                k: architecture == .topk ? 2 : nil, hookName: "model.norm", modelName: "tiny",
                encoderWeight: random(inputs * latents),
                encoderBias: isGated ? [] : random(latents),
                decoderWeight: random(inputs * latents), decoderBias: random(inputs),
                threshold: architecture == .jumprelu ? random(latents) : nil,
                gate: isGated
                    ? .init(
                        gateBias: random(latents), magnitudeBias: random(latents),
                        magnitudeScale: random(latents)) : nil)
            let (config, weights) = try file.serialized()
            return config + [0] + weights
        }
    }
}
