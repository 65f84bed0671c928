import Foundation
import Kernels
import ModelFormats
import OuterCortex
import Testing

@testable import MetaLearning

/// What `Fixtures/make_neuromodulator.py` made with PyTorch; its tolerances are explained there.
private struct Golden {
    let file: SafetensorsFile
    let modulator: Neuromodulator
    let data: NeuromodulatorDataset
    let slotLimit = 6

    init() throws {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Fixtures/neuromodulator.safetensors").path
        file = try SafetensorsFile(path: path)
        modulator = try Neuromodulator(file: file)
        var data = NeuromodulatorDataset(statisticCount: 7, siteCount: 3)
        let kinds = try file.tensor("kinds").integers()
        let counts = try file.tensor("counts").integers()
        let statistics = try file.tensor("statistics").floats()
        let logProbabilities = try file.tensor("log_probabilities").floats()
        let terms = try file.tensor("terms").floats()
        for index in kinds.indices {
            let slots = counts[index]
            data.append(
                kind: try #require(.init(rawValue: UInt8(kinds[index]))), isCandidate: true,
                remainders: 1,
                statistics: Array(statistics[index * 7..<(index + 1) * 7]),
                logProbabilities: Array(logProbabilities[index * 6..<index * 6 + slots]),
                terms: (0..<3).flatMap { site in
                    let start = (index * 3 + site) * 6
                    return terms[start..<start + slots]
                })
        }
        self.data = data
    }

    func floats(_ name: String) throws -> [Float] { try file.tensor(name).floats() }

    /// A set of trained tensors, laid out flat.
    func parameters(_ prefix: String) throws -> [Float] {
        try [
            "gate.hidden.weight", "gate.hidden.bias", "gate.gain.weight", "gate.gain.bias",
            "readout.weight", "readout.bias", "readout.context", "readout.output",
        ].flatMap { try floats(prefix + $0) }
    }
}

private func difference(_ a: [Float], _ b: [Float]) -> Float {
    a.count == b.count ? zip(a, b).map { abs($0 - $1) }.max() ?? 0 : .infinity
}

@Suite("Training a neuromodulator")
struct NeuromodulatorTrainerTests {
    @Test("loss and every gradient are PyTorch's")
    func goldenGradients() throws {
        let golden = try Golden()
        var options = NeuromodulatorTrainer.Options()
        options.foreignWeight = 0.7
        let trainer = NeuromodulatorTrainer(
            dataset: golden.data, options: options, start: golden.modulator)
        let (loss, gradient) = trainer.evaluate(Array(0..<8)[...])
        #expect(difference([Float(loss)], try golden.floats("loss")) < 1e-5)
        #expect(difference(gradient, try golden.parameters("gradient.")) < 1e-5)
        let byKind = NeuromodulatorTrainer.loss(of: golden.modulator, on: golden.data)
        let losses = try golden.floats("losses").map { Double($0) / log(2) }
        let stream: Double = (losses[0] + losses[1] + losses[2]) / 3
        let found = try [#require(byKind[.stream]).modulated, #require(byKind[.second]).modulated]
        #expect(abs(found[0] - stream) < 1e-5)
        #expect(abs(found[1] - losses[5]) < 1e-5)
    }

    @Test("24 steps of AdamW under the cycle end where PyTorch's do")
    func goldenSteps() throws {
        let golden = try Golden()
        let rates = try golden.floats("rates")
        let schedule = OneCycleSchedule(steps: 24, peakRate: 3e-3)
        #expect(difference((0..<24).map(schedule.rate(at:)), rates) < 1e-8)
        #expect(
            difference((0..<24).map(schedule.momentum(at:)), try golden.floats("momenta")) < 1e-6)
        var options = NeuromodulatorTrainer.Options()
        options.foreignWeight = 0.7
        options.weightDecay = 0.1
        options.epochs = 24
        var trainer = NeuromodulatorTrainer(
            dataset: golden.data, options: options, start: golden.modulator)
        while trainer.step < trainer.stepCount { _ = trainer.advance() }
        #expect(trainer.epochFraction == 24)
        let found = NeuromodulatorLayout.parameters(of: trainer.neuromodulator)
        #expect(difference(found, try golden.parameters("after.")) < 1e-4)
        #expect(difference(found, try golden.parameters("")) > 1e-2)
    }

    @Test("the forward pass that serves gives PyTorch's gains and readout")
    func goldenForward() throws {
        let golden = try Golden()
        let (gains, readout) = (try golden.floats("gains"), try golden.floats("readout"))
        let statistics = try golden.floats("statistics")
        let terms = try golden.floats("terms")
        let logProbabilities = try golden.floats("log_probabilities")
        var scratch = Neuromodulator.Scratch(for: golden.modulator)
        var output = [Float](repeating: 77, count: 9)
        for token in 0..<8 {
            golden.modulator.gains(
                Array(statistics[token * 7..<(token + 1) * 7]), scratch: &scratch)
            #expect(difference(scratch.gains, Array(gains[token * 3..<(token + 1) * 3])) < 1e-5)
            let gated = (0..<18).map { scratch.gains[$0 / 6] * terms[token * 18 + $0] }
            golden.modulator.readout(
                terms: gated,
                logProbabilities: Array(logProbabilities[token * 6..<(token + 1) * 6]),
                count: 6, scratch: &scratch, into: &output)
            let expected = Array(readout[token * 6..<(token + 1) * 6])
            #expect(difference(Array(output[..<6]), expected) < 1e-5)
            #expect(output[6] == 77)
        }
    }

