import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// Every site on, with a neuromodulator whose weights are random but whose gains stay near 1.
func richRule(hiddenSize: Int) -> PlasticityRule {
    var rule = PlasticityRule()
    rule.safeZone.learningGate = 100
    rule.matrix.rate = 0.5
    rule.episode.capacity = 200
    rule.episode.sharedLatents = 1
    rule.episode.minimumSurprise = 0
    var generator = SeededGenerator(seed: 5)
    rule.tensors = RuleTensors(
        neuromodulator: .neutral(
            statisticCount: rule.statisticCount, siteCount: rule.siteCount, hidden: 8, readout: 4,
            generator: &generator),
        whitening: .identity(size: hiddenSize), keyProjection: .identity(size: hiddenSize))
    return rule
}

@Suite("A rule")
final class RuleTests {
    let folder: String
    let plain: Cortex
    let cortex: Cortex

    init() throws {
        folder = try TinyCore.make()
        plain = try Cortex(folder: folder)
        cortex = try plain.with(rule: richRule(hiddenSize: plain.identity.hiddenSize))
    }

    deinit { TinyCore.remove(folder) }

    @Test("that was learned on a core of another size is refused before it is used")
    func foreignTensors() throws {
        let size = plain.identity.hiddenSize
        for tensors in [
            RuleTensors(whitening: .identity(size: size + 1)),
            RuleTensors(keyProjection: .identity(size: size + 1)),
        ] {
            var rule = richRule(hiddenSize: size)
            rule.tensors = tensors
            #expect(throws: CortexError.self) { try plain.with(rule: rule) }
            #expect(throws: CortexError.self) { try Cortex(folder: folder, rule: rule) }
        }
        let transposed = try SafetensorsWriter.serialize(
            [
                .floats("episode.mean", shape: [2], [0, 0]),
                .floats("episode.projection", shape: [2, 3], [1, 2, 3, 4, 5, 6]),
            ], metadata: ["format": "hebb.rule_tensors"])
        let file = try SafetensorsFile(bytes: transposed, name: "tensors")
        #expect(throws: CortexError.self) { try RuleTensors(file: file) }
    }

