public import Engrams
import Foundation
import InnerCortex
public import ModelFormats

/// Resumable work on a cortex, so that a scheduler can interleave much of it; between steps a task
/// may simply be dropped. What a task comes to does not depend on where it was interrupted.
public protocol CortexTask: AnyObject {
    /// What the next step takes from the frozen core; nil where it takes nothing. The same one until
    /// the step.
    var asks: CoreReading? { get }

    /// Does the next step, the least that there is: one position of a text, or one reading, which it
    /// does itself where nobody has.
    /// - Returns: True when the task is finished and its result is there.
    func advance() -> Bool
}

/// How long a slice of work may take before others have their turn.
public struct SliceBudget: Sendable {
    public let duration: Duration
    /// Time since some moment.
    public let now: @Sendable () -> Duration
    /// Whether others should have their turn at once.
    private var isOver: @Sendable () -> Bool = { false }

    /// - Parameter now: time since some moment, which only grows; a test may bring its own.
    public init(_ duration: Duration, now: @escaping @Sendable () -> Duration) {
        self.duration = duration
        self.now = now
    }

    /// By the machine's clock.
    public init(_ duration: Duration) {
        let start = ContinuousClock.now
        self.init(duration) { start.duration(to: .now) }
    }

    /// The same, which also ends when a condition holds after a step.
    public func endingEarly(when isOver: @escaping @Sendable () -> Bool) -> SliceBudget {
        var budget = self
        budget.isOver = isOver
        return budget
    }

    /// Repeats a step until the time is used up: the clock is read after each, and one is done in
    /// any case.
    /// - Parameter step: returns false when there is nothing more to repeat.
    public func spend(on step: () throws -> Bool) rethrows {
        let start = now()
        repeat {
            guard try step() else { return }
        } while !isOver() && now() - start < duration
    }
}

extension CortexTask {
    public var asks: CoreReading? { nil }
}

/// A text's surprise in total, bits.
public struct TextBits: Sendable, Equatable {
    public var frozen: Double
    public var adapted: Double
    public init(frozen: Double, adapted: Double) {
        self.frozen = frozen
        self.adapted = adapted
    }
}

/// What observing a text came to.
public struct Observation: Sendable {
    public var tokens: Int
    /// UTF-8 bytes of the text.
    public var bytes: Int
    /// `adapted` is prequential: each token was predicted before it was learned.
    public var bits: TextBits
    public var adaptation: Adaptation
    /// One a token, in their order.
    public var gains: [TokenGain]
    /// How many tokens the learning gate let through.
    public var learnedTokens: Int
    /// What to commit.
    public var proposal: Proposal
}

/// What scoring a text came to.
public struct Scoring: Sendable {
    public struct Token: Sendable, Equatable {
        public var token: TokenID
        /// Surprise, bits.
        public var frozen: Double
        public var adapted: Double
    }

    public var tokens: Int
    public var bytes: Int
    public var bits: TextBits
    public var adaptation: Adaptation
    public var perToken: [Token]
}

/// Learns a text, or some of its tokens, on a draft of an engram; nothing is changed until its
/// proposal is committed.
public final class ObserveTask: CortexTask {
    private let cortex: Cortex
    private let reward: Float
    private var pass: TextPass
    private var slice: FrozenSlice
    private var lesson: LearnedTokens
    /// The next to learn, in `slice` or behind it.
    private var position = 0
    private let base: Revision
    private var draft: PlasticSites
    private var learner: SynapticLearner
    private var collector: SayingCollector?
    /// Places in the text, behind its opening, that are the user's words.
    private let said: [Range<Int>]
    private let tokensBefore: Int
    private var gains: [TokenGain] = []
    /// Before the newest decay, and since.
    private var learnedTokens = 0
    private var learnedHere = 0
    private var sinceDecay = 0
    private var learnedSincePruning = 0

    /// Synapses decay after this many positions, and at the text's end.
    private static let decayInterval = 32
    /// A draft is pruned whenever it learned this many tokens, so that it stays bounded.
    private static let pruningInterval = 2048

