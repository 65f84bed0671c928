public import Engrams

public struct TokenLogprob: Sendable, Codable {
    public var text: String
    public var bytes: [UInt8]
    /// Natural logarithm.
    public var logprob: Double
    public init(text: String, bytes: [UInt8], logprob: Double) {
        self.text = text
        self.bytes = bytes
        self.logprob = logprob
    }
}

/// A token of an answer with what had most going for it there.
public struct AnswerToken: Sendable, Codable {
    public var token: TokenLogprob
    /// The likeliest tokens, best first; `token` is among them.
    public var top: [TokenLogprob]
    /// Where it begins in the answer's text, Unicode scalars from 0. One that goes on with a
    /// character that another began begins where that does; one that adds no text, as a control
    /// token, where the next begins.
    public var start: Int
    public init(token: TokenLogprob, top: [TokenLogprob], start: Int) {
        self.token = token
        self.top = top
        self.start = start
    }
}

/// A piece of an answer: whole characters only.
public struct CompletionPiece: Sendable {
    public var choice: Int
    public var text: String
    public var logprobs: [AnswerToken]
    public init(choice: Int, text: String, logprobs: [AnswerToken] = []) {
        self.choice = choice
        self.text = text
        self.logprobs = logprobs
    }
}

public enum FinishReason: String, Sendable, Codable { case stop, length }

public struct CompletionSummary: Sendable, Codable {
    public var session: SessionID
    public var revision: Revision
    public var revisionAfter: Revision
    public var learnedTokens: Int
    public var promptTokens: Int
    public var completionTokens: Int
    public var adaptation: Adaptation
    /// The monitors for which the completion was not learned from, although that was asked for.
    public var paused: [CollapseMonitor.Monitor]
    public var event: EventID?
    /// True when this is the stored answer of an earlier request with the same idempotency key.
    public var replayed = false
    /// What was remembered for it; nil in an answer that is given again.
    public var recalled: [RecalledSaying]?
    public init(
        session: SessionID, revision: Revision, revisionAfter: Revision, learnedTokens: Int,
        promptTokens: Int, completionTokens: Int, adaptation: Adaptation,
        paused: [CollapseMonitor.Monitor] = [], event: EventID?
    ) {
        self.session = session
        self.revision = revision
        self.revisionAfter = revisionAfter
        self.learnedTokens = learnedTokens
        self.promptTokens = promptTokens
        self.completionTokens = completionTokens
        self.adaptation = adaptation
        self.paused = paused
        self.event = event
    }
}

/// In mode `compare`, choice 2i is the adapted answer and 2i + 1 the frozen one, from one seed.
public enum CompletionEvent: Sendable {
    /// First of all, where what follows was answered before: what that answer was called.
    case repeated(CompletionID?)
    case piece(CompletionPiece)
    case choiceFinished(choice: Int, reason: FinishReason)
    case finished(CompletionSummary)
}
