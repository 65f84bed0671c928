public import Engrams
public import InnerCortex

public enum CompletionMode: String, Sendable { case adapted, frozen, compare }

/// What an answer must be.
public struct AnswerFormat: Sendable {
    public var grammar: ByteGrammar
    /// Tells another format from it.
    public var key: String
    public init(grammar: ByteGrammar, key: String) {
        self.grammar = grammar
        self.key = key
    }
}

public struct CompleteRequest: Sendable {
    /// How many texts may end an answer, and the longest of them, UTF-8 bytes. OpenAI allows as many.
    public static let stopsMaximum = 4
    public static let stopBytesMaximum = 1024

    /// Text, or token ids as the OpenAI API allows.
    public var prompt: ObservedContent
    /// Whether names of control tokens in a text are those tokens; nil: unless it is learned from.
    public var parsesSpecialTokens: Bool?
    public var maxTokens: Int
    public var sampling: SamplingOptions
    /// Nil: the server draws one.
    public var seed: UInt64?
    public var stop: [String]
    public var mode: CompletionMode
    /// Nil: what the session was made with.
    public var learn: LearnMode?
    /// How many of the likeliest tokens to report at each, 0...20; nil: no log-probabilities at all.
    public var topLogprobs: Int?
    /// Independent answers, 1...16.
    public var count: Int
    /// Nil: anything.
    public var format: AnswerFormat?
    /// Of a request that learns: a repeated one gets the first one's answer, and teaches nothing.
    public var idempotencyKey: String?
    public var ifMatch: Revision?
    /// What the first answer will be called when it is judged; nil: it cannot be.
    public var completion: AnswerID?
    public init(
        prompt: ObservedContent, parsesSpecialTokens: Bool? = nil, maxTokens: Int,
        sampling: SamplingOptions, seed: UInt64?, stop: [String], mode: CompletionMode,
        learn: LearnMode?, topLogprobs: Int?, count: Int, idempotencyKey: String? = nil,
        ifMatch: Revision?
    ) {
        self.prompt = prompt
        self.parsesSpecialTokens = parsesSpecialTokens
        self.maxTokens = maxTokens
        self.sampling = sampling
        self.seed = seed
        self.stop = stop
        self.mode = mode
        self.learn = learn
        self.topLogprobs = topLogprobs
        self.count = count
        self.idempotencyKey = idempotencyKey
        self.ifMatch = ifMatch
    }
}

extension CompleteRequest {
    /// Throws for what is outside of bounds that no core changes.
    func check() throws {
        try RequestMark.check(idempotencyKey)
        func require(_ holds: Bool, _ name: String, _ reason: String) throws(ServiceError) {
            if !holds { throw .invalidParameter(name: name, reason: reason) }
        }
        try require(maxTokens >= 0, "max_tokens", "must not be negative")
        try require((1...16).contains(count), "n", "must be between 1 and 16")
        let stops = stop.map(\.utf8.count)
        let (most, bytes) = (Self.stopsMaximum, Self.stopBytesMaximum)
        try require(stops.count <= most, "stop", "must be at most \(most) texts")
        try require(
            stops.allSatisfy { $0 <= bytes }, "stop",
            "must be of at most \(bytes) bytes each, and one has \(stops.max() ?? 0)")
        if let top = topLogprobs {
            try require((0...20).contains(top), "logprobs", "must be between 0 and 20")
        }
        do {
            try sampling.validated()
        } catch {
            let names = [
                "topK": "top_k", "topP": "top_p", "minP": "min_p",
                "repetitionPenalty": "repetition_penalty", "logitBias": "logit_bias",
                "frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty",
            ]
            throw ServiceError.invalidParameter(
                name: names[error.option] ?? error.option,
                reason: "is \(error.found), allowed is \(error.allowed)")
        }
    }
}
