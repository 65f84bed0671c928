public import Engrams
public import ModelFormats

/// Tokens of the journal as people read them.
public struct JournalText: Sendable, Equatable {
    /// What they spell; a control token by its name, and bytes that are no UTF-8 as U+FFFD.
    public var text: String
    /// The tokens themselves, where there are control tokens among them: of these the text does not
    /// tell whether they or the letters of their names were learned.
    public var tokens: [TokenID]?
    public init(text: String, tokens: [TokenID]? = nil) {
        self.text = text
        self.tokens = tokens
    }
}

/// One entry of a session's journal, as its owner sees it.
public struct EventState: Sendable {
    /// A verdict of a feedback event.
    public struct Verdict: Sendable, Equatable {
        public var reward: Double
        public var advantage: Double
        /// Tokens of the answer.
        public var tokens: Int
        /// Nil where the server keeps no text.
        public var prompt: JournalText?
        public var answer: JournalText?
        public init(
            reward: Double, advantage: Double, tokens: Int, prompt: JournalText? = nil,
            answer: JournalText? = nil
        ) {
            self.reward = reward
            self.advantage = advantage
            self.tokens = tokens
            self.prompt = prompt
            self.answer = answer
        }
    }

    /// A message of a conversation.
    public struct Message: Sendable, Equatable {
        public var role: String
        public var text: String
        public var isLearned: Bool
        public init(role: String, text: String, isLearned: Bool) {
            self.role = role
            self.text = text
            self.isLearned = isLearned
        }
    }

    public var id: EventID
    /// observe, completion, feedback, import, merge, reset, restore, checkpoint or forget.
    public var kind: String
    /// The session's revision after it.
    public var revision: Revision
    /// Seconds since 1970.
    public var created: Double
    /// Tokens of its text, and those that the learning gate let through.
    public var tokens: Int
    public var learnedTokens: Int
    public var reward: Float?
    /// Of an observed text, as it was when it was learned: each token predicted before it was.
    public var bitsPerByte: BitsPerByte?
    /// The checkpoint that a reset, restore or checkpoint went to.
    public var target: CheckpointID?
    /// The event that took its content away; nil: it is all there.
    public var forgottenBy: EventID?
    /// What was learned, whole or its beginning; nil for kinds that learn no text, and where none is
    /// kept.
    public var text: JournalText?
    /// Of a conversation, all that was said in it; empty where only the beginning of `text`, which
    /// then is what was learned, is shown.
    public var messages: [Message]
    /// Whether `text` is only the beginning.
    public var isPreview: Bool
    public var verdicts: [Verdict]
    /// What a `forget` event changed.
    public var receipt: ForgetReceipt?

    public init(
        id: EventID, kind: String, revision: Revision, created: Double, tokens: Int = 0,
        learnedTokens: Int = 0, reward: Float? = nil, bitsPerByte: BitsPerByte? = nil,
        target: CheckpointID? = nil, forgottenBy: EventID? = nil, text: JournalText? = nil,
        messages: [Message] = [], isPreview: Bool = false, verdicts: [Verdict] = [],
        receipt: ForgetReceipt? = nil
    ) {
        self.id = id
        self.kind = kind
        self.revision = revision
        self.created = created
        self.tokens = tokens
        self.learnedTokens = learnedTokens
        self.reward = reward
        self.bitsPerByte = bitsPerByte
        self.target = target
        self.forgottenBy = forgottenBy
        self.text = text
        self.messages = messages
        self.isPreview = isPreview
        self.verdicts = verdicts
        self.receipt = receipt
    }

    /// Tokens of a text that a list shows of each event.
    public static let previewTokens = 24
}
