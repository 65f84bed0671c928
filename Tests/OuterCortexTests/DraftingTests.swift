import InnerCortex
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("An answer that is drafted from what the engram knows")
final class DraftingTests {
    let folder: String
    let cortex: Cortex
    let engram: Engram

    init() throws {
        folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#)
        cortex = try Cortex(folder: folder)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        self.engram = engram
    }

    deinit { TinyCore.remove(folder) }

    private func answer(
        _ drafting: GenerationRequest.Drafting, seed: UInt64 = 1, sampling: SamplingOptions,
        stop: [String] = [], mode: GenerationRequest.Mode = .adapted
    ) -> (Generation, [GeneratedPiece]) {
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: cortex.encode("The heron on the"), maxTokens: 40, sampling: sampling,
                seed: seed, stop: StopStrings(stop), mode: mode, topLogprobs: 3,
                drafting: drafting), with: engram)
        task.run()
        return (task.result, task.output())
    }

    private static let samplings: [SamplingOptions] = [
        SamplingOptions(temperature: 0), SamplingOptions(),
        SamplingOptions(temperature: 0.7, topP: 0.9), SamplingOptions(topK: 8, minP: 0.05),
        SamplingOptions(temperature: 0.5, repetitionPenalty: 1.3),
    ]

    @Test("is the answer that it would have been, token for token", arguments: samplings)
    func sameAnswer(sampling: SamplingOptions) {
        for seed in UInt64(1)...6 {
            let (plain, plainPieces) = answer(.off, seed: seed, sampling: sampling)
            let (drafted, pieces) = answer(.always, seed: seed, sampling: sampling)
            #expect(plain.draftedTokens == 0)
            #expect(drafted.tokens == plain.tokens && drafted.text == plain.text)
            #expect(drafted.end == plain.end && drafted.adaptation == plain.adaptation)
            #expect(drafted.vitals == plain.vitals)
            #expect(pieces.map(\.text) == plainPieces.map(\.text))
            let (found, expected) = (pieces.flatMap(\.tokens), plainPieces.flatMap(\.tokens))
            #expect(found.map(\.logprob) == expected.map(\.logprob))
            #expect(found.map { $0.top.map(\.token) } == expected.map { $0.top.map(\.token) })
        }
    }

    @Test("takes fewer passes, and gives back what did not come")
    func fewerPasses() {
        let task = cortex.startGenerating(
            GenerationRequest(
                prompt: cortex.encode("The heron on the"), maxTokens: 40,
                sampling: SamplingOptions(temperature: 0), seed: 1, drafting: .always),
            with: engram)
        while task.isReadingPrompt, !task.advance() {}
        var passes = 0
        while true {
            if let reading = task.asks {
                passes += 1
                #expect(reading.neededCount == 1 && reading.count <= 1 + Drafter.longest)
            }
            if task.advance() { break }
        }
        let result = task.result
        #expect(result.acceptedTokens > 10 && result.draftedTokens >= result.acceptedTokens)
        #expect(passes == result.tokens.count - result.acceptedTokens)
    }

    @Test("ends where a stop string does, and the frozen core has no guesses")
    func endsAndModes() {
        let greedy = SamplingOptions(temperature: 0)
        let plain = answer(.off, sampling: greedy, stop: ["pier"]).0
        let drafted = answer(.always, sampling: greedy, stop: ["pier"]).0
        #expect(drafted.text == plain.text && drafted.end == plain.end)
        #expect(answer(.always, sampling: greedy, mode: .frozen).0.draftedTokens == 0)
    }

    @Test("shares a pass with others without its guesses")
    func sharedPass() {
        let tasks = [UInt64(1), 2].map { seed in
            cortex.startGenerating(
                GenerationRequest(
                    prompt: cortex.encode("The heron on the"), maxTokens: 20,
                    sampling: SamplingOptions(), seed: seed, drafting: .always), with: engram)
        }
        var reader = CoreReader(cortex: cortex)
        var running = tasks
        while !running.isEmpty {
            let readings = running.compactMap(\.asks)
            for reading in readings { reading.dropDrafts() }
            if !readings.isEmpty { reader.read(readings) }
            running.removeAll { $0.advance() }
        }
        for (task, seed) in zip(tasks, [UInt64(1), 2]) {
            let alone = cortex.startGenerating(
                GenerationRequest(
                    prompt: cortex.encode("The heron on the"), maxTokens: 20,
                    sampling: SamplingOptions(), seed: seed, drafting: .off), with: engram)
            alone.run()
            #expect(task.result.tokens == alone.result.tokens)
            #expect(task.result.draftedTokens == 0)
        }
    }

    @Test("drafts where rows are cheap, and not where they cost what they bring")
    func costDecides() {
        func drafted(rowSeconds: Double) -> Int {
            let cost = RowCost()
            for _ in 0..<50 {
                for rows in 1...RowCost.rowsMaximum {
                    cost.note(rows: rows, took: .seconds(1 + rowSeconds * Double(rows - 1)))
                }
            }
            let history = cortex.encode(lesson).map(\.rawValue)
            var drafter = Drafter(policy: .whenFaster)
            var total = 0
            for end in 40..<history.count {
                drafter.draft(
                    after: Array(history[..<end]), atMost: 7, from: engram.sites.sequences,
                    orders: 3, cost: cost)
                total += drafter.tokens.count
                drafter.judge(TokenID(rawValue: history[end]))
            }
            return total
        }
        let (cheap, dear) = (drafted(rowSeconds: 0.05), drafted(rowSeconds: 1))
        #expect(cheap > 200 && dear == 0)
    }

    @Test("guesses that do not come true are no longer made")
    func learnsFromFailure() {
        let cost = RowCost()
        for _ in 0..<50 {
            for rows in 1...RowCost.rowsMaximum {
                cost.note(rows: rows, took: .seconds(1 + 0.1 * Double(rows - 1)))
            }
        }
        let history = cortex.encode(lesson).map(\.rawValue)
        var drafter = Drafter(policy: .whenFaster)
        var (early, late) = (0, 0)
        for round in 0..<2000 {
            drafter.draft(
                after: Array(history[..<(40 + round % 200)]), atMost: 7,
                from: engram.sites.sequences, orders: 3, cost: cost)
            if round < 20 { early += drafter.tokens.count }
            if round >= 1900 { late += drafter.tokens.count }
            drafter.judge(TokenID(rawValue: -1))
        }
        #expect(early > 0 && late == 0)
    }
}
