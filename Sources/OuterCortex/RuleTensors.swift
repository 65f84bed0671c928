import Foundation
import InnerCortex
public import ModelFormats

/// The part of a rule that is learned offline rather than written: `rule.safetensors` beside
/// `rule.json`. Both parts may be missing.
///
/// Tensors: `gate.*` and `readout.*` (`Neuromodulator`), `whitening.mean`, `.transform`,
/// `.unembedding_mean`, `.unembedding_transform` (`Whitening`), `episode.mean` and
/// `episode.projection` (`KeyProjection`), all F32.
public struct RuleTensors: Sendable, Equatable {
    public var neuromodulator: Neuromodulator?
    /// Without it the matrix site stays silent.
    public var whitening: Whitening?
    /// Without it the episodic site stays silent.
    public var keyProjection: KeyProjection?
    /// Without it nothing is recalled by meaning. Of a file of its own, which no rule search writes.
    public var recall: RecallWeights?

    public init(
        neuromodulator: Neuromodulator? = nil, whitening: Whitening? = nil,
        keyProjection: KeyProjection? = nil, recall: RecallWeights? = nil
    ) {
        self.recall = recall
        self.neuromodulator = neuromodulator
        self.whitening = whitening
        self.keyProjection = keyProjection
    }

    public static let fileName = "rule.safetensors"
    private static let formatName = "hebb.rule_tensors"

    public var isEmpty: Bool { neuromodulator == nil && whitening == nil && keyProjection == nil }

    /// Reads a folder's files; nothing when there are none.
    public init(folder: String) throws(CortexError) {
        try self.init(ruleFileIn: folder)
        recall = try RecallWeights.inFolder(folder)
    }

    private init(ruleFileIn folder: String) throws(CortexError) {
        let path = URL(fileURLWithPath: folder).appendingPathComponent(Self.fileName).path
        guard FileManager.default.fileExists(atPath: path) else {
            self.init()
            return
        }
        let file: SafetensorsFile
        do {
            file = try SafetensorsFile(path: path)
        } catch {
            throw .unreadableRule(file: path, reason: "\(error)")
        }
        try self.init(file: file)
    }

    /// Reads what `serialized()` wrote.
    public init(file: SafetensorsFile) throws(CortexError) {
        let path = file.name
        self.init()
        guard file.metadata["format"] == Self.formatName else {
            throw .unreadableRule(
                file: path, reason: "its metadata has no format = \(Self.formatName)")
        }
        if file.names.contains(where: { $0.hasPrefix("gate.") }) {
            neuromodulator = try Neuromodulator(file: file)
        }
        if file.names.contains(where: { $0.hasPrefix("whitening.") }) {
            whitening = try Self.whitening(file, path)
        }
        if file.names.contains(where: { $0.hasPrefix("episode.") }) {
            keyProjection = try Self.keyProjection(file, path)
        }
    }

    /// The file's content, stable for equal tensors.
    public func serialized() throws -> [UInt8] {
        var entries = neuromodulator?.tensors() ?? []
        if let whitening {
            let size = whitening.size
            entries += [
                .floats("whitening.mean", shape: [size], whitening.mean),
                .floats("whitening.transform", shape: [size, size], whitening.transform),
                .floats("whitening.unembedding_mean", shape: [size], whitening.unembeddingMean),
                .floats(
                    "whitening.unembedding_transform", shape: [size, size],
                    whitening.unembeddingTransform),
            ]
        }
        if let keyProjection {
            let size = keyProjection.mean.count
            entries += [
                .floats("episode.mean", shape: [size], keyProjection.mean),
                .floats(
                    "episode.projection", shape: [keyProjection.keySize, size],
                    keyProjection.projection),
            ]
        }
        return try SafetensorsWriter.serialize(entries, metadata: ["format": Self.formatName])
    }

    /// Throws unless what reads hidden states reads this core's.
    ///
    /// - Parameter file: what to call the tensors in an error.
    func check(_ inner: InnerCortex, file: String) throws(CortexError) {
        let hiddenSize = inner.config.hiddenSize
        try recall?.check(inner, file: file)
        let sizes = [
            ("whitening.mean", whitening?.size), ("episode.mean", keyProjection?.mean.count),
        ]
        for (name, size) in sizes {
            guard let size, size != hiddenSize else { continue }
            throw .unreadableRule(
                file: file,
                reason: "its \(name) is of \(size) values, the core's hidden states have "
                    + "\(hiddenSize); a rule goes with the core that it was learned on")
        }
    }

    private static func whitening(
        _ file: SafetensorsFile, _ path: String
    ) throws(CortexError) -> Whitening {
        let mean = try values(file, path, "whitening.mean", rank: 1)
        let names = ["transform", "unembedding_mean", "unembedding_transform"]
        let lengths = [mean.count * mean.count, mean.count, mean.count * mean.count]
        var parts: [[Float]] = []
        for (name, length) in zip(names, lengths) {
            let part = try values(
                file, path, "whitening.\(name)", rank: length == mean.count ? 1 : 2)
            guard part.count == length else {
                throw .unreadableRule(file: path, reason: "whitening.\(name) is of another size")
            }
            parts.append(part)
        }
        return Whitening(
            mean: mean, transform: parts[0], unembeddingMean: parts[1],
            unembeddingTransform: parts[2])
    }

    private static func keyProjection(
        _ file: SafetensorsFile, _ path: String
    ) throws(CortexError) -> KeyProjection {
        let mean = try values(file, path, "episode.mean", rank: 1)
        let projection = try values(file, path, "episode.projection", rank: 2)
        // The shape, not the count alone: the transpose of another size may hold as many.
        guard !mean.isEmpty, !projection.isEmpty,
            (try? file.tensor("episode.projection").shape.last) == mean.count
        else {
            throw .unreadableRule(file: path, reason: "episode.projection is of another size")
        }
        return KeyProjection(mean: mean, projection: projection)
    }

    private static func values(
        _ file: SafetensorsFile, _ path: String, _ name: String, rank: Int
    ) throws(CortexError) -> [Float] {
        guard let tensor = try? file.tensor(name), tensor.type == .f32, tensor.shape.count == rank
        else {
            throw .unreadableRule(
                file: path, reason: "\(name) is missing, not F32 or not of \(rank) dimensions")
        }
        let values = tensor.floats()
        guard values.allSatisfy({ $0.isFinite && abs($0) < 1e6 }) else {
            throw .unreadableRule(file: path, reason: "\(name) holds NaN or a huge number")
        }
        return values
    }
}
