import Foundation
import Kernels
import ModelFormats
import Testing

@testable import OuterCortex

@Suite("Neuromodulator")
struct NeuromodulatorTests {
    private func neutral(readout: Int = 4, seed: UInt64 = 1) -> Neuromodulator {
        var generator = SeededGenerator(seed: seed)
        return .neutral(
            statisticCount: 6, siteCount: 3, hidden: 5, readout: readout, generator: &generator)
    }

    /// `neutral` with every tensor random.
    private func lively(seed: UInt64) -> Neuromodulator {
        var generator = SeededGenerator(seed: seed)
        func normal(_ count: Int) -> [Float] { (0..<count).map { _ in generator.normal() } }
        return Neuromodulator(
            mean: normal(6), inverseDeviation: normal(6).map(abs), hiddenWeight: normal(30),
            hiddenBias: normal(5), gainWeight: normal(15), gainBias: normal(3),
            readoutWeight: normal(16), readoutBias: normal(4), readoutContext: normal(20),
            readoutOutput: normal(4))
    }

    private func read(_ entries: [SafetensorsWriter.Entry]) throws -> Neuromodulator {
        let bytes = try SafetensorsWriter.serialize(entries)
        return try Neuromodulator(file: SafetensorsFile(bytes: bytes, name: "rule.safetensors"))
    }

    @Test("a neutral one leaves gains near 1 and candidates where they were")
    func neutralChangesNothing() {
        let modulator = neutral()
        var scratch = Neuromodulator.Scratch(for: modulator)
        var output: [Float] = [7, 7]
        for value: Float in [-100, 0, 0.5, 100] {
            modulator.gains([Float](repeating: value, count: 6), scratch: &scratch)
            #expect(scratch.gains.allSatisfy { abs($0 - 1) < 0.15 })
            modulator.readout(
                terms: [1, 2, 3, 4, 5, 6], logProbabilities: [-1, -2], count: 2,
                scratch: &scratch, into: &output)
            #expect(output == [0, 0])
        }
        #expect(neutral(seed: 2) != modulator && neutral() == modulator)
    }

    @Test("gains stay in 0...3 and statistics beyond four deviations say no more")
    func bounds() {
        for seed in 1...20 {
            let modulator = lively(seed: UInt64(seed))
            var scratch = Neuromodulator.Scratch(for: modulator)
            modulator.gains([Float](repeating: 1e30, count: 6), scratch: &scratch)
            let far = scratch.gains
            #expect(far.allSatisfy { (0...3).contains($0) })
            let four = (0..<6).map {
                modulator.mean[$0] + 4.001 / modulator.inverseDeviation[$0]
            }
            modulator.gains(four, scratch: &scratch)
            #expect(zip(scratch.gains, far).allSatisfy { abs($0 - $1) < 1e-5 })
        }
    }

    @Test("candidates of which no site says anything stay where they were, others move")
    func silence() {
        let modulator = lively(seed: 3)
        var scratch = Neuromodulator.Scratch(for: modulator)
        modulator.gains([Float](repeating: 0.3, count: 6), scratch: &scratch)
        var terms = [Float](repeating: 0, count: 3 * 9)
        terms[4] = 0.5
        terms[9 + 7] = -1
        var output = [Float](repeating: 7, count: 9)
        modulator.readout(
            terms: terms, logProbabilities: [Float](repeating: -3, count: 9), count: 9,
            scratch: &scratch, into: &output)
        for index in 0..<9 {
            #expect((output[index] == 0) == (index != 4 && index != 7), "candidate \(index)")
        }
        // Under the lowest log p0 the readout does not tell candidates apart.
        modulator.readout(
            terms: [1, 1, 1, 1, 1, 1], logProbabilities: [-12, -50], count: 2,
            scratch: &scratch, into: &output)
        #expect(output[0] == output[1] && output[0] != 0)
    }

