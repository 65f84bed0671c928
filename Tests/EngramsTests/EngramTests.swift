import Kernels
import ModelFormats
import Testing

@testable import Engrams

let identity = CortexIdentity(
    core: String(repeating: "a", count: 64), sparseAutoencoder: String(repeating: "b", count: 64),
    rule: String(repeating: "c", count: 64), vocabularySize: 50, latentCount: 20, hiddenSize: 8,
    episodeKeySize: 8, layerLatentCount: 20)

/// Sites of random content, the same for the same seed.
func randomSites(seed: UInt64, synapses: Int = 60, contexts: Int = 30) -> PlasticSites {
    var generator = SeededGenerator(seed: seed)
    var sites = PlasticSites()
    sites.bias = (0..<identity.vocabularySize).map { $0 % 3 == 0 ? 0 : generator.normal() }
    var entries: Set<Int> = []
    while entries.count < synapses { entries.insert(Int(generator.next() % 1000)) }
    sites.features = FeatureSynapses(
        entries.sorted().map {
            (
                Int32($0 / 50),
                Synapse(
                    token: Int32($0 % 50), weight: generator.normal(), usage: generator.uniform())
            )
        })
    for index in 0..<contexts {
        let key = ContextKey(token: Int32(index)).extended(by: 3)
        let targets = (0..<(1 + index % 12)).map {
            SequenceContext.Target(token: Int32($0 * 4), weight: generator.normal())
        }
        sites.sequences.insert(
            SequenceContext(key: key, order: 2, visits: Float(index), targets: targets))
    }
    sites.matrix = DenseSynapses(size: 8, weights: (0..<64).map { _ in generator.normal() })
    sites.layer.update(
        latent: 7, post: (0..<8).map { _ in generator.normal() }, pre: 0.5,
        change: SynapticChange(coincidence: 1), bound: 4)
    for index in 0..<5 {
        sites.episodes.append(
            Episode(
                key: (0..<8).map { _ in generator.uniform() },
                latents: [3, 11, Int32(index)].filter { index != 3 || $0 != 3 },
                token: Int32(index)), capacity: 4, isKept: true)
    }
    sites.familiarity = (0..<20).map { Int32($0 % 4) }
    sites.gains.feature = 1.25
    sites.frozenLossAverage = 3.5
    return sites
}

func randomEngram(seed: UInt64) throws -> Engram {
    var engram = Engram.empty(identity: identity)
    try engram.commit(
        Proposal(base: .zero, sites: randomSites(seed: seed), tokens: 123), within: SafeZone())
    return engram
}

@Suite("An engram")
struct EngramTests {
    @Test("takes a proposal within the safe zone and counts it")
    func commits() throws {
        let engram = try randomEngram(seed: 1)
        #expect(engram.revision == Revision(rawValue: 1))
        #expect(engram.tokensLearned == 123)
        #expect(engram.sites == randomSites(seed: 1))
    }

