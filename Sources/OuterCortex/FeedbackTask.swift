public import Engrams
import InnerCortex
public import ModelFormats

/// An answer with what it was found to be worth.
public struct JudgedAnswer: Sendable {
    /// Context only: nothing is learned from it.
    public var prompt: [TokenID]
    public var answer: [TokenID]
    /// g·a of `FeedbackRule`, dimensionless; above 0 the answer becomes likelier. Values outside
    /// ±`FeedbackRule.maximumDrive` count as that.
    public var drive: Double

    public init(prompt: [TokenID], answer: [TokenID], drive: Double) {
        self.prompt = prompt
        self.answer = answer
        self.drive = drive
    }
}

/// What learning from verdicts came to.
public struct FeedbackOutcome: Sendable {
    /// ln of an answer's probability after its prompt, nats, as it leaves the safe zone.
    public struct Likelihood: Sendable, Equatable {
        public var before: Double
        /// After all answers of the task were learned.
        public var after: Double
    }

    /// Beside the answers, in their order.
    public var likelihoods: [Likelihood]
    /// Tokens of the answers, and how many of them were learned from.
    public var tokens: Int
    public var learnedTokens: Int
    /// Over the prompts and answers, under what was learned.
    public var adaptation: Adaptation
    /// What to commit.
    public var proposal: Proposal
}

/// Learns from verdicts on answers, on a draft of an engram; nothing is changed until its proposal
/// is committed.
///
/// An answer's eligibility trace, the presynaptic activity and the error of each of its tokens, is
/// a function of its tokens and the engram alone. So none is stored: it is built again along the
/// canonical path (DESIGN §6), which gives the same bytes for the same answers, now and in a
/// replay. The answers are learned one after another.
///
/// What is particular to the answer learns: contexts of two tokens and more at the rule's rates,
/// features at `FeedbackRule.featureShare` of theirs. Biases, gains, layer weights and contexts of
/// one token carry next to no trace of one answer and would take the verdict into every other text. Measured on
/// folio-5m over twelve answers, one verdict each: with one-token contexts and features at their
/// full rate generic text moved by up to 0.41 %, so by up to 0.20 %; a dislike lowered its answer as
/// far (2.0 nats against 1.8), a like raised its 24 tokens by 32 nats in place of 46.
///
/// What leaves the server stays within the no-harm bound here as anywhere: a dislike lowers a whole
/// answer to at most `SafeZone.harmBound` nats under the frozen core's likelihood of it. Past that
/// the mixture has let the engram go.
///
/// - Complexity: Two passes over each prompt and answer: to measure and learn, and to measure again.
public final class FeedbackTask: CortexTask {
    private let cortex: Cortex
    private let rule: PlasticityRule
    private let answers: [JudgedAnswer]
    private let base: PlasticSites
    private let baseRevision: Revision
    private var draft: PlasticSites
    private var learner: SynapticLearner
    private let tokensBefore: Int
    private var readings: [AnswerReading]
    private var isLearning = true
    private var current = 0
    private var slice: FrozenSlice
    /// The next to learn or to measure, in `slice` or behind it.
    private var position = 0
    private var sums = OutcomeSums()
    private var learnedTokens = 0

    init(
        cortex: Cortex, answers: [JudgedAnswer], engram: Engram, sparing spared: Set<PlasticSite>
    ) {
        self.cortex = cortex
        var rule = cortex.rule.without(spared)
        rule.bias.rate = 0
        rule.gainRate = 0
        rule.feature.rate *= FeedbackRule.featureShare
        rule.matrix.rate = 0
        if !rule.orderRates.isEmpty { rule.orderRates[0] = 0 }
        self.rule = rule
        self.answers = answers
        slice = FrozenSlice(cortex: cortex)
        base = engram.sites
        baseRevision = engram.revision
        draft = engram.sites
        learner = SynapticLearner(cortex: cortex, rule: rule)
        tokensBefore = engram.tokensLearned
        readings = answers.map { _ in AnswerReading() }
    }

    public func advance() -> Bool {
        guard current < answers.count else {
            guard isLearning else { return true }
            // As `commit` will leave it, so that what is measured now is what will be.
            draft.prune(within: cortex.zone)
            isLearning = false
            current = 0
            return answers.isEmpty
        }
        if position == slice.positions.upperBound {
            readSlice()
        } else {
            if isLearning { learnPosition() } else { measurePosition() }
            position += 1
        }
        return false
    }

