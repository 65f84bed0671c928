public import Engrams
import Foundation
import InnerCortex
public import ModelFormats

/// Resumable work on a cortex. Each `advance` does a bounded slice, so that a scheduler can
/// interleave many; between slices a task may simply be dropped.
public protocol CortexTask: AnyObject {
    /// Does the next slice.
    /// - Returns: True when the task is finished and its result is there.
    func advance() -> Bool
}

/// A text's surprise in total, bits.
public struct TextBits: Sendable, Equatable {
    public var frozen: Double
    public var adapted: Double
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

/// Learns a text on a draft of an engram; nothing is changed until its proposal is committed.
public final class ObserveTask: CortexTask {
    private let cortex: Cortex
    private let reward: Float
    private var pass: TextPass
    private let base: Revision
    private var draft: PlasticSites
    private var errors: ErrorTargets
    private var gains: [TokenGain] = []
    private var learnedTokens = 0
    private var learnedSincePruning = 0

    /// A draft is pruned whenever it learned this many tokens, so that it stays bounded.
    private static let pruningInterval = 2048

    init(cortex: Cortex, tokens: [TokenID], engram: Engram, reward: Float) {
        self.cortex = cortex
        self.reward = reward
        pass = TextPass(cortex: cortex, tokens: tokens)
        base = engram.revision
        draft = engram.sites
        errors = ErrorTargets(vocabularySize: cortex.inner.config.vocabularySize)
    }

    public func advance() -> Bool {
        guard let slice = pass.reader.nextSlice() else { return true }
        let rule = cortex.rule
        for position in slice.positions {
            let outcome = pass.step(slice, position: position, sites: draft)
            gains.append(outcome.gain)
            let active = pass.active(slice, position: position)
            let didLearn = rule.learn(
                &draft, readout: pass.predictor.readout, latents: slice.latents[active],
                values: slice.values[active], target: pass.history[position + 1],
                frozenLoss: Float(outcome.frozenLoss), reward: reward, errors: &errors)
            if didLearn { learnedTokens += 1 }
        }
        learnedSincePruning += slice.positions.count
        if learnedSincePruning >= Self.pruningInterval {
            draft.prune(within: rule.safeZone)
            learnedSincePruning = 0
        }
        return false
    }

    /// - Precondition: `advance` returned true.
    public var result: Observation {
        Observation(
            tokens: pass.sums.tokens, bytes: pass.bytes, bits: pass.bits,
            adaptation: pass.sums.adaptation, gains: gains, learnedTokens: learnedTokens,
            proposal: Proposal(base: base, sites: draft, tokens: learnedTokens))
    }
}

/// Measures a text under an engram; never learns.
public final class ScoreTask: CortexTask {
    private var pass: TextPass
    private let sites: PlasticSites
    private var perToken: [Scoring.Token] = []

    init(cortex: Cortex, tokens: [TokenID], engram: Engram) {
        pass = TextPass(cortex: cortex, tokens: tokens)
        sites = engram.sites
    }

    public func advance() -> Bool {
        guard let slice = pass.reader.nextSlice() else { return true }
        for position in slice.positions {
            let outcome = pass.step(slice, position: position, sites: sites)
            perToken.append(
                Scoring.Token(
                    token: TokenID(rawValue: pass.history[position + 1]),
                    frozen: outcome.frozenLoss / log(2), adapted: outcome.adaptedLoss / log(2)))
        }
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
    let reader: FrozenReader
    var predictor: PersonalPredictor
    /// The text with its start-of-text token, as the kernels' integers.
    let history: [Int32]
    let bytes: Int
    private(set) var sums = OutcomeSums()
    private let activeCount: Int
    private let vocabularySize: Int

    init(cortex: Cortex, tokens: [TokenID]) {
        let whole = [cortex.startOfText] + tokens
        reader = FrozenReader(
            inner: cortex.inner, autoencoder: cortex.autoencoder, tokens: whole)
        vocabularySize = cortex.inner.config.vocabularySize
        predictor = PersonalPredictor(vocabularySize: vocabularySize, rule: cortex.rule)
        history = whole.map(\.rawValue)
        bytes = tokens.reduce(0) { $0 + cortex.tokenizer.bytes(of: $1).count }
        activeCount = cortex.autoencoder?.activeCount ?? 0
    }

    func active(_ slice: FrozenReader.Slice, position: Int) -> Range<Int> {
        let row = position - slice.positions.lowerBound
        return row * activeCount..<(row + 1) * activeCount
    }

    /// Predicts the token after `position` and accounts for it.
    mutating func step(
        _ slice: FrozenReader.Slice, position: Int, sites: PlasticSites
    ) -> PersonalPredictor.Outcome {
        let row = position - slice.positions.lowerBound
        let logits = slice.logits.span.extracting(
            row * vocabularySize..<(row + 1) * vocabularySize)
        let range = active(slice, position: position)
        predictor.predict(
            logits: logits, latents: slice.latents[range], values: slice.values[range],
            history: history[...position], sites: sites)
        let outcome = predictor.settle(target: Int(history[position + 1]), logits: logits)
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
