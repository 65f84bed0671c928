import ModelFormats
import Testing

@testable import Engrams

/// A stranger's file may name any count; nothing that adds to it may trap.
@Suite("An engram's count of tokens")
struct TokenCountTests {
    @Test("stays at its end")
    func saturates() throws {
        var engram = try randomEngram(seed: 1)
        for _ in 0..<2 {
            try engram.commit(
                Proposal(base: engram.revision, sites: engram.sites, tokens: .max),
                within: SafeZone())
            #expect(engram.tokensLearned == Engram.tokensLearnedMaximum)
        }
        let sum = engram.reconciled(
            with: engram, since: .empty(identity: engram.identity), .grown, within: SafeZone(),
            episodes: 4)
        #expect(sum.tokensLearned == Engram.tokensLearnedMaximum)
        let merged = Engram.merged(
            [.init(engram, scale: 3)], onto: engram, rescale: .none, within: SafeZone(),
            episodes: 4)
        #expect(merged.tokensLearned == Engram.tokensLearnedMaximum)
        #expect(throws: Never.self) {
            try Engram(serialized: sum.serialized(as: .checkpoint), name: "sum")
        }
    }

    @Test("beyond the greatest is refused in a file", arguments: [Int.max, 1_000_000_000_000_001])
    func refuses(count: Int) throws {
        let file = try SafetensorsFile(
            bytes: try randomEngram(seed: 1).serialized(as: .checkpoint), name: "engram")
        let entries = try file.names.map { name in
            let tensor = try file.tensor(name)
            return SafetensorsWriter.Entry(
                name: name, type: tensor.type, shape: tensor.shape,
                bytes: tensor.withUnsafeBytes { Array($0) })
        }
        var metadata = file.metadata
        metadata["tokens_learned"] = String(count)
        let damaged = try SafetensorsWriter.serialize(entries, metadata: metadata)
        #expect(throws: EngramError.self) { try Engram(serialized: damaged, name: "damaged") }
        metadata["tokens_learned"] = String(Engram.tokensLearnedMaximum)
        let fits = try SafetensorsWriter.serialize(entries, metadata: metadata)
        #expect(throws: Never.self) { try Engram(serialized: fits, name: "fits") }
    }
}
