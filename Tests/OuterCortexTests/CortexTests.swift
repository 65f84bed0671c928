import Foundation
import InnerCortex
import Kernels
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

extension CortexTask {
    func run() { while !advance() {} }
}

extension GenerationTask {
    /// The pieces that came since the last call.
    func output() -> [GeneratedPiece] {
        var pieces: [GeneratedPiece] = []
        takeOutput { pieces.append($0) }
        return pieces
    }
}

extension Cortex {
    func encode(_ text: String) -> [TokenID] {
        tokenizer.encode(text)
    }

    func score(_ text: String, with engram: Engram) -> Scoring {
        let task = startScoring(encode(text), with: engram)
        task.run()
        return task.result
    }

    func observe(_ text: String, into engram: inout Engram) throws -> Observation {
        let task = startObserving(encode(text), from: engram)
        task.run()
        try engram.commit(task.result.proposal, within: zone)
        return task.result
    }
}

let lesson = String(
    repeating: "The heron on the northern pier is called Ottoline. Ottoline eats eels. ", count: 12)

@Suite("A cortex")
final class CortexTests {
    let folder: String
    let cortex: Cortex

    init() throws {
        folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#)
        cortex = try Cortex(folder: folder)
    }

    deinit { TinyCore.remove(folder) }

    @Test("predicts a text better after observing it, and never changes what is frozen")
    func learns() throws {
        var engram = cortex.emptyEngram()
        let before = cortex.score(lesson, with: engram)
        #expect(before.bits.frozen == before.bits.adapted)
        let seen = try cortex.observe(lesson, into: &engram)
        #expect(seen.bits.adapted < 0.9 * seen.bits.frozen)
        let after = cortex.score(lesson, with: engram)
        #expect(after.bits.frozen == before.bits.frozen)
        #expect(after.bits.adapted < seen.bits.adapted)
        #expect(after.bytes == lesson.utf8.count)
        #expect(engram.tokensLearned == cortex.encode(lesson).count)
    }

    @Test("the same events give the same engram, byte for byte, also through a stored one")
    func isDeterministic() throws {
        var (one, two) = (cortex.emptyEngram(), cortex.emptyEngram())
        for text in [lesson, "Other words come between.", lesson] {
            _ = try cortex.observe(text, into: &one)
        }
        for text in [lesson, "Other words come between.", lesson] {
            _ = try cortex.observe(text, into: &two)
            _ = cortex.score("something else meanwhile", with: two)
            two = try Engram(serialized: two.serialized(as: .workingState), name: "stored")
        }
        #expect(try one.serialized(as: .workingState) == two.serialized(as: .workingState))
    }

    @Test("a text longer than the context is read whole, each token once")
    func readsWindows() throws {
        let tokens = cortex.encode(lesson)
        #expect(tokens.count > 5 * TinyCore.contextLength)
        let scored = cortex.score(lesson, with: cortex.emptyEngram())
        #expect(scored.perToken.map(\.token) == tokens)
        #expect(abs(scored.perToken.reduce(0) { $0 + $1.frozen } - scored.bits.frozen) < 1e-6)
    }

    @Test("a window's tokens see at least half a context, as a direct forward pass does")
    func windowsMatchForward() throws {
        let tokens = cortex.opening + cortex.encode(lesson)
        let half = TinyCore.contextLength / 2
        let scored = cortex.score(lesson, with: cortex.emptyEngram())
        // Position 64 + 10 belongs to the second window, which starts at 32.
        let cache = cortex.inner.makeCache(capacity: TinyCore.contextLength)
        var hidden: [Float] = []
        cortex.inner.forward(tokens[half..<(2 * half + 11)], cache: cache, hidden: &hidden)
        var logits: [Float] = []
        let last = Array(hidden.suffix(TinyCore.hiddenSize))
        cortex.inner.unembed(last.span, count: 1, logits: &logits)
        var p = logits
        var span = p.mutableSpan
        let normalizer = VectorKernels.softmax(logits.span, into: &span)
        let target = tokens[2 * half + 11]
        let bits = Double(normalizer - logits[target.index]) / log(2)
        #expect(abs(bits - scored.perToken[2 * half + 10].frozen) < 1e-4)
    }

    @Test("an empty text and a text of one token are measured, not refused")
    func shortTexts() throws {
        #expect(cortex.score("", with: cortex.emptyEngram()).tokens == 0)
        #expect(cortex.score("x", with: cortex.emptyEngram()).tokens == 1)
        var engram = cortex.emptyEngram()
        #expect(try cortex.observe("", into: &engram).tokens == 0)
    }