    @Test(
        "loss and gradients are those of the formula in double precision",
        arguments: [(4, 5), (0, 5), (1, 1), (12, 24)])
    func gradients(readout: Int, hidden: Int) {
        // More tokens than a shard holds, the last shard not full.
        let data = MadeUpLog.dataset(count: 70, seed: 3)
        let modulator = MadeUpLog.modulator(hidden: hidden, readout: readout, seed: 4)
        let trainer = NeuromodulatorTrainer(dataset: data, options: .init(), start: modulator)
        let (loss, gradient) = trainer.evaluate(Array(0..<70)[...])
        let reference = NeuromodulatorReference(modulator)
        let tokens = (0..<70).map { NeuromodulatorReference.token($0, of: data) }
        let weights = data.weights(foreign: 1).map { Double($0) / 70 }
        func exact(_ w: [Double]) -> Double {
            zip(tokens, weights).reduce(0) { $0 + $1.1 * reference.loss($1.0, w) }
        }
        var w = NeuromodulatorLayout.parameters(of: modulator).map(Double.init)
        #expect(abs(loss - exact(w)) < 1e-5 * exact(w))
        let h = 1e-5
        var checked = 0
        for index in stride(from: 0, to: w.count, by: w.count > 300 ? 5 : 1) {
            let value = w[index]
            w[index] = value + h
            let up = exact(w)
            w[index] = value - h
            let numeric = (up - exact(w)) / (2 * h)
            w[index] = value
            let isClose = abs(numeric - Double(gradient[index])) < 1e-5 + 1e-4 * abs(numeric)
            #expect(isClose, "parameter \(index): \(gradient[index]), not \(numeric)")
            checked += 1
        }
        #expect(checked > 20 && gradient.contains { abs($0) > 0.01 })
    }

    @Test("a site that helps only while a statistic is high is let through only then")
    func learnsWhenToSpeak() throws {
        func log(_ count: Int, seed: UInt64) -> NeuromodulatorDataset {
            var generator = SeededGenerator(seed: seed)
            var data = NeuromodulatorDataset(statisticCount: 3, siteCount: 2)
            for index in 0..<count {
                let statistics = (0..<3).map { _ in 3 + 2 * generator.normal() }
                // Site 0 speaks for one slot: for the token that came when statistic 1 is high.
                let isRight = statistics[1] > 3
                var terms = [Float](repeating: 0, count: 2 * 8)
                terms[isRight ? 0 : 2 + Int(generator.next() % 6)] = 2
                for slot in 0..<8 { terms[8 + slot] = 0.3 * generator.normal() }
                data.append(
                    kind: index % 2 == 0 ? .stream : .foreign, isCandidate: true, remainders: 1,
                    statistics: statistics,
                    logProbabilities: [Float](repeating: logf(1 / 8), count: 8), terms: terms)
            }
            return data
        }
        var options = NeuromodulatorTrainer.Options()
        options.epochs = 12
        options.batchSize = 256
        options.learningRate = 1e-2
        options.hiddenUnits = 8
        options.readoutUnits = 3
        let training = log(4000, seed: 1)
        var trainer = NeuromodulatorTrainer(dataset: training, options: options)
        var last = 0.0
        while trainer.step < trainer.stepCount { last = trainer.advance() }
        #expect(last.isFinite)
        let trained = trainer.neuromodulator
        let losses = NeuromodulatorTrainer.loss(of: trained, on: log(2000, seed: 2))
        for kind in [NeuromodulatorDataset.Kind.stream, .foreign] {
            let found = try #require(losses[kind])
            #expect(found.tokens == 1000 && abs(found.frozen - 3) < 1e-4)
            // Half the tokens come with a good hint: with it certain, 1.5 bits would be left.
            #expect(found.modulated < found.ungated - 0.5 && found.modulated < 2.1)
        }
        var scratch = Neuromodulator.Scratch(for: trained)
        trained.gains([3, 6, 3], scratch: &scratch)
        #expect(scratch.gains[0] > 1.5)
        trained.gains([3, 0, 3], scratch: &scratch)
        #expect(scratch.gains[0] < 0.3)
    }

