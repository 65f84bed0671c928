import Testing

@testable import Engrams

@Suite("A comparison of two engrams")
struct EngramComparisonTests {
    private func engram(_ sites: PlasticSites) throws -> Engram {
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: SafeZone())
        return engram
    }

    private func compare(_ a: PlasticSites, _ b: PlasticSites, limit: Int = 100) throws
        -> EngramComparison
    {
        try engram(a).comparison(with: engram(b), limit: limit, pushLimit: 100)
    }

    @Test("of one with itself is empty")
    func nothing() throws {
        let same = try compare(randomSites(seed: 30), randomSites(seed: 30))
        #expect(same.latents.isEmpty && same.contexts.isEmpty && same.tokens.isEmpty)
        #expect(same.biases.isEmpty)
        for site in same.sites {
            #expect(site.added + site.removed + site.changed == 0)
            #expect(site.normOfChange == 0)
            #expect(site.normBefore == site.normAfter && site.countBefore == site.countAfter)
        }
        #expect(same.sites.map(\.name).contains("episodes"))
    }

    @Test("counts what came, went and changed, with its weights before and after")
    func counts() throws {
        var (a, b) = (PlasticSites(), PlasticSites())
        a.features = FeatureSynapses([
            (2, Synapse(token: 1, weight: 3)), (2, Synapse(token: 4, weight: 1)),
            (5, Synapse(token: 1, weight: -1)),
        ])
        b.features = FeatureSynapses([
            (2, Synapse(token: 1, weight: 3)), (2, Synapse(token: 4, weight: -1)),
            (9, Synapse(token: 1, weight: 0.5)),
        ])
        b.familiarity = [Int32](repeating: 0, count: 20)
        b.familiarity[2] = 7
        let key = ContextKey(token: 3)
        a.sequences.insert(.init(key: key, order: 1, targets: [.init(token: 8, weight: 2)]))
        b.sequences.insert(
            .init(
                key: key, order: 1,
                targets: [.init(token: 8, weight: 2.5), .init(token: 1, weight: 1)]))
        b.bias = [Float](repeating: 0, count: 50)
        b.bias[1] = -0.25
        let found = try compare(a, b)
        let site = try #require(found.sites.first { $0.name == "features" })
        #expect([site.countBefore, site.countAfter] == [3, 3])
        #expect([site.added, site.removed, site.changed] == [1, 1, 1])
        #expect(site.normBefore == Float(11).squareRoot())
        #expect(site.normOfChange == Float(4 + 1 + 0.25).squareRoot())
        // By size of change; 2 and then the latent that is gone.
        #expect(found.latents.map(\.latent) == [2, 5, 9])
        #expect(found.latents[0].pushes == [.init(token: 4, before: 1, after: -1)])
        #expect(found.latents[0].familiarity == 7)
        #expect(found.latents[1].normAfter == 0)
        #expect(found.contexts.map(\.key) == [key])
        #expect(found.contexts[0].pushes.map(\.token) == [1, 8])
        #expect(found.contexts[0].pushes.map(\.change) == [1, 0.5])
        #expect(found.biases == [.init(token: 1, before: 0, after: -0.25)])
        // Token 1: latent 5 let it go (+1), latent 9 and the context took it up.
        let token = try #require(found.tokens.first)
        #expect(
            token
                == .init(token: 1, bias: -0.25, features: 1.5, sequences: 1, total: 2.75))
        #expect(found.tokens.map(\.token) == [1, 4, 8])
    }

    @Test("lists no more than asked, and of each sign no more pushes")
    func limits() throws {
        let (a, b) = (PlasticSites(), randomSites(seed: 31))
        let whole = try compare(a, b)
        let short = try engram(a).comparison(with: engram(b), limit: 3, pushLimit: 1)
        #expect(short.latents.map(\.latent) == whole.latents.prefix(3).map(\.latent))
        #expect(short.contexts.count == 3 && short.tokens.count == 3 && short.biases.count == 3)
        for latent in short.latents {
            #expect(latent.pushes.count { $0.change > 0 } <= 1)
            #expect(latent.pushes.count { $0.change < 0 } <= 1)
        }
        let sizes = whole.latents.map(\.normOfChange)
        #expect(sizes == sizes.sorted(by: >))
        #expect(short.sites == whole.sites)
    }

    @Test("the other way round has every change's sign turned")
    func symmetry() throws {
        let (a, b) = (randomSites(seed: 32), randomSites(seed: 33))
        let (there, back) = (try compare(a, b), try compare(b, a))
        #expect(there.latents.map(\.latent) == back.latents.map(\.latent))
        #expect(
            there.latents.map { $0.pushes.map(\.change) }
                == back.latents.map { $0.pushes.map { -$0.change } })
        for (one, other) in zip(there.sites, back.sites) {
            #expect([one.added, one.removed] == [other.removed, other.added])
            #expect(one.changed == other.changed)
        }
    }
}