    init(
        cortex: Cortex, pass: TextPass, engram: Engram, reward: Float,
        only ranges: [Range<Int>]? = nil, said: [Range<Int>]? = nil,
        sparing spared: Set<PlasticSite> = []
    ) {
        let (given, count) = (pass.history.count - pass.count, pass.history.count)
        self.said =
            said?.map { $0.lowerBound + given..<$0.upperBound + given } ?? [given..<count]
        self.cortex = cortex
        self.reward = reward
        self.pass = pass
        lesson = LearnedTokens(ranges, behind: pass.lead)
        slice = FrozenSlice(cortex: cortex)
        base = engram.revision
        draft = engram.sites
        learner = SynapticLearner(cortex: cortex, rule: cortex.rule.without(spared))
        tokensBefore = engram.tokensLearned
        // What is punished, or taught as no fact at all, is not remembered.
        if reward > 0, !spared.contains(.sayings) {
            collector = cortex.rule.tensors.recall.map {
                SayingCollector(cortex: cortex, weights: $0)
            }
        }
    }

    public var asks: CoreReading? {
        position < slice.positions.upperBound ? nil : pass.source.ask(layer: draft.layer)
    }

    public func advance() -> Bool {
        guard position < slice.positions.upperBound else {
            switch pass.source.advance(layer: draft.layer) {
            case .slice(let next):
                (slice, position) = (next, next.positions.lowerBound)
                collect()
            case .context: break
            case .end:
                finishSayings()
                decay()
                return true
            }
            return false
        }
        learn()
        position += 1
        if position == slice.positions.upperBound {
            learner.finishChunk(&draft, slice: &slice)
        }
        sinceDecay += 1
        if sinceDecay == Self.decayInterval { decay() }
        return false
    }

    /// Remembers what the slice's tokens say.
    private func collect() {
        // A recording has no states from inside of the network.
        if slice.streams.isEmpty { collector = nil }
        guard collector != nil else { return }
        for position in slice.positions where position > 0 {
            collector?.add(
                pass.history[position],
                streams: slice.streams(position - slice.positions.lowerBound),
                isSaid: said.contains { $0.contains(position) }, to: &draft.sayings)
        }
    }

    /// The text's last token is read by nobody: it has no state to be found by.
    private func finishSayings() {
        collector?.add(
            pass.history[pass.history.count - 1], streams: nil,
            isSaid: said.contains { $0.contains(pass.history.count - 1) }, to: &draft.sayings)
        collector?.finish(&draft.sayings)
    }

    private func learn() {
        let row = position - slice.positions.lowerBound
        if let chunk = cortex.rule.layer.chunk(startingAt: row, of: slice.positions.count) {
            learner.finishChunk(&draft, slice: &slice)
            pass.source.readLayer(&slice, rows: chunk, synapses: draft.layer)
        }
        guard lesson.hasToken(at: position + 1) else { return }
        let outcome = pass.step(
            slice, position: position, sites: draft,
            tokensLearned: tokensBefore + learnedTokens + learnedHere)
        gains.append(outcome.gain)
        let didLearn = learner.learn(
            &draft, readout: pass.predictor.readout, slice: slice, row: row,
            target: pass.history[position + 1], frozenLoss: Float(outcome.frozenLoss),
            reward: reward)
        if didLearn { learnedHere += 1 }
    }

    private func decay() {
        cortex.rule.decay(&draft, tokens: learnedHere)
        learnedTokens += learnedHere
        learnedSincePruning += sinceDecay
        (learnedHere, sinceDecay) = (0, 0)
        if learnedSincePruning >= Self.pruningInterval {
            draft.prune(within: cortex.zone)
            learnedSincePruning = 0
        }
    }

    /// - Precondition: `advance` returned true.
    public var result: Observation {
        Observation(
            tokens: pass.sums.tokens, bytes: lesson.bytes(of: pass, cortex.tokenizer),
            bits: pass.bits, adaptation: pass.sums.adaptation, gains: gains,
            learnedTokens: learnedTokens,
            proposal: Proposal(base: base, sites: draft, tokens: learnedTokens))
    }
}

/// Measures a text under an engram; never learns.
public final class ScoreTask: CortexTask {
    private var pass: TextPass
    private var slice: FrozenSlice
    /// The next to measure, in `slice` or behind it.
    private var position = 0
    private let sites: PlasticSites
    private let tokensLearned: Int
    private var perToken: [Scoring.Token] = []

    init(cortex: Cortex, pass: TextPass, engram: Engram) {
        self.pass = pass
        slice = FrozenSlice(cortex: cortex)
        sites = engram.sites
        tokensLearned = engram.tokensLearned
    }

