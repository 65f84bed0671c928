import Foundation
import InnerCortex
import Kernels
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import MetaLearning

private func smallOptions() -> SparseAutoencoderTrainer.Options {
    var options = SparseAutoencoderTrainer.Options()
    options.latentCount = 64
    options.k = 6
    options.steps = 150
    options.batchSize = 64
    options.deadAfter = 2000
    options.learningRate = 4e-3
    return options
}

private func dataset(core: UInt64 = 2, text seed: UInt64 = 9) throws -> ActivationDataset {
    let folder = try TinyCore.make(seed: core)
    defer { TinyCore.remove(folder) }
    let words = ["in", "the", "an", "on", "eel", "heron", "pier", "tide", "north"]
    var generator = SeededGenerator(seed: seed)
    let text = (0..<1500).map { _ in words[Int(generator.next() % 9)] }.joined(separator: " ")
    return ActivationDataset.collect(
        inner: try InnerCortex(folder: folder), tokenizer: try Tokenizer(folder: folder),
        texts: [text], limit: 2500, seed: 3, progress: { _ in })
}

@Suite("Training a sparse autoencoder")
struct SparseAutoencoderTrainerTests {
    @Test("collects the residual stream at a hookpoint, in the order of the hidden states")
    func hookpoint() throws {
        let folder = try TinyCore.make(seed: 2)
        defer { TinyCore.remove(folder) }
        let inner = try InnerCortex(folder: folder)
        func collect(block: Int?) throws -> ActivationDataset {
            ActivationDataset.collect(
                inner: inner, tokenizer: try Tokenizer(folder: folder), texts: ["the heron"],
                block: block, limit: 100, seed: 3, progress: { _ in })
        }
        // What the blocks above and the final norm make of the one is the other.
        let (residual, hidden) = (try collect(block: 1), try collect(block: nil))
        var above: [Float] = []
        inner.forward(
            residual: residual.values,
            cache: inner.makeCache(capacity: residual.count, firstBlock: 1), hidden: &above)
        #expect(above == hidden.values)
        #expect(residual.values != hidden.values)
    }

    @Test("explains most of the variance with k latents, and its decoder rows keep unit norm")
    func learns() throws {
        let data = try dataset()
        var trainer = SparseAutoencoderTrainer(dataset: data, options: smallOptions())
        let before = trainer.evaluate(on: data, positions: 0..<500)
        while trainer.step < trainer.options.steps { _ = trainer.advance(on: data) }
        let after = trainer.evaluate(on: data, positions: 0..<500)
        #expect(after.unexplainedVariance < 0.5 * before.unexplainedVariance)
        #expect(after.unexplainedVariance < 0.35)
        #expect(after.meanActive <= 6)
        let file = trainer.file(modelName: "tiny-core", hookName: "model.norm")
        for latent in 0..<file.latentCount {
            let row = file.decoderWeight[latent * 16..<(latent + 1) * 16]
            #expect(abs(row.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        }
    }

    @Test("an interrupted training ends in the same SAE, byte for byte")
    func resumes() throws {
        let data = try dataset()
        var options = smallOptions()
        options.steps = 40
        var whole = SparseAutoencoderTrainer(dataset: data, options: options)
        for _ in 0..<40 { _ = whole.advance(on: data) }
        var first = SparseAutoencoderTrainer(dataset: data, options: options)
        for _ in 0..<17 { _ = first.advance(on: data) }
        var second = SparseAutoencoderTrainer(dataset: data, options: options)
        try second.restore(try first.state(), name: "state")
        #expect(second.step == 17)
        #expect(try second.state() == first.state())
        while second.step < 40 { _ = second.advance(on: data) }
        #expect(try second.state() == whole.state())
    }

    @Test("the gradients are those of finite differences")
    func gradients() throws {
        let data = try dataset()
        var options = smallOptions()
        options.deadAfter = .max
        var trainer = SparseAutoencoderTrainer(dataset: data, options: options)
        for _ in 0..<5 { _ = trainer.advance(on: data) }
        let batch = Array(0..<32)
        var gradients = Gradients(latentCount: 64, inputSize: 16)
        var probe = trainer
        _ = probe.accumulate(&gradients, batch: batch, dataset: data)
        func loss(_ change: (inout SparseAutoencoderTrainer) -> Void) -> Double {
            var copy = trainer
            change(&copy)
            var ignored = Gradients(latentCount: 64, inputSize: 16)
            return copy.accumulate(&ignored, batch: batch, dataset: data).residual / 32
        }
        let h: Float = 2e-3
        var compared = 0
        for index in stride(from: 3, to: 64 * 16, by: 41) {
            let pairs: [(Float, WritableKeyPath<SparseAutoencoderTrainer, AdamParameter>)] = [
                (gradients.encoder[index], \.encoder), (gradients.decoder[index], \.decoder),
            ]
            for (gradient, path) in pairs {
                let up = loss { $0[keyPath: path].value[index] += h }
                let down = loss { $0[keyPath: path].value[index] -= h }
                let numeric = Float((up - down) / Double(2 * h))
                // A latent that enters or leaves the top k bends the loss: few do at this h.
                if abs(numeric - gradient) < 2e-2 * max(0.05, abs(numeric)) { compared += 1 }
            }
        }
        #expect(compared >= 46)
    }

    @Test("a state of another shape is refused and changes nothing")
    func refusesOtherState() throws {
        let data = try dataset()
        var trainer = SparseAutoencoderTrainer(dataset: data, options: smallOptions())
        var options = smallOptions()
        options.latentCount = 32
        let other = SparseAutoencoderTrainer(dataset: data, options: options)
        let before = try trainer.state()
        #expect(throws: TrainingError.self) { try trainer.restore(other.state(), name: "state") }
        #expect(try trainer.state() == before)
    }

    @Test("a state of other options, another text or another core is refused and changes nothing")
    func refusesOtherInputs() throws {
        typealias Trainer = SparseAutoencoderTrainer
        let data = try dataset()
        var trainer = Trainer(dataset: data, options: smallOptions())
        _ = trainer.advance(on: data)
        let before = try trainer.state()
        let changes: [(inout Trainer.Options) -> Void] = [
            { $0.k = 7 }, { $0.steps = 151 }, { $0.batchSize = 65 }, { $0.learningRate = 5e-3 },
            { $0.deadAfter = 2001 }, { $0.auxiliaryWeight = 0.5 }, { $0.auxiliaryK = 3 },
            { $0.seed = 2 },
        ]
        var others = changes.map { change in
            var options = smallOptions()
            change(&options)
            return Trainer(dataset: data, options: options)
        }
        for other in [try dataset(core: 3), try dataset(text: 10)] {
            others.append(Trainer(dataset: other, options: smallOptions()))
        }
        for other in others {
            let state = try other.state()
            #expect(throws: TrainingError.self) { try trainer.restore(state, name: "state") }
        }
        #expect(try trainer.state() == before)
    }
}
