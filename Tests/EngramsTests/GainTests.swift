import Kernels
import ModelFormats
import Testing

@testable import Engrams

/// What speaks is gain times weight; engrams that are added were learned under gains of their own.
@Suite("Engrams under different gains")
struct GainTests {
    private let zone = SafeZone()

    private func engram(seed: UInt64, gain: Float) throws -> Engram {
        var sites = randomSites(seed: seed)
        sites.decay(SiteFactors(repeating: 0.2))
        sites.gains = SiteFactors(repeating: gain)
        var engram = Engram.empty(identity: identity)
        try engram.commit(Proposal(base: .zero, sites: sites, tokens: 1), within: zone)
        return engram
    }

    /// Every voice of an engram by its place.
    private func voices(_ engram: Engram) -> [String: Float] {
        let (sites, gains) = (engram.sites, engram.sites.gains)
        var voices: [String: Float] = [:]
        for (token, weight) in sites.bias.enumerated() {
            voices["bias \(token)"] = gains.bias * weight
        }
        for (latent, synapse) in sites.features.sorted() {
            voices["feature \(latent) \(synapse.token)"] = gains.feature * synapse.weight
        }
        for context in sites.sequences.sorted() {
            for target in context.targets {
                voices["sequence \(context.key) \(target.token)"] =
                    gains.sequence * target.weight
            }
        }
        for (index, weight) in sites.matrix.weights.enumerated() {
            voices["matrix \(index)"] = gains.matrix * weight
        }
        for latent in sites.layer.sortedLatents {
            for (index, weight) in (sites.layer.decoder[latent] ?? []).enumerated() {
                voices["layer \(latent) \(index)"] = gains.layer * weight
            }
        }
        return voices
    }

    @Test("What two went on from is said as both left it, under whatever gains")
    func consolidation() throws {
        let base = try engram(seed: 40, gain: 1)
        let head = try engram(seed: 41, gain: 2)
        let total = try engram(seed: 42, gain: 0.8)
        let sum = total.reconciled(with: head, since: base, .grown, within: zone, episodes: 4)
        #expect(sum.sites.gains == total.sites.gains)
        let (was, moved, now) = (voices(base), voices(head), voices(total))
        let found = voices(sum)
        let places = Set(was.keys).union(moved.keys).union(now.keys)
        #expect(places.count > 300)
        for place in places {
            let (was, moved, now) = (was[place] ?? 0, moved[place] ?? 0, now[place] ?? 0)
            let isSynapse = !place.hasPrefix("matrix") && !place.hasPrefix("layer")
            let expected =
                if isSynapse, was != 0, now == 0 {
                    Float(0)
                } else if isSynapse, was != 0, moved == 0 {
                    // What was learned on it, whatever the gain did.
                    (now - 0.8 * was) * was > 0 ? now - 0.8 * was : 0
                } else if was > 0, now < was, moved < was {
                    min(now, moved)
                } else if was < 0, now > was, moved > was {
                    max(now, moved)
                } else {
                    now + moved - was
                }
            // The grid of 255 levels: at magnitude 4 they are up to 0.06 apart.
            #expect(abs((found[place] ?? 0) - expected) < 0.06, "\(place)")
        }
    }

    @Test("Under equal gains differences and sums are those of the weights, to the last bit")
    func equalGains() throws {
        let (base, total) = (try engram(seed: 43, gain: 1.3), try engram(seed: 44, gain: 1.3))
        let delta = total.contribution(beyond: base)
        #expect(delta.sites.bias == zip(total.sites.bias, base.sites.bias).map { $0 - $1 })
        #expect(
            delta.sites.matrix.weights
                == zip(total.sites.matrix.weights, base.sites.matrix.weights).map { $0 - $1 })
        #expect(total.contribution(beyond: total).sites.features.isEmpty)
        let whole = total.difference(from: .empty(identity: identity), within: zone)
        #expect(whole.sites == total.pruned(within: zone).sites)
    }

    @Test("A difference to keep has only what changed, whatever the gains did, and can be taken in")
    func kept() throws {
        let base = try engram(seed: 47, gain: 1)
        var total = base
        total.sites.gains = SiteFactors(repeating: 0.5)
        total.sites.bias[3] = 7
        #expect(total.difference(from: base, within: zone).sites.features.isEmpty)
        #expect(total.contribution(beyond: base).sites.features.count == base.sites.features.count)
        total.sites.bias[3] = -7
        var far = base
        far.sites.bias[3] = 7
        let delta = total.difference(from: far, within: zone)
        #expect(delta.sites.bias[3] == -zone.weightBound)
        try delta.check(on: identity, within: zone)
    }

    @Test("Gains of 0 on all sides make no weight a bound")
    func silence() throws {
        var zone = zone
        zone.minimumGain = 0
        var (one, two) = (try engram(seed: 45, gain: 1), try engram(seed: 46, gain: 1))
        one.sites.gains = SiteFactors(repeating: 0)
        two.sites.gains = SiteFactors(repeating: 0)
        let merged = Engram.merged(
            [.init(one, scale: 1), .init(two, scale: 1)], onto: nil, rescale: .none, within: zone,
            episodes: 4)
        let sum = two.reconciled(with: one, since: one, .grown, within: zone, episodes: 4)
        for result in [merged, sum] {
            try result.check(on: identity, within: zone)
            #expect(result.sites.bias.allSatisfy { abs($0) < zone.weightBound })
            #expect(!result.sites.matrix.isEmpty)
        }
    }
}
