import Foundation
import InnerCortex
import ModelFormats
import Testing
import TinyCore

@testable import Engrams
@testable import OuterCortex

@Suite("Feedback on answers")
final class FeedbackTests {
    let folder: String
    let cortex: Cortex
    let prompt = "The heron on"
    let liked = " the northern pier"
    let other = " a mossy old stone"

    init() throws {
        folder = try TinyCore.make(
            rule: #"{"format":"hebb.rule","format_version":2,"safe_zone":{"learning_gate":100}}"#)
        cortex = try Cortex(folder: folder)
    }

    deinit { TinyCore.remove(folder) }

    /// A session that has both answers in it: a random core finds every token equally unlikely.
    private func taught() throws -> Engram {
        var engram = cortex.emptyEngram()
        for _ in 0..<3 {
            _ = try cortex.observe(prompt + liked, into: &engram)
            _ = try cortex.observe(prompt + other, into: &engram)
        }
        return engram
    }

    private func judged(_ answer: String, _ drive: Double) -> JudgedAnswer {
        JudgedAnswer(prompt: cortex.encode(prompt), answer: cortex.encode(answer), drive: drive)
    }

    @discardableResult
    private func learn(_ answers: [JudgedAnswer], into engram: inout Engram) throws
        -> FeedbackOutcome
    {
        let task = cortex.startFeedback(answers, from: engram)
        task.run()
        try engram.commit(task.result.proposal, within: cortex.zone)
        return task.result
    }

    /// ln p of an answer after the prompt, nats.
    private func likelihood(_ answer: String, _ engram: Engram) -> Double {
        let task = cortex.startScoring(
            cortex.encode(prompt) + cortex.encode(answer), with: engram)
        task.run()
        let tokens = task.result.perToken.dropFirst(cortex.encode(prompt).count)
        return -tokens.reduce(0) { $0 + $1.adapted } * log(2)
    }

    @Test("+1 raises an answer against another one, and the outcome says by how much")
    func reward() throws {
        var engram = try taught()
        let before = (likelihood(liked, engram), likelihood(other, engram))
        let outcome = try learn([judged(liked, 1)], into: &engram)
        let after = (likelihood(liked, engram), likelihood(other, engram))
        #expect(after.0 > before.0 + 0.1)
        #expect(after.0 - after.1 > before.0 - before.1 + 0.1)
        #expect(abs(outcome.likelihoods[0].before - before.0) < 1e-9)
        #expect(abs(outcome.likelihoods[0].after - after.0) < 1e-9)
        #expect(outcome.tokens == cortex.encode(liked).count)
        #expect(outcome.learnedTokens == outcome.tokens)
    }

    @Test("-1 lowers an answer, also against another one")
    func punishment() throws {
        var engram = try taught()
        let before = (likelihood(liked, engram), likelihood(other, engram))
        try learn([judged(liked, -1)], into: &engram)
        let after = (likelihood(liked, engram), likelihood(other, engram))
        #expect(after.0 < before.0 - 0.1)
        #expect(after.0 - after.1 < before.0 - before.1 - 0.1)
    }

    @Test("A group raises its good answer and lowers its bad one in one proposal")
    func group() throws {
        var engram = try taught()
        let before = (likelihood(liked, engram), likelihood(other, engram))
        let outcome = try learn([judged(liked, 1), judged(other, -1)], into: &engram)
        #expect(likelihood(liked, engram) > before.0)
        #expect(likelihood(other, engram) < before.1)
        // Both were measured before either was learned, and again after both.
        #expect(abs(outcome.likelihoods[1].before - before.1) < 1e-9)
        #expect(abs(outcome.likelihoods[0].after - likelihood(liked, engram)) < 1e-9)
    }

    @Test("A hundred times -1 does not run away: each time does less, and the weights stay small")
    func punishmentEnds() throws {
        var engram = try taught()
        var drops: [Double] = []
        var norms: [Float] = []
        var last = likelihood(liked, engram)
        for _ in 0..<100 {
            try learn([judged(liked, -1)], into: &engram)
            let now = likelihood(liked, engram)
            drops.append(last - now)
            last = now
            norms.append(engram.summary.featureNorm + engram.summary.sequenceNorm)
        }
        #expect(drops[0] > 0)
        #expect(drops[99] < 0.02 * (drops.max() ?? 0))
        #expect(abs(norms[99] - norms[49]) < 0.1 * abs(norms[9] - norms[0]) + 0.1)
        let weights =
            engram.sites.features.sorted().map(\.synapse.weight)
            + engram.sites.sequences.sorted().flatMap(\.targets).map(\.weight)
        #expect(weights.allSatisfy { abs($0) < 0.5 * cortex.zone.weightBound })
    }

    @Test("Nothing is learned from the prompt, and neither biases, gains nor the gate move")
    func localTrace() throws {
        let empty = cortex.emptyEngram()
        let task = cortex.startFeedback([judged("", 1)], from: empty)
        task.run()
        #expect(task.result.proposal.sites == empty.sites)
        #expect(task.result.likelihoods == [.init(before: 0, after: 0)])

        var engram = try taught()
        let before = engram.sites
        try learn([judged(liked, 1), judged(other, -1)], into: &engram)
        #expect(engram.sites != before)
        #expect(engram.sites.bias == before.bias)
        #expect(engram.sites.gains == before.gains)
        #expect(engram.sites.frozenLossAverage == before.frozenLossAverage)
    }

    @Test("The learning gate does not stand in a verdict's way")
    func gateIsPassed() throws {
        var rule = PlasticityRule()
        rule.safeZone.learningGate = 0.5
        let strict = try Cortex(folder: folder, rule: rule)
        var engram = strict.emptyEngram()
        let task = strict.startFeedback([judged(liked, 1)], from: engram)
        task.run()
        try engram.commit(task.result.proposal, within: strict.zone)
        #expect(task.result.learnedTokens == strict.encode(liked).count)
        #expect(task.result.likelihoods[0].after > task.result.likelihoods[0].before)
    }

    @Test("A drive of 0 teaches nothing, and the same verdicts give the same bytes")
    func isDeterministic() throws {
        var (one, two) = (try taught(), try taught())
        let sites = one.sites
        let nothing = try learn([judged(liked, 0), judged(other, 0)], into: &one)
        #expect(nothing.learnedTokens == 0)
        #expect(one.sites == sites)
        try learn([judged(liked, 0), judged(other, 0)], into: &two)
        for drive in [1.0, -0.5, 2] {
            try learn([judged(liked, drive), judged(other, -drive)], into: &one)
            two = try Engram(serialized: two.serialized(as: .workingState), name: "stored")
            try learn([judged(liked, drive), judged(other, -drive)], into: &two)
        }
        #expect(try one.serialized(as: .workingState) == two.serialized(as: .workingState))
    }

    @Test("An answer that fills several slices and windows is learned to its end")
    func longAnswer() throws {
        let long = String(repeating: liked, count: 20)
        #expect(cortex.encode(long).count > 240)
        var engram = cortex.emptyEngram()
        let outcome = try learn([judged(long, 1)], into: &engram)
        // γ^t of a token falls under the least factor at t = 228.
        #expect(outcome.learnedTokens == min(outcome.tokens, 228))
        #expect(outcome.likelihoods[0].after > outcome.likelihoods[0].before)
    }
}

@Suite("What a reward is worth")
struct FeedbackRuleTests {
    @Test(
        "A group is judged relative to itself, one answer alone by its reward",
        arguments: [
            ([0.5], [0.5]), ([-1], [-1]), ([1, -1], [1, -1]), ([0.5, 0.25], [1, -1]),
            ([1, 0, 0.5], [1.224744871391589, -1.224744871391589, 0]),
            ([0.1, 0.1, 0.1], [0, 0, 0]), ([1, 1], [0, 0]),
            ([1, 0, 0, 0], [1.7320508075688772, -0.5773502691896258]),
            // Different, but the square of their difference is not.
            ([0, 1e-170], [0, 0]), ([0, Double.leastNonzeroMagnitude], [0, 0]),
        ])
    func advantages(rewards: [Double], expected: [Double]) {
        let found = FeedbackRule.advantages(of: rewards)
        #expect(found.count == rewards.count)
        for (found, expected) in zip(found, expected) { #expect(abs(found - expected) < 1e-12) }
    }

    @Test("A streak of one sign raises the gain to its bound; another sign, 0 or a group ends it")
    func streaks() {
        var streak = 0
        var gains: [Double] = []
        for _ in 0..<7 {
            streak = FeedbackRule.streak(after: streak, rewards: [0.5])
            gains.append(FeedbackRule.gain(streak: streak))
        }
        #expect(gains == [1, 1.25, 1.5, 1.75, 2, 2, 2])
        #expect(streak == 7)
        #expect(FeedbackRule.streak(after: 7, rewards: [-0.1]) == -1)
        #expect(FeedbackRule.streak(after: -1, rewards: [-0.1]) == -2)
        #expect(FeedbackRule.gain(streak: -2) == 1.25)
        #expect(FeedbackRule.streak(after: 7, rewards: [0]) == 0)
        #expect(FeedbackRule.streak(after: 7, rewards: [1, 1]) == 0)
        #expect(FeedbackRule.gain(streak: 0) == 1)
    }

    @Test("Early tokens of a liked answer count more; a disliked one is not discounted")
    func discount() {
        #expect(FeedbackRule.factor(drive: 1.5, discount: 0.5, probability: 0.9) == 0.75)
        let early = FeedbackRule.factor(drive: -1, discount: 1, probability: 0.2)
        #expect(early == FeedbackRule.factor(drive: -1, discount: 0.1, probability: 0.2))
        #expect(abs(early + 0.25) < 1e-6)
    }

    @Test(
        "The step of a disliked token is its probability: it vanishes with it and is never infinite",
        arguments: [Float(0), 1e-6, 0.01, 0.3, 0.5, 0.9, 0.98, 0.999, 1])
    func unlikelihood(probability: Float) {
        let factor = FeedbackRule.factor(drive: -1, discount: 1, probability: probability)
        #expect(factor.isFinite && factor <= 0 && factor >= -100)
        let step = factor * (1 - probability)
        #expect(step >= -1)
        if probability <= 0.98 { #expect(abs(step + probability) < 1e-5) }
    }
}
