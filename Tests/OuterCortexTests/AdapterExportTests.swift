import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// A rule under which what leaves is nearly what the sites say: next to no mixture and no bound.
private func openRule(_ change: (inout PlasticityRule) -> Void = { _ in }) -> PlasticityRule {
    var rule = PlasticityRule()
    rule.safeZone.learningGate = 1000
    rule.safeZone.maximumDivergence = 100
    rule.safeZone.initialTrust = 0.999
    rule.safeZone.maximumTrust = 0.999
    rule.safeZone.trustShare = 0
    rule.gainRate = 0
    rule.bias.rate = 0
    rule.orderRates = []
    rule.feature.rate = 0
    change(&rule)
    return rule
}

@Suite("Engrams as adapters")
final class AdapterExportTests {
    let folder: String

    init() throws { folder = try TinyCore.make(seed: 3, withLayerAutoencoder: true) }

    deinit { TinyCore.remove(folder) }

    private func adapter(_ cortex: Cortex, rank: Int, scale: Float = 0.2) -> PEFTAdapter {
        var generator = SeededGenerator(seed: 6)
        var deltas: [ProjectionSite: LowRankDelta] = [:]
        for site in [ProjectionSite.block(0, .query), .block(1, .down), .unembedding] {
            guard let size = cortex.inner.projections.size(of: site) else { continue }
            deltas[site] = LowRankDelta(
                inputs: size.inputs, outputs: size.outputs, rank: rank,
                a: (0..<rank * size.inputs).map { _ in generator.normal() * scale },
                b: (0..<rank * size.outputs).map { _ in generator.normal() * scale })
        }
        return PEFTAdapter(deltas: deltas)
    }

    private func export(
        _ engram: Engram, _ cortex: Cortex, _ format: AdapterFormat = .peft,
        texts: [String] = [lesson]
    ) throws -> AdapterExport {
        let task = cortex.startExporting(
            engram, as: format, measuredOn: texts.map { cortex.encode($0) }, kind: .session)
        task.run()
        return try task.result(name: "tiny")
    }

    private func archive(_ adapter: PEFTAdapter) throws -> [UInt8] {
        var shapes = ProjectionShapes()
        shapes.family = "llama"
        return TapeArchive.archive(
            try adapter.files(shapes: shapes, baseModel: "tiny", metadata: [:]))
    }

