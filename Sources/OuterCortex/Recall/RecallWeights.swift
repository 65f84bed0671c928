import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

/// What recall by meaning was taught offline, once, for all users: `recall.safetensors` beside
/// `rule.json`. Where it is missing nothing is remembered by what it means.
///
/// | tensor | shape | what |
/// |---|---|---|
/// | `mean` | [t·d] | μ, of the unit states of the t tapped blocks, one behind the other |
/// | `saying.projection` | [k, t·d] | P_s: from a token that was said to its key |
/// | `question.projection` | [k, t·d] | P_q: from a token of a question |
/// | `question.attention` | [t·d] | v: how much of a question a token is |
/// | `rarity` | [vocabulary] | r: how seldom a token is said; at least 0 |
/// | `match` | [3] | β, s_0 and γ of `SayingFinder` |
/// | `reader.P.a`, `.b` | [r, in], [out, r] | B·A joins projection P of the recalled stream |
///
/// All F32 or BF16. Metadata: `format` = `hebb.recall`, `format_version` = 1, `blocks`, before which
/// the stream is tapped, such as `10,14,18`, and `readings`, how many sayings are read at most.
public final class RecallWeights: Sendable {
    static let fileName = "recall.safetensors"
    private static let formatName = "hebb.recall"

    /// Ascending.
    let blocks: [Int]
    let readings: Int
    let keySize: Int
    let mean: [Float]
    let sayingProjection: [Float]
    let questionProjection: [Float]
    let attention: [Float]
    let rarity: [Float]
    let sharpness: Float
    let nullLikeness: Float
    let steepness: Float
    /// What the recalled stream computes with beside the frozen weights.
    let reader: PassChange
    /// SHA-256 of the file.
    let digest: String

    /// Reads a folder's file; nil when there is none.
    static func inFolder(_ folder: String) throws(CortexError) -> RecallWeights? {
        let path = URL(fileURLWithPath: folder).appendingPathComponent(fileName).path
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        let bytes: [UInt8]
        let file: SafetensorsFile
        do {
            bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
            file = try SafetensorsFile(bytes: bytes, name: path)
        } catch {
            throw .unreadableRule(file: path, reason: "\(error)")
        }
        return try RecallWeights(file: file, digest: ContentDigest.of(bytes))
    }

    init(file: SafetensorsFile, digest: String) throws(CortexError) {
        func refuse(_ reason: String) -> CortexError {
            .unreadableRule(file: file.name, reason: reason)
        }
        func values(_ name: String, _ rank: Int) throws(CortexError) -> (shape: [Int], [Float]) {
            guard let tensor = try? file.tensor(name), [.f32, .bf16].contains(tensor.type),
                tensor.shape.count == rank, tensor.count > 0
            else { throw refuse("\(name) is missing, empty, not F32 or BF16, or of another shape") }
            let values = tensor.floats()
            guard values.allSatisfy({ $0.isFinite && abs($0) < 1e6 }) else {
                throw refuse("\(name) holds NaN or a huge number")
            }
            return (tensor.shape, values)
        }
        guard file.metadata["format"] == Self.formatName, file.metadata["format_version"] == "1"
        else { throw refuse("its metadata has no format = \(Self.formatName), version 1") }
        let blocks = (file.metadata["blocks"] ?? "").split(separator: ",").map { Int($0) ?? -1 }
        guard !blocks.isEmpty, blocks.count <= 8, blocks == Set(blocks).sorted(), blocks[0] >= 0
        else { throw refuse("its metadata names no ascending blocks") }
        guard let readings = Int(file.metadata["readings"] ?? ""), 1...16 ~= readings else {
            throw refuse("readings is not a number in 1...16")
        }
        (self.blocks, self.readings, self.digest) = (blocks, readings, digest)
        mean = try values("mean", 1).1
        let said = try values("saying.projection", 2)
        let asked = try values("question.projection", 2)
        attention = try values("question.attention", 1).1
        guard said.shape == asked.shape, said.shape[1] == mean.count, said.shape[0] <= 1024,
            attention.count == mean.count, mean.count % blocks.count == 0
        else { throw refuse("its projections are of different shapes") }
        keySize = said.shape[0]
        (sayingProjection, questionProjection) = (said.1, asked.1)
        rarity = try values("rarity", 1).1
        let match = try values("match", 1).1
        guard match.count == 3, rarity.allSatisfy({ $0 >= 0 }), match[0] > 0, match[2] > 0 else {
            throw refuse("match is not of three numbers, or a rarity is below 0")
        }
        (sharpness, nullLikeness, steepness) = (match[0], match[1], match[2])
        reader = PassChange(deltas: try Self.deltas(file, values: values))
    }

    private static func deltas(
        _ file: SafetensorsFile,
        values: (String, Int) throws(CortexError) -> (shape: [Int], [Float])
    ) throws(CortexError) -> [ProjectionSite: LowRankDelta] {
        var deltas: [ProjectionSite: LowRankDelta] = [:]
        for name in file.names where name.hasPrefix("reader.") && name.hasSuffix(".a") {
            let text = String(name.dropFirst("reader.".count).dropLast(".a".count))
            let a = try values(name, 2)
            let b = try values("reader.\(text).b", 2)
            guard let site = ProjectionSite(text), site.block != nil, a.shape[0] == b.shape[1],
                a.shape[0] <= LowRankDelta.maximumRank
            else {
                throw .unreadableRule(
                    file: file.name, reason: "\(name) is of no block's projection or of no rank")
            }
            deltas[site] = LowRankDelta(
                inputs: a.shape[1], outputs: b.shape[0], rank: a.shape[0], a: a.1, b: b.1)
        }
        return deltas
    }

    /// Throws unless this goes with a core.
    func check(_ inner: InnerCortex, file: String) throws(CortexError) {
        let config = inner.config
        func refuse(_ reason: String) -> CortexError {
            .unreadableRule(
                file: file,
                reason: "its \(Self.fileName) \(reason); it goes with the core it was made for")
        }
        guard mean.count == blocks.count * config.hiddenSize else {
            throw refuse("reads states of another size than \(config.hiddenSize)")
        }
        guard blocks.allSatisfy({ $0 < config.layerCount }) else {
            throw refuse("taps a block beyond the core's \(config.layerCount)")
        }
        guard rarity.count == config.vocabularySize else {
            throw refuse("knows \(rarity.count) tokens, not \(config.vocabularySize)")
        }
        for (site, delta) in reader.deltas {
            guard let shape = inner.projections.size(of: site),
                shape == (delta.inputs, delta.outputs)
            else {
                throw refuse("changes \(site), which is not there or of another size")
            }
        }
    }
}

extension RecallWeights: Equatable {
    public static func == (a: RecallWeights, b: RecallWeights) -> Bool { a.digest == b.digest }
}
