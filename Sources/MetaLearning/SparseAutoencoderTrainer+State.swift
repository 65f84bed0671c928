import Foundation
import ModelFormats

extension SparseAutoencoderTrainer {
    private var parameters: [(name: String, parameter: AdamParameter)] {
        [
            ("encoder", encoder), ("encoder_bias", encoderBias), ("decoder", decoder),
            ("decoder_bias", decoderBias),
        ]
    }

    /// Everything that training goes on from, bit for bit, as safetensors.
    public func state() throws -> [UInt8] {
        var entries: [SafetensorsWriter.Entry] = [
            .integers64("silence", shape: [silence.count], silence.map(Int64.init))
        ]
        for (name, parameter) in parameters {
            let parts = [
                ("value", parameter.value), ("first", parameter.first),
                ("second", parameter.second),
            ]
            for (part, values) in parts {
                entries.append(.floats("\(name).\(part)", shape: [values.count], values))
            }
        }
        return try SafetensorsWriter.serialize(
            entries,
            metadata: [
                "format": "hebb.sae_training", "step": String(step), "inputs": try inputHash(),
            ])
    }

    /// Over the dataset and all options.
    private func inputHash() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        var digest = datasetDigest
        digest.add([UInt8](try encoder.encode(options)))
        return digest.hash
    }

    /// Takes up an interrupted training.
    /// - Throws: When the state is of another dataset or other options, or of another shape than
    ///   these give; nothing is then changed.
    public mutating func restore(_ bytes: [UInt8], name: String) throws {
        let file = try SafetensorsFile(bytes: bytes, name: name)
        guard file.metadata["inputs"] == (try inputHash()) else {
            throw TrainingError.otherState(
                file: name,
                reason: "it was begun on another core or text, or with other options")
        }
        var copy = self
        func load(_ tensor: String, into values: inout [Float]) throws {
            let found = try file.tensor(tensor).floats()
            guard found.count == values.count else {
                throw TrainingError.otherState(
                    file: name,
                    reason: "\(tensor) has \(found.count) values, not \(values.count)")
            }
            values = found
        }
        func load(_ name: String, into parameter: inout AdamParameter) throws {
            try load("\(name).value", into: &parameter.value)
            try load("\(name).first", into: &parameter.first)
            try load("\(name).second", into: &parameter.second)
        }
        try load("encoder", into: &copy.encoder)
        try load("encoder_bias", into: &copy.encoderBias)
        try load("decoder", into: &copy.decoder)
        try load("decoder_bias", into: &copy.decoderBias)
        let silence = try file.tensor("silence").integers()
        guard silence.count == options.latentCount,
            let step = file.metadata["step"].flatMap(Int.init),
            (0...options.steps).contains(step)
        else {
            throw TrainingError.otherState(
                file: name, reason: "it is of another number of latents or steps")
        }
        copy.silence = silence
        copy.step = step
        self = copy
    }
}

/// Why a training could not go on.
public enum TrainingError: Error, Equatable, CustomStringConvertible {
    case otherState(file: String, reason: String)
    case noText(folder: String)

    public var description: String {
        switch self {
        case .otherState(let file, let reason):
            "\(file) does not belong to this training: \(reason). Repeat the command that it was "
                + "begun with, or delete it to start anew."
        case .noText(let folder):
            "\(folder) has no .txt file to learn from."
        }
    }
}
