import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

/// Only the layer site, in one of its forms or both.
private func layerRule(_ parts: String) -> PlasticityRule {
    var rule = PlasticityRule()
    rule.safeZone.learningGate = 100
    rule.bias.rate = 0
    rule.orderRates = []
    rule.feature.rate = 0
    rule.layer.chunkLength = 8
    if parts.contains("dense") { rule.layer.dense.rate = 0.05 }
    if parts.contains("decoder") { rule.layer.decoder.rate = 0.05 }
    return rule
}

@Suite("The layer site")
final class LayerSiteTests {
    let folder: String

    init() throws { folder = try TinyCore.make(seed: 3, withLayerAutoencoder: true) }

    deinit { TinyCore.remove(folder) }

    private func cortex(_ parts: String = "dense decoder") throws -> Cortex {
        try Cortex(folder: folder, rule: layerRule(parts))
    }

    /// Random synapses of both forms.
    private func synapses(scale: Float, of cortex: Cortex) -> LayerSynapses {
        var generator = SeededGenerator(seed: 4)
        let (size, inner) = (TinyCore.hiddenSize, TinyCore.intermediateSize)
        func random(_ count: Int) -> [Float] { (0..<count).map { _ in generator.normal() * scale } }
        let dense = DenseSynapses(outputs: size, inputs: inner, weights: random(size * inner))
        var decoder: [Int32: [Float]] = [:]
        for latent in 0..<cortex.identity.layerLatentCount {
            decoder[Int32(latent)] = random(size)
        }
        return LayerSynapses(dense: dense, decoder: decoder)
    }

    @Test("lowers the loss of a text that it observed, by itself", arguments: ["dense", "decoder"])
    func learns(part: String) throws {
        let cortex = try cortex(part)
        var engram = cortex.emptyEngram()
        let seen = try cortex.observe(lesson, into: &engram)
        let after = cortex.score(lesson, with: engram)
        #expect(seen.bits.adapted < seen.bits.frozen)
        #expect(after.bits.adapted < 0.97 * after.bits.frozen)
        #expect(engram.sites.layer.dense.isEmpty == (part != "dense"))
        #expect(engram.sites.layer.decoder.isEmpty == (part != "decoder"))
        try cortex.admit(engram)
    }

    @Test("turns away from a text with reward -1", arguments: ["dense", "decoder"])
    func unlearns(part: String) throws {
        let cortex = try cortex(part)
        let text = "An answer that nobody wanted."
        let task = cortex.startObserving(
            cortex.encode(text), from: cortex.emptyEngram(), reward: -1)
        task.run()
        var engram = cortex.emptyEngram()
        try engram.commit(task.result.proposal, within: cortex.zone)
        let scored = cortex.score(text, with: engram)
        #expect(scored.bits.adapted > scored.bits.frozen)
    }

    @Test("the same events give the same engram, byte for byte, also through a stored one")
    func isDeterministic() throws {
        let cortex = try cortex()
        var (one, two) = (cortex.emptyEngram(), cortex.emptyEngram())
        for text in [lesson, "Other words come between.", lesson] {
            _ = try cortex.observe(text, into: &one)
            _ = try cortex.observe(text, into: &two)
            _ = cortex.score("something else meanwhile", with: two)
            two = try Engram(serialized: two.serialized(as: .workingState), name: "stored")
        }
        let isSame = try one.serialized(as: .workingState) == two.serialized(as: .workingState)
        #expect(isSame)
    }

    /// What the site says at every position of a text, under synapses that may differ from row to
    /// row of each slice.
    private func terms(
        _ cortex: Cortex, _ text: String, chunk: Int, under synapses: (Int) -> LayerSynapses
    ) -> [UInt32] {
        let reader = FrozenReader(
            cortex: cortex, text: cortex.framed(cortex.encode(text)))
        var all: [UInt32] = []
        while var slice = reader.nextSlice(layer: synapses(.max)) {
            for row in stride(from: 0, to: slice.positions.count, by: chunk) {
                let rows = row..<min(slice.positions.count, row + chunk)
                reader.readLayer(&slice, rows: rows, synapses: synapses(row))
            }
            all += slice.layerTerm.map(\.bitPattern)
        }
        return all
    }

    @Test("says exactly nothing with synapses of 0, over many windows")
    func zeros() throws {
        let cortex = try cortex()
        let none = synapses(scale: 0, of: cortex)
        let said = terms(cortex, lesson, chunk: 16) { _ in none }
        #expect(said.count == cortex.encode(lesson).count * TinyCore.vocabularySize)
        #expect(said.allSatisfy { Float(bitPattern: $0) == 0 })
    }

    @Test("says the same, to the bit, however its chunks are cut")
    func chunks() throws {
        let cortex = try cortex()
        let some = synapses(scale: 0.1, of: cortex)
        let whole = terms(cortex, lesson, chunk: LayerRule.longestChunk) { _ in some }
        #expect(whole.contains { Float(bitPattern: $0) != 0 })
        for chunk in [1, 7, 32] {
            // Not compared in the macro, which would work out how long arrays differ.
            let isSame = terms(cortex, lesson, chunk: chunk) { _ in some } == whole
            #expect(isSame)
        }
    }

    @Test("begins to speak in the middle of a context as if it had read all of it")
    func begins() throws {
        let cortex = try cortex()
        let (none, some) = (synapses(scale: 0, of: cortex), synapses(scale: 0.1, of: cortex))
        // The rows before are 0 either way: nothing was filled in, or zeros were.
        let text = String(lesson.prefix(30))
        let late = terms(cortex, text, chunk: 8) { $0 < 16 ? LayerSynapses() : some }
        let present = terms(cortex, text, chunk: 8) { $0 < 16 ? none : some }
        let isSame = late == present
        #expect(isSame)
        #expect(late.contains { Float(bitPattern: $0) != 0 })
    }

