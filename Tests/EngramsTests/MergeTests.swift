import Kernels
import Testing

@testable import Engrams

@Suite("Engrams as addends")
struct MergeTests {
    private let zone = SafeZone()

    private func merged(
        _ terms: [(Engram, Float)], onto base: Engram? = nil, rescale: MergeRescale = .sqrt,
        episodes: Int = 100
    ) -> Engram {
        .merged(
            terms.map { .init($0.0, scale: $0.1) }, onto: base, rescale: rescale, within: zone,
            episodes: episodes)
    }

    /// What a synapse says: gain times weight, by latent and token.
    private func voices(_ engram: Engram) -> [[Int32]: Float] {
        Dictionary(
            uniqueKeysWithValues: engram.sites.features.sorted().map {
                ([$0.latent, $0.synapse.token], engram.sites.gains.feature * $0.synapse.weight)
            })
    }

    @Test("A merge of one engram is that engram, without its traces")
    func identityOfOne() throws {
        let engram = try randomEngram(seed: 1)
        let sum = merged([(engram, 1)])
        #expect(sum.sites == engram.pruned(within: zone).sites)
        #expect(sum.tokensLearned == engram.tokensLearned)
        #expect(sum.revision == engram.revision.next)
    }

    @Test(
        "A sum says what its terms say, gains and scales included",
        arguments: [(MergeRescale.sqrt, Float(0.5).squareRoot()), (.average, 0.5), (.none, 1)])
    func linear(rescale: MergeRescale, factor: Float) throws {
        var (a, b) = (try randomEngram(seed: 2), try randomEngram(seed: 3))
        a.sites.gains.feature = 0.5
        b.sites.gains.feature = 2
        let sum = merged([(a, 1), (b, 0.5)], rescale: rescale)
        let (mine, theirs, both) = (voices(a), voices(b), voices(sum))
        #expect(both.count > mine.count)
        for (key, voice) in both {
            let expected = factor * ((mine[key] ?? 0) + 0.5 * (theirs[key] ?? 0))
            #expect(abs(voice - expected) < 1e-4 * (1 + abs(expected)))
        }
        #expect(sum.sites.gains.feature > 0.5 && sum.sites.gains.feature < 2)
    }

    @Test("What was added can be taken away again")
    func subtraction() throws {
        let (base, other) = (try randomEngram(seed: 4), try randomEngram(seed: 5))
        let sum = merged([(other, 1)], onto: base, rescale: .none)
        let rest = merged([(other, -1)], onto: sum, rescale: .none)
        let (before, after) = (voices(base), voices(rest))
        for key in Set(before.keys).union(after.keys) {
            #expect(abs((before[key] ?? 0) - (after[key] ?? 0)) < 1e-4)
        }
        #expect(rest.tokensLearned == base.tokensLearned)
        #expect(rest.sites.episodes.stored.count == base.sites.episodes.stored.count)
        // Nothing is left of an engram without itself but what consolidation keeps anyway.
        #expect(merged([(base, 1), (base, -1)]).sites.features.isEmpty)
    }

    @Test("Whatever is summed, the result is within the safe zone and can be admitted")
    func projected() throws {
        let terms = try (0..<12).map { (try randomEngram(seed: UInt64(20 + $0)), Float(16)) }
        let sum = merged(terms, rescale: .none)
        try sum.check(on: identity, within: zone)
        #expect(sum.sites.features.sorted().contains { abs($0.synapse.weight) == zone.weightBound })
        #expect(
            sum.sites.sequences.sorted().allSatisfy { $0.targets.count <= zone.targetsPerContext })
    }

    @Test("Episodes are the newest of each, in turns, and never more than may be remembered")
    func episodes() throws {
        func memory(_ tokens: Range<Int32>) -> EpisodicMemory {
            var memory = EpisodicMemory()
            for token in tokens {
                memory.append(
                    Episode(key: [1, Float(token)], latents: [token], token: token),
                    capacity: 8, isKept: true)
            }
            return memory
        }
        let joined = EpisodicMemory.joined([memory(0..<2), memory(10..<16)], capacity: 5)
        #expect(joined.stored.map(\.token) == [13, 0, 14, 1, 15])
        #expect(joined.isKept)
        let rest = memory(0..<6).without(memory(2..<4))
        #expect(rest.stored.map(\.token) == [0, 1, 4, 5])
        #expect(EpisodicMemory.joined([], capacity: 5).isEmpty)
    }
}
