import Kernels
import ModelFormats
import Testing

@testable import Engrams

@Suite("What is protected")
struct ProtectedSitesTests {
    private func zone(tokens: [Int32] = [], latents: [Int32] = []) -> SafeZone {
        var zone = SafeZone()
        zone.protected = ProtectedSites(tokens: tokens, latents: latents)
        return zone
    }

    @Test("is found in its set and nowhere else")
    func membership() {
        let odd = ProtectedSites(tokens: (0..<50).map { 2 * $0 + 1 }.reversed(), latents: [9, 9])
        for token in Int32(-1)..<110 {
            #expect(odd.hasToken(token) == (token > 0 && token < 100 && token % 2 == 1))
        }
        #expect(odd.latents == [9] && odd.hasLatent(9) && !odd.hasLatent(8))
        #expect(!ProtectedSites().hasToken(0) && ProtectedSites().isEmpty)
    }

    @Test("is refused in a proposal and in an engram from elsewhere, at every site")
    func refused() throws {
        var one = PlasticSites()
        one.bias = [Float](repeating: 0, count: identity.vocabularySize)
        one.bias[6] = 0.5
        var two = PlasticSites()
        two.features = FeatureSynapses([(latent: 4, synapse: Synapse(token: 6, weight: 0.1))])
        var three = PlasticSites()
        three.sequences = SequenceSynapses([
            SequenceContext(
                key: ContextKey(token: 1), order: 1, targets: [.init(token: 6, weight: -0.1)])
        ])
        var four = PlasticSites()
        four.episodes.append(
            Episode(key: [Float](repeating: 1, count: 8), latents: [4], token: 6), capacity: 4,
            isKept: true)
        for sites in [one, two, three, four] {
            var engram = Engram.empty(identity: identity)
            let proposal = Proposal(base: .zero, sites: sites, tokens: 1)
            #expect(throws: EngramError.self) {
                try engram.commit(proposal, within: zone(tokens: [6]))
            }
            #expect(engram == .empty(identity: identity))
            try engram.commit(proposal, within: zone(tokens: [5, 7], latents: [3]))
            let error = #expect(throws: EngramError.self) {
                try engram.check(on: identity, within: zone(tokens: [6]))
            }
            #expect(error?.description.contains("token 6") == true)
        }
        var five = PlasticSites()
        five.layer.update(
            latent: 4, post: [Float](repeating: 1, count: 8), pre: 1,
            change: SynapticChange(coincidence: 1), bound: 4)
        for sites in [two, five] {
            var engram = Engram.empty(identity: identity)
            let error = #expect(throws: EngramError.self) {
                try engram.commit(
                    Proposal(base: .zero, sites: sites, tokens: 1), within: zone(latents: [4]))
            }
            #expect(error?.description.contains("latent 4") == true)
        }
    }

    @Test("is refused as a target of weight 0 too: learning in its context would move it")
    func silentTarget() throws {
        var sites = PlasticSites()
        sites.sequences = SequenceSynapses([
            SequenceContext(
                key: ContextKey(token: 1), order: 1, targets: [.init(token: 6, weight: 0)])
        ])
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
        #expect(throws: EngramError.self) {
            try engram.check(on: identity, within: zone(tokens: [6]))
        }
        try engram.check(on: identity, within: zone(tokens: [5]))
    }

    @Test("An engram from elsewhere loses what would push, and nothing else")
    func dropped() throws {
        var engram = Engram.empty(identity: identity)
        try engram.commit(
            Proposal(base: .zero, sites: randomSites(seed: 8), tokens: 1), within: SafeZone())
        let latent = try #require(engram.sites.features.sorted().first).latent
        let protected = zone(tokens: [4, 1], latents: [7, latent])
        #expect(throws: EngramError.self) { try engram.check(on: identity, within: protected) }
        let moved = try engram.transferred(to: identity, within: protected).0
        try moved.check(on: identity, within: protected)
        let (before, after) = (engram.sites, moved.sites)
        #expect(after.bias[4] == 0 && after.bias[1] == 0 && after.bias[2] == before.bias[2])
        #expect(
            after.features.sorted().map(\.synapse.weight)
                == before.features.sorted().filter {
                    ![7, latent].contains($0.latent) && ![1, 4].contains($0.synapse.token)
                }.map(\.synapse.weight))
        let targets = before.sequences.sorted().flatMap(\.targets)
        #expect(
            after.sequences.sorted().flatMap(\.targets) == targets.filter { $0.token != 4 })
        #expect(after.layer.decoder.isEmpty && before.layer.decoder.keys.elementsEqual([7]))
        #expect(after.episodes.stored.map(\.token).sorted() == [2, 3])
        #expect(after.matrix == before.matrix)
        #expect(before.dropping(ProtectedSites()) == before)
    }

    @Test("An imported adapter's weights outlive what is dropped beside them")
    func keepsAdapters() {
        var sites = PlasticSites()
        sites.layer = LayerSynapses(
            decoder: [3: [1, 0], 7: [0, 1]],
            deltas: [
                .unembedding: LowRankDelta(
                    inputs: 2, outputs: 3, rank: 1, a: [1, 2], b: [3, 4, 5])
            ])
        let kept = sites.dropping(ProtectedSites(tokens: [1], latents: [7])).layer
        #expect(kept.deltas == sites.layer.deltas && !kept.deltas.isEmpty)
        #expect(kept.decoder == [3: [1, 0]])
    }

    @Test("An engram of another constitution is refused with both hashes; the file names its own")
    func constitution() throws {
        var sealed = identity
        sealed.constitution = String(repeating: "d", count: 64)
        var engram = Engram.empty(identity: sealed)
        try engram.commit(
            Proposal(base: .zero, sites: randomSites(seed: 4), tokens: 1), within: SafeZone())
        let bytes = try engram.serialized(as: .checkpoint)
        let again = try Engram(serialized: bytes, name: "e")
        #expect(again.identity == sealed)
        let file = try SafetensorsFile(bytes: bytes, name: "e")
        #expect(file.metadata["constitution_sha256"] == sealed.constitution)
        #expect(
            throws: EngramError.wrongCortex(
                part: "constitution", found: sealed.constitution, expected: ContentDigest.none)
        ) { try again.check(on: identity, within: SafeZone()) }
        try again.check(on: sealed, within: SafeZone())
    }
}
