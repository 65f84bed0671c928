public import Engrams

/// A request's answers, as its client knows them. Opaque.
public struct CompletionID: RawRepresentable, Hashable, Sendable, Codable, CustomStringConvertible {
    public let rawValue: String
    public init(rawValue: String) { self.rawValue = rawValue }
    public var description: String { rawValue }
}

/// One answer of a completion.
public struct AnswerID: Hashable, Sendable, Codable {
    public var completion: CompletionID
    /// Its index among the completion's choices.
    public var choice: Int
    public init(completion: CompletionID, choice: Int = 0) {
        self.completion = completion
        self.choice = choice
    }
}

/// What somebody thinks of one or several answers given before.
public struct FeedbackRequest: Sendable {
    public struct Verdict: Sendable, Equatable {
        public var answer: AnswerID
        /// −1...1.
        public var reward: Double
        public init(answer: AnswerID, reward: Double) {
            self.answer = answer
            self.reward = reward
        }
    }

    /// One, or a group that is judged relative to itself.
    public var verdicts: [Verdict]
    public var idempotencyKey: String?
    public var ifMatch: Revision?
    public init(
        verdicts: [Verdict], idempotencyKey: String? = nil, ifMatch: Revision? = nil
    ) {
        self.verdicts = verdicts
        self.idempotencyKey = idempotencyKey
        self.ifMatch = ifMatch
    }

    /// Verdicts in one request.
    public static let verdictsMaximum = 64
}

public struct FeedbackResult: Sendable, Equatable, Codable {
    public struct Answer: Sendable, Equatable, Codable {
        public var id: AnswerID
        public var reward: Double
        /// The reward itself, or in a group (reward − mean)/std.
        public var advantage: Double
        public var tokens: Int
        /// ln of the answer's probability after its prompt, nats, before and after this event.
        public var logprobBefore: Double
        public var logprobAfter: Double
        public init(
            id: AnswerID, reward: Double, advantage: Double, tokens: Int, logprobBefore: Double,
            logprobAfter: Double
        ) {
            self.id = id
            self.reward = reward
            self.advantage = advantage
            self.tokens = tokens
            self.logprobBefore = logprobBefore
            self.logprobAfter = logprobAfter
        }
    }

    public var event: EventID
    /// Tokens of the answers; and those learned from, 0 when a group's rewards were all equal.
    public var tokens: Int
    public var learnedTokens: Int
    /// The streak of verdicts of one sign with this one, negative for dislikes, and the gain that
    /// it gave the advantages, 1...2.
    public var streak: Int
    public var gain: Double
    public var revision: Revision
    /// Over the prompts and answers, after this event.
    public var adaptation: Adaptation
    public var answers: [Answer]
    /// True when this is the stored answer of an earlier request with the same idempotency key.
    public var replayed: Bool
    public init(
        event: EventID, tokens: Int, learnedTokens: Int, streak: Int, gain: Double,
        revision: Revision, adaptation: Adaptation, answers: [Answer], replayed: Bool
    ) {
        self.event = event
        self.tokens = tokens
        self.learnedTokens = learnedTokens
        self.streak = streak
        self.gain = gain
        self.revision = revision
        self.adaptation = adaptation
        self.answers = answers
        self.replayed = replayed
    }
}