    @Test(
        "is untouched by a refused proposal",
        arguments: [Float.nan, .infinity, -.infinity, 8.5, -1e30])
    func refuses(weight: Float) throws {
        let before = try randomEngram(seed: 2)
        let damages: [(inout PlasticSites) -> Void] = [
            { $0.bias[7] = weight },
            { $0.features.update(latent: 3) { $0.append(Synapse(token: 49, weight: weight)) } },
            { $0.sequences.update(at: 4) { $0.targets[0].weight = weight } },
            { $0.gains.sequence = weight },
        ]
        for damage in damages {
            var engram = before
            var sites = before.sites
            damage(&sites)
            #expect(throws: EngramError.self) {
                try engram.commit(
                    Proposal(base: engram.revision, sites: sites, tokens: 1), within: SafeZone())
            }
            #expect(engram == before)
        }
    }

    @Test("refuses a proposal that was computed on another revision")
    func refusesStale() throws {
        var engram = try randomEngram(seed: 3)
        #expect(throws: EngramError.staleProposal(base: .zero, current: engram.revision)) {
            try engram.commit(
                Proposal(base: .zero, sites: PlasticSites(), tokens: 0), within: SafeZone())
        }
    }

    @Test("keeps the strongest synapses and contexts that the budget allows")
    func prunes() throws {
        var zone = SafeZone()
        zone.synapseBudget = 10
        zone.contextBudget = 5
        var engram = Engram.empty(identity: identity)
        let sites = randomSites(seed: 4)
        let report = try engram.commit(
            Proposal(base: .zero, sites: sites, tokens: 1), within: zone)
        #expect(report == CommitReport(prunedSynapses: 50, prunedContexts: 25))
        let kept = engram.sites.features.sorted().map { abs($0.synapse.weight) }
        let all = sites.features.sorted().map { abs($0.synapse.weight) }.sorted(by: >)
        #expect(kept.sorted(by: >) == Array(all.prefix(10)))
        #expect(engram.sites.sequences.count == 5)
    }

    @Test("comes back from its file bit for bit, with or without traces", arguments: 1...5)
    func roundTrips(seed: Int) throws {
        let engram = try randomEngram(seed: UInt64(seed))
        let working = try engram.serialized(as: .workingState)
        #expect(try Engram(serialized: working, name: "test") == engram)
        #expect(
            try Engram(serialized: working, name: "test").serialized(as: .workingState) == working)
        let checkpoint = try Engram(
            serialized: engram.serialized(as: .checkpoint), name: "test")
        #expect(checkpoint.sites == engram.sites.withoutTraces())
        #expect(try checkpoint.contentHash() == engram.contentHash())
        #expect(checkpoint.revision == engram.revision)
    }

    @Test("gives the same file whatever order it was learned in")
    func canonicalOrder() throws {
        let engram = try randomEngram(seed: 6)
        var shuffled = engram
        shuffled.sites.features = FeatureSynapses(engram.sites.features.sorted().reversed())
        shuffled.sites.sequences = SequenceSynapses(engram.sites.sequences.sorted().reversed())
        #expect(
            try shuffled.serialized(as: .workingState) == engram.serialized(as: .workingState))
        #expect(shuffled == engram)
    }

    @Test("says on which part it was learned when it is loaded on another")
    func wrongCortex() throws {
        let engram = try randomEngram(seed: 7)
        var other = identity
        other.sparseAutoencoder = String(repeating: "d", count: 64)
        #expect(
            throws: EngramError.wrongCortex(
                part: "SAE", found: identity.sparseAutoencoder, expected: other.sparseAutoencoder)
        ) { try engram.check(on: other, within: SafeZone()) }
    }

    @Test("is what base plus difference gives")
    func arithmetic() throws {
        let base = try randomEngram(seed: 8)
        let total = try randomEngram(seed: 9)
        let sum = total.reconciled(
            with: base, since: base, .grown, within: SafeZone(), episodes: 100)
        let wanted = Dictionary(
            uniqueKeysWithValues: total.sites.features.sorted().map {
                ([$0.latent, $0.synapse.token], $0.synapse.weight)
            })
        // A sum is consolidated: at magnitude 4 its levels are up to 0.06 apart.
        for (latent, synapse) in sum.sites.features.sorted() {
            let expected = try #require(wanted[[latent, synapse.token]])
            #expect(abs(synapse.weight - expected) < 0.035)
        }
        #expect(total.difference(from: total, within: SafeZone()).sites.features.isEmpty)
        #expect(total.difference(from: total, within: SafeZone()).sites.sequences.isEmpty)
    }

    @Test("no flipped or missing byte of a file crashes the reader or slips past the check")
    func survivesDamage() throws {
        let file = try randomEngram(seed: 10).serialized(as: .workingState)
        var generator = SeededGenerator(seed: 11)
        for _ in 0..<3000 {
            var damaged = file
            for _ in 0...Int(generator.next() % 3) {
                damaged[Int(generator.next() % UInt64(damaged.count))] ^=
                    UInt8(1 << (generator.next() % 8))
            }
            if generator.next() % 4 == 0 {
                damaged.removeLast(Int(generator.next() % UInt64(damaged.count)))
            }
            guard let engram = try? Engram(serialized: damaged, name: "damaged"),
                (try? engram.check(on: identity, within: SafeZone())) != nil
            else { continue }
            #expect(engram.sites.features.sorted().allSatisfy { abs($0.synapse.weight) <= 8 })
        }
    }

    @Test("identifiers refuse what could leave a path or a header")
    func identifiers() {
        for bad in ["", ".", "..", "a/b", "a b", "a\n", "ä", String(repeating: "x", count: 257)] {
            #expect(UserID(rawValue: bad) == nil)
        }
        #expect(SessionID("alice")?.description == "alice/default")
        #expect(SessionID("alice@example.com/s-1")?.name.rawValue == "s-1")
        #expect(SessionID("a/b/c") == nil)
        #expect(SessionID("/b") == nil)
    }
}
