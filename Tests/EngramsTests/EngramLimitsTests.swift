import ModelFormats
import Testing

@testable import Engrams

@Suite("An engram with more than its rule leaves")
struct EngramLimitsTests {
    private let limits = EngramLimits(episodes: 3, latentsOfEpisode: 4, tokensOfContext: 2)

    private func engram(
        episodes: Int = 3, latents: Int32 = 4, order: Int = 2
    ) throws -> Engram {
        var sites = PlasticSites()
        for number in 0..<episodes {
            sites.episodes.append(
                Episode(
                    key: [Float](repeating: 1, count: identity.episodeKeySize),
                    latents: Array(0..<latents), token: Int32(number)),
                capacity: 8, isKept: true)
        }
        sites.sequences.insert(
            SequenceContext(
                key: ContextKey(token: 1), order: order, targets: [.init(token: 1, weight: 1)]))
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
        return engram
    }

    @Test("is refused by what there is too much of, and taken at the limit")
    func admission() throws {
        func admit(_ engram: Engram) throws {
            _ = try engram.admitted(on: identity, within: SafeZone(), limits: limits)
        }
        try admit(engram())
        #expect(throws: EngramError.tooMany(what: "episodes", found: 4, limit: 3)) {
            try admit(engram(episodes: 4))
        }
        #expect(throws: EngramError.tooMany(what: "latents in an episode", found: 5, limit: 4)) {
            try admit(engram(latents: 5))
        }
        #expect(throws: EngramError.tooMany(what: "tokens in a context", found: 3, limit: 2)) {
            try admit(engram(order: 3))
        }
    }

    @Test("is cut to it when it moves to another cortex")
    func transfer() throws {
        let given = try engram(episodes: 5, latents: 6, order: 3)
        let (moved, _) = try given.transferred(to: identity, within: SafeZone(), limits: limits)
        let episodes = moved.sites.episodes.stored
        #expect(episodes.map(\.token) == [2, 3, 4])
        #expect(episodes.allSatisfy { $0.latents == [0, 1, 2, 3] })
        #expect(moved.sites.sequences.isEmpty)
        _ = try moved.admitted(on: identity, within: SafeZone(), limits: limits)
    }

    @Test("is not even read with more latents in an episode than any rule allows")
    func width() throws {
        func bytes(_ width: Int) throws -> [UInt8] {
            try file(
                of: engram(episodes: 1),
                tensors: [
                    .init(
                        name: "episode.latent", type: .u16, shape: [1, width],
                        bytes: (0..<width).flatMap { [UInt8($0 % 256), UInt8($0 / 256)] })
                ])
        }
        #expect(throws: Never.self) { try Engram(serialized: bytes(255), name: "it") }
        #expect(throws: EngramError.self) { try Engram(serialized: bytes(256), name: "it") }
    }

    @Test("Turning a part down touches that part alone")
    func parts() throws {
        var sites = PlasticSites()
        sites.bias = [Float](repeating: 0, count: identity.vocabularySize)
        (sites.bias[1], sites.bias[2], sites.bias[3]) = (1, -1, 1)
        let keys = [ContextKey(token: 1), ContextKey(token: 2)]
        for key in keys {
            sites.sequences.insert(
                SequenceContext(
                    key: key, order: 1,
                    targets: [.init(token: 1, weight: 1), .init(token: 2, weight: -1)]))
        }
        for latent in [Int32(0), 1] {
            sites.features.update(latent: latent) {
                $0 = [Synapse(token: 1, weight: 1), Synapse(token: 2, weight: -1)]
            }
        }
        for number in 0..<4 {
            sites.episodes.append(
                Episode(
                    key: [Float](repeating: 1, count: identity.episodeKeySize), latents: [0],
                    token: Int32(number)), capacity: 8, isKept: true)
        }
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
        var part = EngramPart()
        part.bias = .onto(raised: [1], lowered: [])
        part.add(.onto(raised: [], lowered: [2]), of: keys[0])
        part.add(.onto(raised: [1], lowered: [2]), of: 1)
        part.episodes = [1, 3]
        let less = engram.turnedDown(part, to: 0.5, within: SafeZone()).sites
        func near(_ found: [Float], _ expected: [Float]) -> Bool {
            zip(found, expected).allSatisfy { abs($0 - $1) < 0.02 }
        }
        #expect(near(Array(less.bias[1...3]), [0.5, -1, 1]))
        #expect(near(less.sequences[keys[0]]!.targets.map(\.weight), [1, -0.5]))
        #expect(near(less.sequences[keys[1]]!.targets.map(\.weight), [1, -1]))
        #expect(near(less.features.sorted().map(\.synapse.weight), [1, -1, 0.5, -0.5]))
        // Of the part's two episodes the older one went.
        #expect(less.episodes.stored.map(\.token) == [0, 2, 3])
        #expect(engram.turnedDown(part, to: 0, within: SafeZone()).sites.episodes.count == 2)
        // No weight is left where the whole is turned down to nothing.
        let silent = engram.turnedDown(to: 0, within: SafeZone()).sites
        #expect(silent.bias.isEmpty && silent.sequences.isEmpty && silent.episodes.isEmpty)
        let half = engram.turnedDown(to: 0.5, within: SafeZone()).sites
        #expect(near(Array(half.bias[1...3]), [0.5, -0.5, 0.5]))
        #expect(half.episodes.stored.map(\.token) == [2, 3])
    }
}