    public var asks: CoreReading? {
        position < slice.positions.upperBound ? nil : pass.source.ask(layer: sites.layer)
    }

    public func advance() -> Bool {
        guard position < slice.positions.upperBound else {
            switch pass.source.advance(layer: sites.layer) {
            case .slice(let next): (slice, position) = (next, next.positions.lowerBound)
            case .context: return false
            case .end: return true
            }
            pass.source.readLayer(
                &slice, rows: 0..<slice.positions.count, synapses: sites.layer)
            return false
        }
        let outcome = pass.step(
            slice, position: position, sites: sites, tokensLearned: tokensLearned)
        perToken.append(
            Scoring.Token(
                token: TokenID(rawValue: pass.history[position + 1]),
                frozen: outcome.frozenLoss / log(2), adapted: outcome.adaptedLoss / log(2)))
        position += 1
        return false
    }

    /// - Precondition: `advance` returned true.
    public var result: Scoring {
        Scoring(
            tokens: pass.sums.tokens, bytes: pass.bytes, bits: pass.bits,
            adaptation: pass.sums.adaptation, perToken: perToken)
    }
}

/// One text on its way through reader and predictor: what observing and scoring share.
struct TextPass {
    var source: SliceSource
    var predictor: PersonalPredictor
    /// The text behind its opening, as the kernels' integers.
    let history: [Int32]
    /// How many of them are no tokens of the text that was given.
    let lead: Int
    let bytes: Int
    /// How many tokens of `history` are predicted.
    let count: Int
    private(set) var sums = OutcomeSums()
    private let recorder: (any TokenRecorder)?

    init(cortex: Cortex, tokens: [TokenID], keepsOutput: Bool = false) {
        let text = cortex.framed(tokens)
        self.init(
            cortex: cortex, text: text, source: .reader(FrozenReader(cortex: cortex, text: text)),
            recorder: nil, lead: text.tokens.count - tokens.count, keepsOutput: keepsOutput)
    }

    init(cortex: Cortex, text: FramedText, keepsOutput: Bool = false) {
        self.init(
            cortex: cortex, text: text, source: .reader(FrozenReader(cortex: cortex, text: text)),
            recorder: nil, keepsOutput: keepsOutput)
    }

    init(
        cortex: Cortex, text: RecordedText, layer: LayerSynapses, recorder: (any TokenRecorder)?
    ) {
        // The layer site reads the residual stream under its own synapses: no recording has that.
        let source: SliceSource =
            cortex.layerHook == nil && layer.isEmpty
            ? .recording(text, cortex: cortex, next: 0)
            : .reader(FrozenReader(cortex: cortex, text: text.framed))
        self.init(cortex: cortex, text: text.framed, source: source, recorder: recorder)
    }

    private init(
        cortex: Cortex, text: FramedText, source: SliceSource, recorder: (any TokenRecorder)?,
        lead: Int = 0, keepsOutput: Bool = false
    ) {
        self.source = source
        self.lead = lead
        self.recorder = recorder
        predictor = PersonalPredictor(
            cortex: cortex, logsTokens: recorder != nil, keepsOutput: keepsOutput)
        history = text.tokens.map(\.rawValue)
        count = max(0, text.tokens.count - text.given)
        bytes = text.tokens.dropFirst(text.given).reduce(0) {
            $0 + cortex.tokenizer.bytes(of: $1).count
        }
    }

    /// Predicts the token after `position` and accounts for it.
    mutating func step(
        _ slice: FrozenSlice, position: Int, sites: PlasticSites, tokensLearned: Int
    ) -> PersonalPredictor.Outcome {
        let row = position - slice.positions.lowerBound
        predictor.predict(
            slice, row: row, history: history[...position], sites: sites,
            tokensLearned: tokensLearned)
        let target = history[position + 1]
        if let recorder, recorder.wantsToken(),
            let log = predictor.readout.log(target: target, slice: slice, row: row)
        {
            recorder.record(log)
        }
        let outcome = predictor.settle(target: Int(target), slice, row: row)
        sums.add(outcome)
        return outcome
    }

    var bits: TextBits {
        TextBits(frozen: sums.frozenLoss / log(2), adapted: sums.adaptedLoss / log(2))
    }
}

extension PersonalPredictor.Outcome {
    var gain: TokenGain {
        TokenGain(frozenLoss: Float(frozenLoss), gain: Float(frozenLoss - adaptedLoss))
    }
}