    @Test("one candidate's readout does not depend on how many there are, nor on the scratch")
    func countsDoNotMatter() {
        let modulator = lively(seed: 4)
        var generator = SeededGenerator(seed: 5)
        let terms = (0..<3).map { _ in (0..<40).map { _ in generator.normal() } }
        let logs = (0..<40).map { _ in -generator.uniform() * 15 }
        var fresh = Neuromodulator.Scratch(for: modulator)
        modulator.gains([Float](repeating: 0.1, count: 6), scratch: &fresh)
        var used = fresh
        var all = [Float](repeating: 0, count: 40)
        modulator.readout(
            terms: terms.flatMap { $0 }, logProbabilities: logs, count: 40, scratch: &used,
            into: &all)
        for count in [1, 3, 17] {
            for start in [fresh, used] {
                var scratch = start
                var some = [Float](repeating: 9, count: 40)
                modulator.readout(
                    terms: terms.flatMap { $0[..<count] }, logProbabilities: logs, count: count,
                    scratch: &scratch, into: &some)
                for index in 0..<count { #expect(abs(some[index] - all[index]) < 1e-6) }
                #expect(some[count...].allSatisfy { $0 == 9 })
            }
        }
    }

    @Test("what is written is read back, with a readout and without", arguments: [0, 4])
    func roundTrip(readout: Int) throws {
        let modulator = neutral(readout: readout)
        #expect(try read(modulator.tensors()) == modulator)
        #expect(modulator.tensors().count == (readout == 0 ? 6 : 10))
        let lively = lively(seed: 9)
        #expect(try read(lively.tensors()) == lively)
    }

    @Test(
        "a file with one tensor wrong is refused by that tensor's name",
        arguments: [
            "gate.mean", "gate.inverse_deviation", "gate.hidden.weight", "gate.hidden.bias",
            "gate.gain.weight", "gate.gain.bias", "readout.weight", "readout.bias",
            "readout.context", "readout.output",
        ])
    func refusals(name: String) throws {
        let entries = lively(seed: 6).tensors()
        let index = try #require(entries.firstIndex { $0.name == name })
        let shape = entries[index].shape
        let count = shape.reduce(1, *)
        func refused(_ replacement: SafetensorsWriter.Entry?, saying words: String) throws {
            var changed = entries
            if let replacement { changed[index] = replacement } else { changed.remove(at: index) }
            do {
                _ = try read(changed)
                Issue.record("\(name) was accepted although it is \(words)")
            } catch let error as CortexError {
                let text = "\(error)"
                #expect(
                    text.contains("rule.safetensors") && text.contains(name)
                        && text.contains(words), "\(text)")
            }
        }
        try refused(nil, saying: "missing")
        for bad in [Float.nan, .infinity, -2e6] {
            var values = [Float](repeating: 0, count: count)
            values[count - 1] = bad
            try refused(.floats(name, shape: shape, values), saying: "\(bad) at \(count - 1)")
        }
        try refused(
            .integers32(name, shape: shape, [Int32](repeating: 0, count: count)), saying: "I32")
        let deeper = [1] + shape
        try refused(
            .floats(name, shape: deeper, [Float](repeating: 0, count: count)),
            saying: "shape \(deeper)")
    }

    @Test(
        "a network at the limits is read, one over a limit is refused by the tensor's name",
        arguments: [
            ("gate.mean", 1024, 2, 2, 2), ("gate.hidden.bias", 2, 1024, 2, 2),
            ("gate.gain.bias", 2, 2, 64, 2), ("readout.bias", 2, 2, 2, 256),
        ])
    func limits(name: String, statistics: Int, hidden: Int, sites: Int, readout: Int) throws {
        func network(more: Int) -> Neuromodulator {
            var generator = SeededGenerator(seed: 1)
            // The size at its limit is the large one.
            func size(_ count: Int) -> Int { count > 2 ? count + more : count }
            return .neutral(
                statisticCount: size(statistics), siteCount: size(sites), hidden: size(hidden),
                readout: size(readout), generator: &generator)
        }
        #expect(try read(network(more: 0).tensors()) == network(more: 0))
        do {
            _ = try read(network(more: 1).tensors())
            Issue.record("\(name) was accepted although it is over its limit")
        } catch let error as CortexError {
            #expect("\(error)".contains(name), "\(error)")
        }
    }

    @Test("shapes that do not agree, and empty ones, are refused")
    func disagreement() throws {
        func refuses(_ name: String, _ shape: [Int]) throws {
            let entries = lively(seed: 7).tensors().map { entry in
                entry.name == name
                    ? .floats(name, shape: shape, [Float](repeating: 0, count: shape.reduce(1, *)))
                    : entry
            }
            #expect(throws: CortexError.self, "\(name) \(shape)") { try read(entries) }
        }
        try refuses("gate.mean", [0])
        try refuses("gate.gain.bias", [4])
        try refuses("gate.hidden.weight", [6, 5])
        try refuses("readout.weight", [4, 3])
    }
}
