public import Engrams
public import InnerCortex
public import ModelFormats

/// What to generate.
public struct GenerationRequest: Sendable {
    public enum Mode: Sendable { case adapted, frozen }

    /// Whether to read guesses of the next tokens along, by the engram's sequence synapses. The answer
    /// is the same in any case.
    public enum Drafting: Sendable {
        /// Where it pays on this machine.
        case whenFaster
        case off
        /// Wherever the engram has a guess.
        case always
    }

    /// What the tokenizer puts before a text is put before it, unless it is there.
    public var prompt: [TokenID]
    /// Places in the prompt that are the user's words, in their order; what was said last is the
    /// question that recall answers. Empty: all of it is.
    public var said: [Range<Int>]
    /// What the answer begins with, where it is measured: these tokens are taken in place of drawn
    /// ones, each within the vocabulary.
    public var dictated: [TokenID] = []
    /// At most this many tokens; fewer where the context ends.
    public var maxTokens: Int
    public var sampling: SamplingOptions
    public var seed: UInt64
    /// End the answer, and are not part of it.
    public var stop: StopStrings
    public var mode: Mode
    /// What the answer must be; nil: anything.
    public var grammar: ByteGrammar?
    /// Likeliest tokens to report per token; nil reports no log-probabilities at all.
    public var topLogprobs: Int?
    public var drafting: Drafting

    public init(
        prompt: [TokenID], said: [Range<Int>] = [], maxTokens: Int, sampling: SamplingOptions,
        seed: UInt64, stop: StopStrings = StopStrings(), mode: Mode = .adapted,
        grammar: ByteGrammar? = nil,
        topLogprobs: Int? = nil, drafting: Drafting = .whenFaster
    ) {
        self.prompt = prompt
        self.said = said
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.seed = seed
        self.stop = stop
        self.mode = mode
        self.grammar = grammar
        self.topLogprobs = topLogprobs
        self.drafting = drafting
    }
}

/// A generated token with what it had going for it.
public struct GeneratedToken: Sendable {
    public var token: TokenID
    /// ln of its probability before temperature and the other sampling options.
    public var logprob: Double
    /// The likeliest tokens there, best first; the generated one is among them, last where it is
    /// none of the likeliest.
    public var top: [(token: TokenID, logprob: Double)]
    /// Where it begins in the answer's text, `StreamingDecoder.tokenStart`.
    public var start: Int
}

/// A piece of an answer: whole characters, and the tokens that came since the piece before.
public struct GeneratedPiece: Sendable {
    public var text: String
    public var tokens: [GeneratedToken]
}

/// Why a generation ended.
public enum GenerationEnd: Sendable { case stop, length }

/// What a generation came to.
public struct Generation: Sendable {
    public var text: String
    /// Every generated token, the end-of-text token left out.
    public var tokens: [TokenID]
    public var promptTokens: Int
    public var end: GenerationEnd
    /// Over prompt and completion.
    public var adaptation: Adaptation
    /// Nil in mode frozen, and for an answer without a token.
    public var vitals: GenerationVitals?
    /// Guesses of the answer's tokens that were read along, and those that came true.
    public var draftedTokens = 0
    public var acceptedTokens = 0
    /// What was remembered for it, in the order in which it was said.
    public var recalled: [Recollection] = []
}
