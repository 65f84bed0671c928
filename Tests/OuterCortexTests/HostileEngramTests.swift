import Foundation
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// Engrams that no commit would make: built past the safe zone, as a bug or a damaged disk might.
enum Hostile: CaseIterable {
    case huge, notFinite, random, contrary

    func sites(of cortex: Cortex, seed: UInt64) -> PlasticSites {
        var generator = SeededGenerator(seed: seed)
        func weight() -> Float {
            switch self {
            case .huge: generator.normal() * 1e30
            case .notFinite: [.nan, .infinity, -.infinity, 1][Int(generator.next() % 4)]
            case .random: generator.normal() * 4
            case .contrary: -20
            }
        }
        var sites = PlasticSites()
        let vocabulary = cortex.identity.vocabularySize
        sites.bias = (0..<vocabulary).map { _ in weight() }
        for latent in 0..<cortex.identity.latentCount {
            sites.features.update(latent: Int32(latent)) { synapses in
                for token in 0..<vocabulary where generator.next() % 4 == 0 {
                    synapses.append(Synapse(token: Int32(token), weight: weight()))
                }
            }
        }
        for token in 0..<vocabulary {
            let targets = (0..<12).map {
                SequenceContext.Target(token: Int32($0 * 20), weight: weight())
            }
            sites.sequences.insert(
                SequenceContext(key: ContextKey(token: Int32(token)), order: 1, targets: targets))
        }
        let hidden = cortex.identity.hiddenSize
        sites.matrix = DenseSynapses(
            size: hidden, weights: (0..<hidden * hidden).map { _ in weight() })
        var decoder: [Int32: [Float]] = [:]
        for latent in 0..<cortex.identity.layerLatentCount {
            decoder[Int32(latent)] = (0..<hidden).map { _ in weight() }
        }
        let inner = cortex.identity.projections.intermediate
        let site = ProjectionSite.block(1, .query)
        let delta = LowRankDelta(
            inputs: hidden, outputs: cortex.identity.projections.queries, rank: 2,
            a: (0..<2 * hidden).map { _ in weight() },
            b: (0..<2 * cortex.identity.projections.queries).map { _ in weight() })
        sites.layer = LayerSynapses(
            dense: DenseSynapses(
                outputs: hidden, inputs: inner,
                weights: (0..<hidden * inner).map { _ in weight() }),
            decoder: decoder, deltas: [site: delta])
        for index in 0..<40 {
            sites.episodes.append(
                Episode(
                    key: (0..<hidden).map { _ in weight() },
                    latents: [Int32(index % cortex.identity.latentCount)],
                    token: Int32(index % vocabulary)), capacity: 40, isKept: false)
        }
        sites.familiarity = [Int32](repeating: .max, count: cortex.identity.latentCount)
        return sites
    }
}

/// Every site on, and a neuromodulator of random weights.
func fullRule(identity: CortexIdentity) -> PlasticityRule {
    var rule = PlasticityRule()
    rule.matrix.rate = 1
    rule.episode.capacity = 64
    rule.episode.sharedLatents = 1
    rule.layer.dense.rate = 1
    rule.layer.decoder.rate = 1
    var generator = SeededGenerator(seed: 77)
    let orders = rule.orderRates.count
    let plain = Neuromodulator.neutral(
        statisticCount: LocalStatistics.count(orders: orders), siteCount: rule.siteCount,
        hidden: 24, readout: 12, generator: &generator)
    let modulator = Neuromodulator(
        mean: plain.mean, inverseDeviation: plain.inverseDeviation,
        hiddenWeight: plain.hiddenWeight.map { $0 * 4 }, hiddenBias: plain.hiddenBias,
        gainWeight: plain.gainWeight.map { $0 * 40 }, gainBias: plain.gainBias,
        readoutWeight: plain.readoutWeight, readoutBias: plain.readoutBias,
        readoutContext: plain.readoutContext.map { _ in generator.normal() },
        readoutOutput: plain.readoutOutput.map { _ in 3 * generator.normal() })
    rule.tensors = RuleTensors(
        neuromodulator: modulator, whitening: .identity(size: identity.hiddenSize),
        keyProjection: .identity(size: identity.hiddenSize))
    return rule
}

@Suite("The safe zone over whole texts")
struct HostileEngramTests {
    /// With four kinds of engrams, three bounds and eight texts of about 1,050 tokens: more than
    /// 100,000 tokens.
    @Test("no engram moves a token past ε or makes a text cost more than the stated bound")
    func boundsHold() throws {
        let folder = try TinyCore.make(seed: 5, withLayerAutoencoder: true)
        defer { TinyCore.remove(folder) }
        var tokens = 0
        for epsilon in [0.1, 2, 8] {
            var rule = fullRule(identity: try Cortex(folder: folder).identity)
            rule.safeZone.maximumDivergence = epsilon
            let cortex = try Cortex(folder: folder, rule: rule)
            var generator = SeededGenerator(seed: 21)
            for hostile in Hostile.allCases {
                for index in 0..<8 {
                    var engram = cortex.emptyEngram()
                    engram.sites = hostile.sites(of: cortex, seed: UInt64(index))
                    let text = Self.text(kind: index % 4, using: &generator)
                    let scored = cortex.score(text, with: engram)
                    tokens += scored.tokens
                    #expect(scored.adaptation.klMax <= epsilon)
                    #expect(scored.adaptation.strengthMin >= 0)
                    var (frozen, adapted) = (0.0, 0.0)
                    for (count, token) in scored.perToken.enumerated() {
                        frozen += token.frozen * log(2)
                        adapted += token.adapted * log(2)
                        let bound = rule.safeZone.harmBound(tokens: count + 1)
                        guard adapted <= frozen + bound + 1e-3 else {
                            Issue.record("\(hostile): \(adapted) > \(frozen) + \(bound)")
                            break
                        }
                    }
                }
            }
        }
        #expect(tokens > 100_000)
    }

    @Test("a hostile engram is refused at the door", arguments: 0..<3)
    func isRefused(index: Int) throws {
        let folder = try TinyCore.make(seed: 5)
        defer { TinyCore.remove(folder) }
        let cortex = try Cortex(folder: folder)
        var engram = cortex.emptyEngram()
        engram.sites = [Hostile.huge, .notFinite, .contrary][index].sites(of: cortex, seed: 1)
        #expect(throws: EngramError.self) { try cortex.admit(engram) }
    }

    private static func text(kind: Int, using generator: inout SeededGenerator) -> String {
        switch kind {
        case 0: String(repeating: "the same again and ", count: 85)
        case 1:
            String(
                (0..<1100).map { _ in Character(Unicode.Scalar(UInt8(32 + generator.next() % 95))) }
            )
        case 2: String(repeating: "ab", count: 640)
        default:
            (0..<300).map { _ in
                ["an", "on", "there", "is", "no", "end"][Int(generator.next() % 6)]
            }
            .joined(separator: " ")
        }
    }
}