    @Test("the same seed gives the same bytes on any number of threads; another gives others")
    func isDeterministic() {
        let data = MadeUpLog.dataset(count: 500, seed: 7)
        func train(threads: Int, seed: UInt64 = 1) -> ([Float], [Double]) {
            var options = NeuromodulatorTrainer.Options()
            options.batchSize = 210
            options.epochs = 4
            options.threads = threads
            options.seed = seed
            var trainer = NeuromodulatorTrainer(dataset: data, options: options)
            #expect(trainer.stepCount == 12)
            let losses = (0..<12).map { _ in trainer.advance() }
            return (NeuromodulatorLayout.parameters(of: trainer.neuromodulator), losses)
        }
        let one = train(threads: 1)
        for threads in [1, 2, 3, 64] {
            let other = train(threads: threads)
            #expect(other.0.map(\.bitPattern) == one.0.map(\.bitPattern) && other.1 == one.1)
        }
        #expect(train(threads: 1, seed: 2).0 != one.0)
    }

    @Test("an epoch sees every token once, and each epoch in another order")
    func epochs() {
        let data = MadeUpLog.dataset(count: 50, seed: 9)
        var options = NeuromodulatorTrainer.Options()
        options.batchSize = 20
        options.epochs = 2
        // So slow that the parameters stay where they are: then a loss tells which batch it was.
        options.learningRate = 1e-12
        var trainer = NeuromodulatorTrainer(dataset: data, options: options)
        let whole = trainer.evaluate(Array(0..<50)[...]).loss
        let sizes = [20.0, 20, 10]
        var epochs: [[Double]] = []
        for _ in 0..<2 { epochs.append(sizes.map { $0 * trainer.advance() / 50 }) }
        for losses in epochs { #expect(abs(losses.reduce(0, +) - whole) < 1e-5 * whole) }
        #expect(abs(epochs[0][0] - epochs[1][0]) > 1e-4)
    }

    @Test("going on keeps the network's standardisation")
    func goesOn() {
        let data = MadeUpLog.dataset(count: 60, seed: 10)
        let start = MadeUpLog.modulator(seed: 11)
        var trainer = NeuromodulatorTrainer(dataset: data, options: .init(), start: start)
        #expect(trainer.neuromodulator == start)
        _ = trainer.advance()
        #expect(trainer.neuromodulator.mean == start.mean)
        #expect(trainer.neuromodulator.inverseDeviation == start.inverseDeviation)
        #expect(trainer.neuromodulator != start)
    }
}

@Suite("A log for neuromodulators")
struct NeuromodulatorDatasetTests {
    @Test("each kind weighs the same in all, whatever its number; second half, foreign as told")
    func weights() {
        var data = NeuromodulatorDataset(statisticCount: 1, siteCount: 1)
        let counts: [NeuromodulatorDataset.Kind: Int] = [
            .stream: 50, .next: 20, .second: 10, .foreign: 16,
        ]
        for (kind, count) in counts {
            for _ in 0..<count {
                data.append(
                    kind: kind, isCandidate: true, remainders: 1, statistics: [0],
                    logProbabilities: [-1, -1],
                    terms: [0, 0])
            }
        }
        #expect(data.counts == counts)
        var sums: [NeuromodulatorDataset.Kind: Float] = [:]
        for (kind, weight) in zip(data.kinds, data.weights(foreign: 0.7)) {
            sums[kind, default: 0] += weight
        }
        let expected: [NeuromodulatorDataset.Kind: Float] = [
            .stream: 32, .next: 32, .second: 16, .foreign: 22.4,
        ]
        for (kind, value) in expected { #expect(abs((sums[kind] ?? 0) - value) < 1e-3) }
    }

    @Test("statistics are standardised by their own mean and deviation; still ones count for less")
    func standardization() {
        var data = NeuromodulatorDataset(statisticCount: 3, siteCount: 1)
        for value: Float in [1, 3, 5, 7] {
            data.append(
                kind: .stream, isCandidate: true, remainders: 1,
                statistics: [value, 10 * value, 4],
                logProbabilities: [-1, -1],
                terms: [0, 0])
        }
        let (mean, inverse) = data.standardization()
        #expect(mean == [4, 40, 4])
        #expect(abs(inverse[0] - 1 / Float(5).squareRoot()) < 1e-6)
        #expect(abs(inverse[1] - 0.1 / Float(5).squareRoot()) < 1e-6)
        #expect(inverse[2] == 1e-3)
    }

    @Test("logs joined are the log of all, and terms are kept within their limit")
    func joins() {
        let first = MadeUpLog.dataset(count: 5, seed: 1)
        var joined = first
        let second = MadeUpLog.dataset(count: 4, seed: 2)
        joined.append(contentsOf: second)
        #expect(joined.count == 9)
        for index in 0..<9 {
            let one = NeuromodulatorReference.token(index, of: joined)
            let other = NeuromodulatorReference.token(
                index < 5 ? index : index - 5, of: index < 5 ? first : second)
            #expect(one.statistics == other.statistics && one.terms == other.terms)
            #expect(one.logProbabilities == other.logProbabilities)
        }
        joined.append(
            kind: .next, isCandidate: true, remainders: 1,
            statistics: [Float](repeating: 0, count: 7),
            logProbabilities: [-1, -2],
            terms: [1e9, -.infinity, 0, 0, 0, 0.5])
        let terms = NeuromodulatorReference.token(9, of: joined).terms
        #expect(terms == [[1000, -1000], [0, 0], [0, 0.5]])
    }
}
