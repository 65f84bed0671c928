import Engrams
import Foundation
import InnerCortex
import ModelFormats
import Testing
import TinyCore

@testable import OuterCortex

/// A file of weights for the tiny core: keys are unit states, and the reader changes a projection.
private func recallFile(
    changing changes: [SafetensorsWriter.Entry] = [], metadata: [String: String] = [:]
) throws -> [UInt8] {
    let size = TinyCore.hiddenSize
    let unit = (0..<size * size).map { Float($0 / size == $0 % size ? 1 : 0) }
    let zeros = [Float](repeating: 0, count: size)
    var entries: [SafetensorsWriter.Entry] = [
        .floats("mean", shape: [size], zeros),
        .floats("saying.projection", shape: [size, size], unit),
        .floats("question.projection", shape: [size, size], unit),
        .floats("question.attention", shape: [size], zeros),
        .floats(
            "rarity", shape: [TinyCore.vocabularySize],
            [Float](repeating: 1, count: TinyCore.vocabularySize)),
        .floats("match", shape: [3], [20, 0.6, 50]),
        .floats("reader.1.q.a", shape: [1, size], zeros.map { _ in 0.1 }),
        .floats("reader.1.q.b", shape: [size, 1], zeros.map { _ in 0.1 }),
    ]
    for change in changes { entries = entries.filter { $0.name != change.name } + [change] }
    return try SafetensorsWriter.serialize(
        entries,
        metadata: ["format": "hebb.recall", "format_version": "1", "blocks": "1", "readings": "2"]
            .merging(metadata) { $1 })
}

@Suite("Recall by meaning")
final class RecallTests {
    let folder: String

    init() throws {
        folder = try TinyCore.make()
        try write(recallFile())
    }

    deinit { TinyCore.remove(folder) }