    /// - Precondition: `advance` returned true.
    public var result: FeedbackOutcome {
        FeedbackOutcome(
            likelihoods: readings.map { .init(before: $0.before, after: $0.after) },
            tokens: answers.reduce(0) { $0 + $1.answer.count }, learnedTokens: learnedTokens,
            adaptation: sums.adaptation,
            proposal: Proposal(base: baseRevision, sites: draft, tokens: learnedTokens))
    }

    /// Reads on in the present answer: for learning under the engram as it was, for measuring under
    /// what was learned.
    private func readSlice() {
        let layer = isLearning ? base.layer : draft.layer
        let judged = answers[current]
        var reading = readings[current].reading.take() ?? pass(judged)
        switch reading.source.advance(layer: layer) {
        case .slice(let next):
            (slice, position) = (next, next.positions.lowerBound)
            reading.source.readLayer(&slice, rows: 0..<next.positions.count, synapses: layer)
        case .context: break
        case .end:
            endReading()
            return
        }
        readings[current].reading = reading
        if isLearning, readings[current].measuring == nil {
            readings[current].measuring = pass(judged)
        }
    }

    /// Measures a position with the engram as it was, and has the draft learn it.
    private func learnPosition() {
        let judged = answers[current]
        guard var measuring = readings[current].measuring.take(),
            var learning = readings[current].reading.take()
        else { return }
        let limit = FeedbackRule.maximumDrive
        let drive = max(-limit, min(limit, Float(judged.drive)))
        let outcome = measuring.step(
            slice, position: position, sites: base, tokensLearned: tokensBefore)
        _ = learning.step(slice, position: position, sites: draft, tokensLearned: tokensBefore)
        if position >= firstPosition(of: judged, in: learning) {
            readings[current].before -= outcome.adaptedLoss
            let target = learning.history[position + 1]
            let factor = FeedbackRule.factor(
                drive: drive, discount: readings[current].discount,
                probability: learning.predictor.readout.adapted[Int(target)])
            readings[current].discount *= FeedbackRule.discount
            if abs(factor) >= FeedbackRule.minimumFactor,
                learn(learning, slice, position: position, factor: factor)
            {
                learnedTokens += 1
            }
        }
        readings[current].measuring = measuring
        readings[current].reading = learning
    }

    private func learn(
        _ pass: TextPass, _ slice: FrozenSlice, position: Int, factor: Float
    ) -> Bool {
        // The learning gate keeps text out that the core finds far from language. An answer is the
        // core's own, so the gate is passed, and left as it stood.
        let gate = draft.frozenLossAverage
        draft.frozenLossAverage = 0
        let didLearn = learner.learn(
            &draft, readout: pass.predictor.readout, slice: slice,
            row: position - slice.positions.lowerBound, target: pass.history[position + 1],
            frozenLoss: 0, reward: factor)
        draft.frozenLossAverage = gate
        return didLearn
    }

    private func measurePosition() {
        guard var measuring = readings[current].reading.take() else { return }
        let outcome = measuring.step(
            slice, position: position, sites: draft, tokensLearned: tokensBefore)
        sums.add(outcome)
        if position >= firstPosition(of: answers[current], in: measuring) {
            readings[current].after -= outcome.adaptedLoss
        }
        readings[current].reading = measuring
    }

    private func pass(_ judged: JudgedAnswer) -> TextPass {
        TextPass(cortex: cortex, text: cortex.framed(judged.answer, after: judged.prompt))
    }

    /// The position that predicts the answer's first token.
    private func firstPosition(of judged: JudgedAnswer, in pass: TextPass) -> Int {
        pass.history.count - judged.answer.count - 1
    }

    /// Frees the answer's buffers: only one is read at a time.
    private func endReading() {
        readings[current].measuring = nil
        readings[current].reading = nil
        (slice.positions, position) = (0..<0, 0)
        learner = SynapticLearner(cortex: cortex, rule: rule)
        current += 1
    }
}

/// How far one answer has been read, and what it came to.
private struct AnswerReading {
    var before = 0.0
    var after = 0.0
    /// γ^t of the next token.
    var discount: Float = 1
    /// Under the engram as it was, beside `reading`; only while learning.
    var measuring: TextPass?
    /// Which reads the text: under the draft.
    var reading: TextPass?
}

extension Cortex {
    /// Starts learning from verdicts on answers.
    /// - Parameters:
    ///   - answers: learned in this order; every token within the vocabulary.
    ///   - spared: sites that speak and do not learn.
    public func startFeedback(
        _ answers: [JudgedAnswer], from engram: Engram, sparing spared: Set<PlasticSite> = []
    ) -> FeedbackTask {
        FeedbackTask(cortex: self, answers: answers, engram: engram, sparing: spared)
    }
}