    @Test(
        "each site alone learns a text, and reward -1 turns it away from it",
        arguments: ["bias", "sequence", "feature", "matrix"])
    func eachSite(site: String) throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        rule.tensors.whitening = .identity(size: self.cortex.inner.config.hiddenSize)
        if site != "bias" { rule.bias.rate = 0 }
        if site != "sequence" { rule.orderRates = [] }
        if site != "feature" { rule.feature.rate = 0 }
        if site == "matrix" { rule.matrix.rate = 1 }
        let cortex = try Cortex(folder: folder, rule: rule)
        let text = "An answer that nobody wanted."
        for reward in [Float(1), -1] {
            let engram = cortex.emptyEngram()
            let task = cortex.startObserving(cortex.encode(text), from: engram, reward: reward)
            task.run()
            var taught = engram
            try taught.commit(task.result.proposal, within: cortex.zone)
            let scored = cortex.score(text, with: taught)
            #expect((scored.bits.adapted < scored.bits.frozen) == (reward > 0))
            #expect(taught.sites.bias.allSatisfy { $0 == 0 } == (site != "bias"))
            #expect(taught.sites.sequences.isEmpty == (site != "sequence"))
            #expect(taught.sites.features.isEmpty == (site != "feature"))
            #expect(taught.sites.matrix.isEmpty == (site != "matrix"))
        }
    }

    @Test("a text with reward 0 is measured, and teaches nothing")
    func rewardOfZero() throws {
        var engram = cortex.emptyEngram()
        _ = try cortex.observe("The heron eats eels.", into: &engram)
        let task = cortex.startObserving(cortex.encode(lesson), from: engram, reward: 0)
        task.run()
        #expect(task.result.learnedTokens == 0)
        #expect(task.result.bits == cortex.score(lesson, with: engram).bits)
        // The learning gate alone has read the text.
        var sites = task.result.proposal.sites
        #expect(sites.frozenLossAverage != engram.sites.frozenLossAverage)
        sites.frozenLossAverage = engram.sites.frozenLossAverage
        let isSame = sites == engram.sites
        #expect(isSame)
    }

    @Test("text that the core finds far from language teaches nothing")
    func learningGate() throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 0.5
        let cortex = try Cortex(folder: folder, rule: rule)
        let task = cortex.startObserving(cortex.encode(lesson), from: cortex.emptyEngram())
        task.run()
        // The running mean starts below the gate, so that the first token may still pass.
        #expect(task.result.learnedTokens <= 1)
        #expect(task.result.tokens > 300)
    }

    @Test("the weights' bound and the budget hold while learning")
    func bounds() throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 100
        rule.safeZone.weightBound = 0.75
        rule.safeZone.synapseBudget = 300
        rule.safeZone.contextBudget = 100
        let cortex = try Cortex(folder: folder, rule: rule)
        var engram = cortex.emptyEngram()
        for _ in 0..<3 { _ = try cortex.observe(lesson, into: &engram) }
        let sites = engram.sites
        #expect(sites.features.count <= 300)
        #expect(sites.sequences.count <= 100)
        #expect(sites.features.sorted().allSatisfy { abs($0.synapse.weight) <= 0.75 })
        #expect(sites.bias.allSatisfy { abs($0) <= 0.75 })
        #expect(sites.sequences.sorted().flatMap(\.targets).allSatisfy { abs($0.weight) <= 0.75 })
        try cortex.admit(engram)
    }

    @Test("without an SAE the other sites still learn")
    func worksWithoutAutoencoder() throws {
        let folder = try TinyCore.make(withAutoencoder: false)
        defer { TinyCore.remove(folder) }
        let cortex = try Cortex(folder: folder)
        var engram = cortex.emptyEngram()
        _ = try cortex.observe(lesson, into: &engram)
        let scored = cortex.score(lesson, with: engram)
        #expect(scored.bits.adapted < scored.bits.frozen)
    }

    @Test(
        "a rule file that makes no sense is refused and says which key",
        arguments: [
            (#"{"format":"hebb.rule","format_version":2,"bias":{"rate":-1}}"#, "bias.rate"),
            (#"{"format":"hebb.rule","format_version":9}"#, "format_version"),
            (#"{"bias_rate":1}"#, "format"),
            (
                #"{"format":"hebb.rule","format_version":2,"safe_zone":{"weight_bound":0}}"#,
                "weight_bound"
            ),
            (#"{"format":"hebb.rule","#, "JSON"),
            (
                #"{"format":"hebb.rule","format_version":2,"safe_zone":{"initial_trust":1}}"#,
                "initial_trust"
            ),
        ])
    func refusesRule(json: String, mention: String) throws {
        do {
            _ = try PlasticityRule(json: Data(json.utf8), name: "rule.json")
            Issue.record("the rule was taken")
        } catch {
            #expect("\(error)".contains(mention))
        }
    }

    @Test("a rule comes back from its file")
    func ruleRoundTrip() throws {
        var rule = PlasticityRule()
        rule.orderRates = [0.5, 0.25]
        rule.matrix.rate = 0.5
        rule.feature.eligibility = 0.25
        rule.episode.capacity = 64
        rule.layer.block = 3
        rule.safeZone.maximumDivergence = 2
        #expect(try PlasticityRule(json: rule.json(), name: "rule.json") == rule)
    }
}
