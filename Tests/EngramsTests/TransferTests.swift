import Testing

@testable import Engrams

@Suite("An engram on another cortex")
struct TransferTests {
    private func other(_ change: (inout CortexIdentity) -> Void) -> CortexIdentity {
        var other = identity
        change(&other)
        return other
    }

    @Test("keeps every weight on a changed core and a changed rule, and is admitted there")
    func changedCore() throws {
        let engram = try randomEngram(seed: 30)
        let here = other {
            $0.core = String(repeating: "d", count: 64)
            $0.rule = String(repeating: "e", count: 64)
        }
        let (moved, report) = try engram.transferred(to: here, within: SafeZone())
        #expect(report.changes.map(\.part) == ["core", "rule"])
        #expect(report.changes[0].learnedOn == identity.core)
        #expect(report.changes[0].here == here.core)
        try moved.check(on: here, within: SafeZone())
        #expect(moved.sites == engram.pruned(within: SafeZone()).sites)
        #expect(report.sites.contains { $0.name == "features" && $0.after == 60 })
    }

    @Test("loses what speaks through latents when the SAE is another, and nothing else")
    func changedSAE() throws {
        let engram = try randomEngram(seed: 31)
        let here = other { $0.sparseAutoencoder = String(repeating: "d", count: 64) }
        let (moved, report) = try engram.transferred(to: here, within: SafeZone())
        try moved.check(on: here, within: SafeZone())
        #expect(moved.sites.features.isEmpty)
        #expect(moved.sites.episodes.isEmpty)
        #expect(moved.sites.familiarity.isEmpty)
        #expect(moved.sites.layer.decoder.isEmpty)
        #expect(moved.sites.sequences.count == engram.sites.sequences.count)
        #expect(
            report.sites.first { $0.name == "episodes" }
                == .init(
                    name: "episodes", before: 4, after: 0))
    }

    @Test("fits a narrower safe zone")
    func narrowerZone() throws {
        var zone = SafeZone()
        zone.weightBound = 0.5
        zone.synapseBudget = 10
        zone.maximumGain = 1.1
        let engram = try randomEngram(seed: 32)
        let here = other { $0.rule = String(repeating: "d", count: 64) }
        let (moved, _) = try engram.transferred(to: here, within: zone)
        try moved.check(on: here, within: zone)
        #expect(moved.sites.features.count == 10)
    }

    @Test("is refused by name where a dimension differs")
    func otherShape() throws {
        let engram = try randomEngram(seed: 33)
        #expect(
            throws: EngramError.otherShape(dimension: "vocabulary", found: 50, expected: 51)
        ) {
            try engram.transferred(
                to: other { $0.vocabularySize = 51 }, within: SafeZone())
        }
        #expect(throws: EngramError.self) {
            try engram.transferred(to: other { $0.episodeKeySize = 4 }, within: SafeZone())
        }
    }

    @Test("is refused with a value that is no number: no bound is near it", arguments: 0..<9)
    func notFinite(site: Int) throws {
        var engram = try randomEngram(seed: 34)
        let damages: [(inout PlasticSites) -> Void] = [
            { $0.bias[7] = .nan }, { $0.bias[7] = .infinity }, { $0.gains.sequence = .nan },
            { $0.features.update(latent: 3) { $0[0].weight = .nan } },
            { $0.sequences.update(at: 4) { $0.targets[0].weight = .nan } },
            { $0.matrix = DenseSynapses(size: 8, weights: [Float](repeating: .nan, count: 64)) },
            { $0.layer = LayerSynapses(decoder: [2: [Float](repeating: .nan, count: 8)]) },
            { $0.features.update(latent: 3) { $0[0].weight = -.infinity } },
            { $0.bias[7] = -.infinity },
        ]
        damages[site](&engram.sites)
        let here = other { $0.core = String(repeating: "d", count: 64) }
        #expect(throws: EngramError.self) {
            try engram.transferred(to: here, within: SafeZone())
        }
        guard engram.sites.bias[7].isNaN else { return }
        #expect(engram.projected(into: SafeZone()).sites.bias[7].isNaN)
    }
}