    @Test("comes back from its two files, and names itself by both")
    func roundTrip() throws {
        let target = FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-rule-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: target) }
        try cortex.rule.write(folder: target.path)
        let read = try PlasticityRule(path: target.path)
        #expect(read == cortex.rule)
        let file = target.appendingPathComponent(PlasticityRule.fileName).path
        #expect(try PlasticityRule(path: file) == read)
        #expect(throws: CortexError.self) { try PlasticityRule(path: file + ".not") }
        #expect(try read.contentHash() == cortex.rule.contentHash())
        var other = read
        other.tensors.keyProjection = nil
        #expect(try other.contentHash() != read.contentHash())
        other.tensors = RuleTensors()
        try other.write(folder: target.path)
        #expect(try PlasticityRule(path: target.path).tensors.isEmpty)
    }

    @Test("is refused when its neuromodulator belongs to other orders")
    func refusesOtherOrders() throws {
        let target = FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-rule-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: target) }
        var rule = cortex.rule
        rule.orderRates.append(0.5)
        try rule.write(folder: target.path)
        #expect(throws: CortexError.self) { try PlasticityRule(path: target.path) }
    }

    @Test("counts the statistics of a position as they are made", arguments: 0...8)
    func statisticCount(orders: Int) throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        rule.orderRates = [Float](repeating: 1, count: orders)
        let cortex = try plain.with(rule: rule)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe("The heron eats eels.", into: &engram)
        var pass = TextPass(cortex: cortex, tokens: cortex.encode("Ottoline"))
        var readout = PlasticReadout(cortex: cortex, logsTokens: true)
        let read = pass.source.nextSlice(layer: engram.sites.layer)
        let slice = try #require(read)
        for row in 0..<slice.positions.count {
            readout.compute(
                slice, row: row, history: pass.history[...row], sites: engram.sites,
                tokensLearned: 9)
            #expect(readout.statistics.values.count == rule.statisticCount)
        }
    }

    @Test("with a neutral neuromodulator predicts as the same rule without one")
    func neutralGate() throws {
        var rule = cortex.rule
        rule.tensors.neuromodulator = nil
        let ungated = try plain.with(rule: rule)
        var (one, two) = (cortex.emptyEngram(), ungated.emptyEngram())
        let a = try cortex.observe(lesson, into: &one)
        let b = try ungated.observe(lesson, into: &two)
        #expect(abs(a.bits.adapted - b.bits.adapted) < 0.02 * b.bits.adapted)
        #expect(a.bits.adapted != b.bits.adapted)
        #expect(a.bits.adapted < 0.9 * a.bits.frozen)
    }

    @Test("lets a neuromodulator that says 0 silence every site")
    func closedGate() throws {
        var rule = cortex.rule
        guard let open = rule.tensors.neuromodulator else { return }
        rule.tensors.neuromodulator = Neuromodulator(
            mean: open.mean, inverseDeviation: open.inverseDeviation,
            hiddenWeight: open.hiddenWeight, hiddenBias: open.hiddenBias,
            gainWeight: open.gainWeight.map { _ in 0 }, gainBias: open.gainBias.map { _ in -40 },
            readoutWeight: open.readoutWeight, readoutBias: open.readoutBias,
            readoutContext: open.readoutContext, readoutOutput: open.readoutOutput)
        let closed = try plain.with(rule: rule)
        var engram = closed.emptyEngram()
        let seen = try closed.observe(lesson, into: &engram)
        #expect(!engram.sites.features.isEmpty && !engram.sites.episodes.isEmpty)
        #expect(abs(seen.bits.adapted - seen.bits.frozen) < 1e-3 * seen.bits.frozen)
    }

    @Test("A readout adds at most what the sites say for a token and half of what they say against")
    func boundedReadout() throws {
        // Its readout is large and random. The core has no autoencoder of a layer.
        var rule = fullRule(identity: plain.identity)
        rule.layer = LayerRule()
        let cortex = try plain.with(rule: rule)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        var pass = TextPass(cortex: cortex, tokens: cortex.encode(lesson))
        var (atBound, below, lowered) = (0, 0, 0)
        while let slice = pass.source.nextSlice(layer: engram.sites.layer) {
            for position in slice.positions {
                _ = pass.step(slice, position: position, sites: engram.sites, tokensLearned: 100)
                let (readout, candidates) = (
                    pass.predictor.readout, pass.predictor.readout.candidates
                )
                for (index, token) in candidates.tokens.enumerated() {
                    let said = stride(
                        from: index, to: candidates.terms.count, by: candidates.tokens.count
                    ).map { candidates.terms[$0] }
                    let limit = said.reduce(0) { $0 + ($1 > 0 ? $1 : -$1 / 2) }
                    let added = readout.shift[Int(token)] - said.reduce(0, +)
                    #expect(added <= limit + 1e-4)
                    if added < -1e-3 {
                        lowered += 1
                    } else if limit > 1e-3 {
                        if added > limit - 1e-4 { atBound += 1 } else { below += 1 }
                    }
                }
            }
        }
        #expect(atBound > 100 && below > 100 && lowered > 100)
    }

    @Test("the same events give the same engram with every site on")
    func isDeterministic() throws {
        var (one, two) = (cortex.emptyEngram(), cortex.emptyEngram())
        for piece in ["The heron eats eels.", lesson, "Ottoline the heron."] {
            _ = try cortex.observe(piece, into: &one)
            _ = try cortex.observe(piece, into: &two)
            two = try Engram(serialized: two.serialized(as: .workingState), name: "state")
        }
        #expect(try one.serialized(as: .workingState) == two.serialized(as: .workingState))
        try cortex.admit(one)
    }

    @Test("an answer is generated under the sites of its own positions, one by one as in a text")
    func generation() throws {
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let prompt = cortex.encode("The heron on the northern")
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: prompt, maxTokens: 24, sampling: SamplingOptions(temperature: 0), seed: 1),
            with: engram)
        task.run()
        let answer = task.result.tokens
        #expect(answer.count == 24)
        let scored = cortex.startScoring(prompt + answer, with: engram)
        scored.run()
        let total = scored.result.adaptation
        #expect(abs(task.result.adaptation.klMean - total.klMean) < 1e-3)
        #expect(abs(task.result.adaptation.klMax - total.klMax) < 1e-2)
    }

    @Test("a recorded text is observed and scored as the text itself, to the bit")
    func recording() throws {
        let long = String(repeating: lesson, count: 4)
        let text = plain.record(cortex.encode(long))
        var (live, recorded) = (cortex.emptyEngram(), cortex.emptyEngram())
        let seen = try cortex.observe(long, into: &live)
        let task = cortex.startObserving(text, from: recorded)
        task.run()
        try recorded.commit(task.result.proposal, within: cortex.zone)
        #expect(task.result.bits == seen.bits)
        #expect(try live.serialized(as: .workingState) == recorded.serialized(as: .workingState))
        let score = cortex.startScoring(text, with: recorded)
        score.run()
        #expect(score.result.bits == cortex.score(long, with: live).bits)
        #expect(text.count == cortex.encode(long).count)
    }

    @Test("episodes recall what followed a position of the same kind")
    func episodes() throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        rule.bias.rate = 0
        rule.orderRates = []
        rule.feature.rate = 0
        rule.episode.capacity = 400
        rule.episode.minimumSurprise = 0
        rule.tensors.keyProjection = .identity(size: plain.identity.hiddenSize)
        let cortex = try plain.with(rule: rule)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        #expect(engram.sites.episodes.count > 300)
        let again = cortex.score(lesson, with: engram)
        #expect(again.bits.adapted < 0.8 * again.bits.frozen)
        #expect(engram.consolidated(within: cortex.zone).sites.episodes.isEmpty)
        rule.episode.isPersisted = true
        let keeping = try plain.with(rule: rule)
        var kept = keeping.emptyEngram()
        _ = try keeping.observe(lesson, into: &kept)
        let saved = kept.consolidated(within: keeping.zone)
        #expect(
            saved.sites.episodes.stored.map(\.token).sorted()
                == kept.sites.episodes.stored.map(\.token).sorted())
        let read = try Engram(serialized: saved.serialized(as: .checkpoint), name: "test")
        #expect(read.sites == saved.sites)
        // A checkpoint's keys have 4 bits a value: enough for the neighbours to stay the same.
        let (short, long) = (keeping.score(lesson, with: read), keeping.score(lesson, with: kept))
        #expect(abs(short.bits.adapted / long.bits.adapted - 1) < 0.02)
    }

    @Test(
        "decay, surprise, eligibility, cap and plain Hebb change what is learned",
        arguments: ["decay", "surprise", "eligibility", "cap", "hebb"])
    func variants(variant: String) throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        switch variant {
        case "decay": rule.feature.decay = 0.01
        case "surprise": rule.feature.surprise = 2
        case "eligibility": rule.feature.eligibility = 0.5
        case "cap": rule.feature.cap = 0.05
        default: rule.feature.prediction = 0
        }
        let changed = try plain.with(rule: rule)
        rule.feature = PlasticityRule().feature
        let usual = try plain.with(rule: rule)
        var (a, b) = (changed.emptyEngram(), usual.emptyEngram())
        _ = try changed.observe(lesson, into: &a)
        _ = try usual.observe(lesson, into: &b)
        let (mine, theirs) = (a.summary.featureNorm, b.summary.featureNorm)
        switch variant {
        case "decay", "surprise", "cap": #expect(mine < 0.9 * theirs)
        case "eligibility": #expect(a.sites.features.count > b.sites.features.count)
        // Without the −p term nothing holds the weights back but their bound.
        default: #expect(a.sites.features.sorted().allSatisfy { $0.synapse.weight >= 0 })
        }
        if variant == "cap" {
            #expect(a.sites.features.sorted().allSatisfy { abs($0.synapse.weight) <= 0.05 })
        }
    }
}

extension SliceSource {
    /// The next slice, however many steps it takes.
    mutating func nextSlice(layer: LayerSynapses) -> FrozenSlice? {
        while true {
            switch advance(layer: layer) {
            case .slice(let slice): return slice
            case .context: continue
            case .end: return nil
            }
        }
    }
}