    @Test("is what the blocks make of x + dW a + |x| sum of f D")
    func formula() throws {
        let cortex = try cortex()
        let some = synapses(scale: 0.1, of: cortex)
        let reader = FrozenReader(
            cortex: cortex, text: cortex.framed(cortex.encode(String(lesson.prefix(40)))))
        var slice = try #require(reader.nextSlice(layer: some))
        let (count, size) = (slice.positions.count, TinyCore.hiddenSize)
        reader.readLayer(&slice, rows: 0..<count, synapses: some)

        var changed = slice.taps.residual(before: 1)
        let activations = slice.taps.activations(of: 0)
        let inner = TinyCore.intermediateSize
        #expect(activations.count == count * inner)
        for row in 0..<count {
            let x = Array(changed[row * size..<(row + 1) * size])
            let norm = x.reduce(0) { $0 + $1 * $1 }.squareRoot()
            for output in 0..<size {
                var sum: Float = 0
                for input in 0..<inner {
                    sum +=
                        some.dense.weights[output * inner + input]
                        * activations[row * inner + input]
                }
                for (latent, value) in slice.layerFeatures(row) {
                    sum += norm * value * (some.decoder[latent]?[output] ?? 0)
                }
                changed[row * size + output] += sum
            }
        }
        var (hidden, logits): ([Float], [Float]) = ([], [])
        cortex.inner.forward(
            residual: changed, cache: cortex.inner.makeCache(capacity: count, firstBlock: 1),
            hidden: &hidden)
        cortex.inner.unembed(hidden, count: count, logits: &logits)
        let differences = logits.indices.map {
            abs(logits[$0] - slice.logits[$0] - slice.layerTerm[$0])
        }
        #expect(differences.allSatisfy { $0 < 1e-4 })
        #expect(slice.layerTerm.contains { abs($0) > 0.1 })
    }

    @Test("speaks while generating as it does while scoring")
    func generates() throws {
        let cortex = try cortex()
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let prompt = cortex.encode("The heron on the ")
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: prompt, maxTokens: 16, sampling: SamplingOptions(temperature: 0), seed: 1,
                topLogprobs: 0), with: engram)
        var generated: [GeneratedToken] = []
        while !task.advance() { generated += task.output().flatMap(\.tokens) }
        generated += task.output().flatMap(\.tokens)
        #expect(generated.count > 4)
        let scoring = cortex.startScoring(prompt + generated.map(\.token), with: engram)
        scoring.run()
        let scores = scoring.result.perToken.suffix(generated.count)
        #expect(scores.contains { abs($0.frozen - $0.adapted) > 0.05 })
        for (score, token) in zip(scores, generated) {
            #expect(abs(score.adapted + token.logprob / log(2)) < 1e-3)
        }
    }

    @Test("costs nothing while its rule has it off")
    func off() throws {
        let cortex = try Cortex(folder: folder)
        #expect(cortex.layerHook == nil)
        let reader = FrozenReader(
            cortex: cortex, text: cortex.framed(cortex.encode("a few words")))
        let slice = try #require(reader.nextSlice(layer: LayerSynapses()))
        #expect(
            slice.taps == ForwardTaps() && slice.layerTerm.isEmpty && slice.layerLatents.isEmpty)
    }

    @Test("is refused at a block that the core has not", arguments: [2, 7])
    func refusesBlock(block: Int) throws {
        var rule = layerRule("dense")
        rule.layer.block = block
        #expect {
            try Cortex(folder: folder, rule: rule)
        } throws: {
            "\($0)".contains("layer.block is \(block)") && "\($0)".contains("1 to 1")
        }
    }

    @Test("is refused without the SAE of its hookpoint, or with that of another")
    func refusesAutoencoder() throws {
        let bare = try TinyCore.make(seed: 3)
        defer { TinyCore.remove(bare) }
        #expect {
            try Cortex(folder: bare, rule: layerRule("decoder"))
        } throws: {
            "\($0)".contains("sae-layer is not there") && "\($0)".contains("--block 1")
        }
        _ = try Cortex(folder: bare, rule: layerRule("dense"))

        var file = try SparseAutoencoderFile(folder: folder + "/sae-layer")
        file.hookName = "blocks.0.hook_resid_pre"
        try file.write(folder: bare + "/sae-layer")
        #expect {
            try Cortex(folder: bare, rule: layerRule("decoder"))
        } throws: {
            "\($0)".contains("blocks.0.hook_resid_pre")
        }
    }

    @Test("synapses of another core's shape are refused at the door")
    func refusesShapes() throws {
        let cortex = try cortex()
        var engram = cortex.emptyEngram()
        let twice = 2 * TinyCore.hiddenSize
        let wide = DenseSynapses(size: twice, weights: [Float](repeating: 0, count: twice * twice))
        let beyond = Int32(cortex.identity.layerLatentCount)
        let direction = [Float](repeating: 0, count: TinyCore.hiddenSize)
        for layer in [
            LayerSynapses(dense: wide, decoder: [:]),
            LayerSynapses(
                dense: DenseSynapses(), decoder: [1: [Float](repeating: 0, count: twice)]),
            LayerSynapses(dense: DenseSynapses(), decoder: [beyond: direction]),
        ] {
            engram.sites.layer = layer
            #expect(throws: EngramError.self) { try cortex.admit(engram) }
        }
        engram.sites.layer = LayerSynapses(dense: DenseSynapses(), decoder: [1: direction])
        try cortex.admit(engram)
    }
}