    @Test("An imported adapter acts, and comes out again as it came in")
    func roundTrip() throws {
        let cortex = try Cortex(folder: folder, rule: openRule())
        let adapter = adapter(cortex, rank: 4)
        let engram = try cortex.engram(uploaded: archive(adapter), name: "it")
        #expect(engram.sites.layer.deltas == adapter.deltas)
        let scored = cortex.score(lesson, with: engram)
        #expect(scored.bits.adapted != scored.bits.frozen)
        let export = try export(engram, cortex)
        #expect(export.missingSites.isEmpty)
        // α = r on the way out: the same factors, to the bit.
        let back = try PEFTAdapter(
            archive: try #require(export.file), shapes: cortex.inner.projections, name: "it")
        #expect(back == adapter)
        // It is random, hence worse than the core. Alone it does its harm in full; within the safe
        // zone it is let go.
        #expect(export.fidelity.adapterBits > 1.01 * export.fidelity.frozenBits)
        #expect(abs(export.fidelity.adaptedBits - scored.bits.adapted) < 1e-6 * scored.bits.adapted)
        #expect(scored.bits.adapted < export.fidelity.adapterBits)
        #expect(export.fidelity.tokens == cortex.encode(lesson).count)
    }

    @Test("An imported adapter acts on a text that is observed as on one that is scored")
    func observed() throws {
        // Nothing but the adapter: no site learns, so that every token sees the same engram.
        let still = try Cortex(folder: folder, rule: openRule())
        let engram = try still.engram(adapter: adapter(still, rank: 4))
        let scored = still.score(lesson, with: engram)
        #expect(scored.bits.adapted != scored.bits.frozen)
        let observing = still.startObserving(still.encode(lesson), from: engram)
        observing.run()
        #expect(observing.result.bits == scored.bits)
        #expect(observing.result.adaptation == scored.adaptation)
        let recorded = still.startObserving(still.record(still.encode(lesson)), from: engram)
        recorded.run()
        #expect(recorded.result.bits == scored.bits)

        // Where sites learn, the first token still comes before anything was learned.
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        let learning = try Cortex(folder: folder, rule: rule)
        let start = try learning.engram(adapter: adapter(learning, rank: 4))
        let task = learning.startObserving(learning.encode(lesson), from: start)
        task.run()
        let first = try #require(learning.score(lesson, with: start).perToken.first)
        let gain = try #require(task.result.gains.first).gain
        #expect(gain != 0)
        #expect(abs(Double(gain) - (first.frozen - first.adapted) * log(2)) < 1e-6)
    }

    @Test("What the layer site learned is a LoRA, as true as it says")
    func learned() throws {
        let cortex = try Cortex(
            folder: folder, rule: openRule { $0.layer.dense.rate = 0.05 })
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        #expect(!engram.sites.layer.dense.isEmpty)
        let export = try export(engram, cortex)
        #expect(export.missingSites.isEmpty)
        let gainKept = try #require(export.fidelity.gainKept)
        // ΔW has 16 outputs: rank 16 is all of it.
        #expect(abs(gainKept - 1) < 0.02)
        let again = try cortex.engram(uploaded: try #require(export.file), name: "it")
        let score = cortex.score(lesson, with: again).bits.adapted
        #expect(abs(score - export.fidelity.adapterBits) < 0.01 * score)
        #expect(score < 0.99 * export.fidelity.frozenBits)
    }

    @Test("Changes of one projection are added up before they are cut")
    func sums() throws {
        let cortex = try Cortex(
            folder: folder, rule: openRule { $0.layer.dense.rate = 0.05 })
        var engram = try cortex.engram(adapter: adapter(cortex, rank: 20))
        let site = ProjectionSite.block(0, .down)
        let size = try #require(cortex.inner.projections.size(of: site))
        let delta = LowRankDelta(
            inputs: size.inputs, outputs: size.outputs, rank: 1,
            a: [Float](repeating: 0.1, count: size.inputs),
            b: [Float](repeating: 0.1, count: size.outputs))
        let dense = (0..<size.inputs * size.outputs).map { Float($0 % 7) * 0.01 }
        var sites = engram.sites
        sites.layer = LayerSynapses(
            dense: DenseSynapses(outputs: size.outputs, inputs: size.inputs, weights: dense),
            deltas: sites.layer.deltas.merging([site: delta]) { $1 })
        try engram.commit(
            Proposal(base: engram.revision, sites: sites, tokens: 0), within: cortex.zone)
        let content = AdapterContent(weightsOf: engram.sites.layer, cortex: cortex)
        let found = try #require(content.deltas[site])
        let expected = zip(dense, delta.product).map { $0 + $1 }
        #expect(zip(found.product, expected).allSatisfy { abs($0 - $1) < 1e-5 })
        #expect(content.deltas.values.allSatisfy { $0.rank <= 16 })
        #expect(content.deltas[.block(1, .down)]?.rank == 16)
    }

    @Test("Sites that no adapter can hold are named, and what is left is measured")
    func partial() throws {
        let cortex = try Cortex(
            folder: folder,
            rule: openRule {
                $0.layer.dense.rate = 0.05
                $0.layer.decoder.rate = 0.05
                $0.bias.rate = 0.1
                $0.orderRates = [1]
            })
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let export = try export(engram, cortex)
        #expect(
            export.missingSites == [
                "token biases", "sequence synapses", "decoder directions of the layer site",
            ])
        let kept = try #require(export.fidelity.gainKept)
        #expect(kept > 0 && kept < 0.9 && export.fidelity.klMean > 0.01)
        #expect(export.fidelity.summary.contains("gain_kept=0."))
    }

    @Test("What no weight holds is fitted onto the unembedding, and measured on other positions")
    func fitted() throws {
        let cortex = try Cortex(folder: folder, rule: openRule { $0.bias.rate = 0.2 })
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let tokens = cortex.encode(lesson + lesson)
        let task = cortex.startExporting(
            engram, as: .peft, measuredOn: [tokens], kind: .session, fitsRest: true)
        task.run()
        let export = try task.result(name: "tiny")
        #expect(export.missingSites == ["token biases"])
        #expect(export.fidelity.isFitted && export.fidelity.summary.contains("fitted=lm_head"))
        #expect(export.fidelity.tokens == tokens.count - tokens.count * 4 / 5)
        #expect(try #require(export.fidelity.gainKept) > 0.2)
        let adapter = try PEFTAdapter(
            archive: try #require(export.file), shapes: cortex.inner.projections, name: "it")
        #expect(Array(adapter.deltas.keys) == [.unembedding])
        // llama.cpp has no head of its own on a core that ties it.
        let gguf = cortex.startExporting(
            engram, as: .ggufLoRA, measuredOn: [tokens], kind: .session, fitsRest: true)
        gguf.run()
        #expect(try gguf.result(name: "tiny").file == nil)
    }

    @Test("A regression finds the delta that was there")
    func regression() throws {
        var generator = SeededGenerator(seed: 4)
        let (hidden, vocabulary, rank) = (12, 30, 3)
        func random(_ count: Int) -> [Float] { (0..<count).map { _ in generator.normal() } }
        let delta = LowRankDelta(
            inputs: hidden, outputs: vocabulary, rank: rank, a: random(rank * hidden),
            b: random(rank * vocabulary))
        var regression = try #require(HeadRegression(hidden: hidden, vocabulary: vocabulary))
        for _ in 0..<40 {
            let states = random(50 * hidden)
            var shifts = [Float](repeating: 0, count: 50 * vocabulary)
            apply(delta, states, into: &shifts)
            regression.add(states: states, shifts: shifts)
        }
        let found = try #require(regression.delta(rank: rank))
        let (expected, product) = (delta.product, found.product)
        let error = zip(product, expected).reduce(Float(0)) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
        let size = expected.reduce(Float(0)) { $0 + $1 * $1 }
        // The ridge of a tenth of the mean takes a tenth off.
        #expect((error / size).squareRoot() < 0.12 && (error / size).squareRoot() > 0.05)
    }

    /// shifts = states·(B·A)ᵀ.
    private func apply(
        _ delta: LowRankDelta, _ states: [Float], into shifts: inout [Float]
    ) {
        let rows = states.count / delta.inputs
        let product = delta.product
        var all = shifts.mutableSpan
        BLAS.multiply(
            a: states.span, b: product.span, m: rows, k: delta.inputs, n: delta.outputs,
            transposeB: true, into: &all)
    }

    @Test("An engram without a change of weights is no LoRA, one without a decoder no direction")
    func nothing() throws {
        let cortex = try Cortex(folder: folder, rule: openRule { $0.bias.rate = 0.1 })
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        for format in AdapterFormat.allCases {
            #expect(try export(engram, cortex, format).file == nil)
        }
        let none = try export(cortex.emptyEngram(), cortex)
        #expect(none.file == nil && none.missingSites.isEmpty)
    }

    @Test("A control vector is the mean of what the decoder adds")
    func controlVector() throws {
        // A third block's place in the file needs a hookpoint after the second: TinyCore has two
        // blocks, so that only its refusal can be seen here, and the direction in the content.
        let cortex = try Cortex(
            folder: folder, rule: openRule { $0.layer.decoder.rate = 0.05 })
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let task = cortex.startExporting(
            engram, as: .controlVector, measuredOn: [cortex.encode(lesson)], kind: .session)
        task.run()
        #expect {
            _ = try task.result(name: "tiny")
        } throws: {
            "\($0)".contains("layer.block")
        }
    }

    @Test("A stranger's adapter stays inside the safe zone, however large it is allowed to be")
    func safeZone() throws {
        let cortex = try Cortex(folder: folder)
        let engram = try cortex.engram(adapter: adapter(cortex, rank: 8, scale: 0.5))
        for text in [lesson, "Other words that nobody taught it, 1234567890."] {
            let scored = cortex.score(text, with: engram)
            #expect(scored.adaptation.klMax <= cortex.zone.maximumDivergence)
            var (frozen, adapted) = (0.0, 0.0)
            for (index, token) in scored.perToken.enumerated() {
                frozen += token.frozen * log(2)
                adapted += token.adapted * log(2)
                #expect(adapted <= frozen + cortex.zone.harmBound(tokens: index + 1) + 1e-3)
            }
        }
        #expect(throws: EngramError.self) {
            try cortex.engram(adapter: adapter(cortex, rank: 8, scale: 20))
        }
    }

    @Test("An adapter's weights alone are refused with what is missing")
    func bareWeights() throws {
        let cortex = try Cortex(folder: folder)
        let files = try adapter(cortex, rank: 2).files(
            shapes: cortex.inner.projections, baseModel: "tiny", metadata: [:])
        #expect {
            _ = try cortex.engram(uploaded: files[1].bytes, name: "it")
        } throws: {
            "\($0)".contains("adapter_config.json") && "\($0)".contains("tar")
        }
    }
}
