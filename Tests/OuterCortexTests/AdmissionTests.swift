import Engrams
import ModelFormats
import Testing
import TinyCore

@testable import OuterCortex

@Suite("The door of a cortex")
final class AdmissionTests {
    let folder: String
    let cortex: Cortex

    init() throws {
        folder = try TinyCore.make()
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 1000
        rule.episode.capacity = 8
        rule.episode.isPersisted = true
        rule.episode.minimumSurprise = 0
        rule.tensors = RuleTensors(keyProjection: .identity(size: TinyCore.hiddenSize))
        cortex = try Cortex(folder: folder, rule: rule)
    }

    deinit { TinyCore.remove(folder) }

    /// One that remembers so many positions, whatever the rule allows.
    private func engram(episodes: Int) throws -> Engram {
        var engram = cortex.emptyEngram()
        var sites = engram.sites
        for index in 0..<episodes {
            let key = (0..<TinyCore.hiddenSize).map { Float(($0 + index) % 5) }
            sites.episodes.append(
                Episode(key: key, latents: [Int32(index)], token: Int32(index)),
                capacity: episodes, isKept: true)
        }
        try engram.commit(
            Proposal(base: .zero, sites: sites, tokens: episodes), within: cortex.zone)
        return engram
    }

    private func file(episodes: Int) throws -> [UInt8] {
        try engram(episodes: episodes).serialized(as: .workingState)
    }

    @Test("lets in as many episodes as the rule remembers, and not one more")
    func episodes() throws {
        _ = try cortex.engram(uploaded: file(episodes: 8), name: "eight")
        let error = #expect(throws: EngramError.self) {
            try self.cortex.engram(uploaded: self.file(episodes: 9), name: "nine")
        }
        #expect(error == .tooMany(what: "episodes", found: 9, limit: 8))
    }

    @Test("makes an engram of a file that names no projections one of its own")
    func adoption() throws {
        let own = try engram(episodes: 2)
        let bytes = try own.serialized(as: .workingState)
        let older = try Engram(
            serialized: SafetensorsFile(bytes: bytes, name: "own").rewritten(
                metadata: ["projections": ProjectionShapes().text]), name: "older")
        #expect(older.identity != cortex.identity)
        #expect(try cortex.admit(older) == own)
    }
}