    private func write(_ bytes: [UInt8]) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/recall.safetensors"))
    }

    private func told(
        _ text: String, _ cortex: Cortex, said: [Range<Int>]? = nil, reward: Float = 1
    ) throws -> Engram {
        var engram = cortex.emptyEngram()
        let task = cortex.startObserving(
            cortex.encode(text), from: engram, reward: reward, said: said)
        while !task.advance() {}
        try engram.commit(task.result.proposal, within: cortex.zone)
        return engram
    }

    private func sayings(_ engram: Engram, _ cortex: Cortex) -> [String] {
        engram.sites.sayings.sayings.map {
            cortex.tokenizer.decode($0.tokens.map { TokenID(rawValue: $0) })
                .trimmingCharacters(in: .whitespaces)
        }
    }

    private func answer(
        _ prompt: String, _ engram: Engram, _ cortex: Cortex
    ) -> (Generation, [Double]) {
        var request = GenerationRequest(
            prompt: cortex.encode(prompt), maxTokens: 4, sampling: SamplingOptions(), seed: 1,
            topLogprobs: 0)
        request.dictated = cortex.encode(" owl")
        let task = cortex.startGenerating(request, with: engram)
        while !task.advance() {}
        var logProbabilities: [Double] = []
        task.takeOutput { logProbabilities += $0.tokens.map(\.logprob) }
        return (task.result, logProbabilities)
    }

    /// An engram of some sayings alone, so that nothing else speaks.
    private func alone(_ sayings: SayingMemory, _ cortex: Cortex) throws -> Engram {
        var engram = cortex.emptyEngram()
        var sites = engram.sites
        sites.sayings = sayings
        try engram.commit(
            Proposal(base: engram.revision, sites: sites, tokens: 1), within: cortex.zone)
        return engram
    }

    @Test("Sentences become sayings; a title's stop ends none, and a short one joins the next")
    func sentences() throws {
        let cortex = try Cortex(folder: folder)
        let engram = try told("Dr. Quint heals me. No. I moved to Cork!\nI row", cortex)
        #expect(
            sayings(engram, cortex) == ["Dr. Quint heals me.", "No. I moved to Cork!", "I row"])
    }

    @Test("Only what the user said is remembered, and nothing that was punished")
    func said() throws {
        let cortex = try Cortex(folder: folder)
        let first = cortex.encode("I live in Cork.").count
        let text = "I live in Cork. You live in Ghent."
        #expect(sayings(try told(text, cortex, said: [0..<first]), cortex) == ["I live in Cork."])
        #expect(try told(text, cortex, reward: -1).sites.sayings.isEmpty)
        #expect(try told(text, cortex, said: []).sites.sayings.isEmpty)
    }

    @Test("A question brings back what was said and changes the answer; forgotten, nothing is left")
    func recalls() throws {
        let cortex = try Cortex(folder: folder)
        let engram = try alone(
            try told("The heron keeps an owl. I row.", cortex).sites.sayings, cortex)
        let (frozen, plain) = answer("The heron keeps an", cortex.emptyEngram(), cortex)
        let (recalled, moved) = answer("The heron keeps an", engram, cortex)
        #expect(frozen.recalled.isEmpty)
        #expect(
            recalled.recalled.map { cortex.tokenizer.decode($0.tokens) }.contains(
                "The heron keeps an owl."))
        #expect(moved.map(\.bitPattern) != plain.map(\.bitPattern))
        #expect(recalled.adaptation.klMax > 0)
        // Whoever asks for something else than was said gets the frozen core's answer.
        let forgotten = try alone(engram.sites.sayings.filter { _ in false }, cortex)
        let (none, again) = answer("The heron keeps an", forgotten, cortex)
        #expect(none.recalled.isEmpty && again.map(\.bitPattern) == plain.map(\.bitPattern))
    }

    @Test("Where nothing told is likelier than nothing, the answer is the frozen core's to the bit")
    func quiet() throws {
        try write(recallFile(changing: [.floats("match", shape: [3], [20, 2, 50])]))
        let cortex = try Cortex(folder: folder)
        let engram = try alone(try told("The heron keeps an owl.", cortex).sites.sayings, cortex)
        let (recalled, moved) = answer("The heron keeps an", engram, cortex)
        let (_, plain) = answer("The heron keeps an", cortex.emptyEngram(), cortex)
        #expect(recalled.recalled.isEmpty && moved.map(\.bitPattern) == plain.map(\.bitPattern))
    }

    @Test("The weights are a part of the rule that engrams name, and of what a seal covers")
    func identity() throws {
        let cortex = try Cortex(folder: folder)
        try write(recallFile(changing: [.floats("match", shape: [3], [21, 0.6, 50])]))
        let other = try Cortex(folder: folder)
        #expect(cortex.identity.rule != other.identity.rule)
        let engram = try told("The heron keeps an owl.", cortex)
        #expect(throws: EngramError.self) { try other.admit(engram) }
        #expect(throws: Never.self) { try cortex.admit(engram) }
        #expect(
            try CoreFiles(at: CoreLocation(folder)).digests["recall.safetensors"] != nil)
    }

    @Test(
        "A file that is none, or of another core, is refused",
        arguments: [
            SafetensorsWriter.Entry.floats("mean", shape: [2], [0, 0]),
            .floats("rarity", shape: [1], [1]), .floats("rarity", shape: [2], [1, -1]),
            .floats("match", shape: [3], [.nan, 0, 1]), .floats("match", shape: [1], [1]),
            .floats("reader.1.q.a", shape: [1, 2], [1, 1]),
            .floats("reader.9.q.a", shape: [1, 2], [1, 1]),
            .floats("question.projection", shape: [1, 16], [Float](repeating: 1, count: 16)),
        ])
    func hostile(_ change: SafetensorsWriter.Entry) throws {
        try write(recallFile(changing: [change]))
        #expect(throws: CortexError.self) { try Cortex(folder: folder) }
    }

    @Test(
        "Metadata out of bounds is refused",
        arguments: [
            ["blocks": "2"], ["blocks": ""], ["blocks": "1,0"], ["readings": "0"],
            ["readings": "17"], ["format": "x"],
        ])
    func metadata(_ changes: [String: String]) throws {
        try write(recallFile(metadata: changes))
        #expect(throws: CortexError.self) { try Cortex(folder: folder) }
    }
}
