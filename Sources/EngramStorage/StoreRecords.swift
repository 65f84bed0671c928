public import Engrams

/// A user as the store knows them: someone who may have a consolidated engram.
public struct UserRecord: Sendable, Equatable {
    public var id: UserID
    /// The checkpoint that is the user's engram; nil: the frozen core.
    public var head: CheckpointID?
    /// How many checkpoints the user ever made, deleted ones too. Only grows, so that a number
    /// never means two checkpoints.
    public var checkpointsMade: Int
    /// Seconds since 1970.
    public var created: Double

    public init(id: UserID, head: CheckpointID?, checkpointsMade: Int = 0, created: Double) {
        self.id = id
        self.head = head
        self.checkpointsMade = checkpointsMade
        self.created = created
    }
}

/// What went with a user.
public struct UserDeletion: Sendable, Equatable {
    public var sessions: Int
    /// Those that had not been deleted before.
    public var checkpoints: Int
    public var events: Int
    /// The engrams, working states too, and what the events held: tokens, engrams, answers and
    /// payloads.
    public var values: Int
    /// Of all these.
    public var bytes: Int

    public init(sessions: Int, checkpoints: Int, events: Int, values: Int, bytes: Int) {
        self.sessions = sessions
        self.checkpoints = checkpoints
        self.events = events
        self.values = values
        self.bytes = bytes
    }
}

/// A session without its engram: what a listing needs.
public struct SessionRecord: Sendable, Equatable {
    public var id: SessionID
    /// The checkpoint that the session's delta stands on now; nil: the frozen core.
    public var base: CheckpointID?
    /// The head that the session's total has taken the place of, and that its next checkpoint
    /// replaces: the user's when the session was reset to another one, or what the session counted
    /// from before an import or a merge. Nil: the total went on from `base`.
    public var superseded: CheckpointID?
    /// The checkpoint it was made from: its state at sequence 0; nil: the frozen core.
    public var origin: CheckpointID?
    /// What completions teach unless a request says otherwise. Opaque here.
    public var learn: String
    /// The sequence number of its last event; 0 before the first.
    public var sequence: Int
    /// Tokens its engram has learned, with those of the checkpoint it stands on.
    public var tokensLearned: Int
    /// Tokens learned since its last checkpoint, reset or restore.
    public var tokensSinceCheckpoint: Int
    /// Verdicts of one sign in a row, negative for dislikes; 0: none.
    public var feedbackStreak: Int
    /// The engram's summary, serialised by its owner. Opaque here.
    public var summary: [UInt8]
    /// What is known of its model's safety, serialised by its owner; empty: nothing. Opaque here.
    public var ledger: [UInt8]
    /// Seconds since 1970.
    public var created: Double
    public var updated: Double

    public init(
        id: SessionID, base: CheckpointID?, superseded: CheckpointID? = nil,
        origin: CheckpointID?, learn: String, sequence: Int = 0, tokensLearned: Int = 0,
        tokensSinceCheckpoint: Int = 0,
        feedbackStreak: Int = 0, summary: [UInt8] = [], ledger: [UInt8] = [], created: Double,
        updated: Double
    ) {
        self.id = id
        self.base = base
        self.superseded = superseded
        self.origin = origin
        self.learn = learn
        self.sequence = sequence
        self.tokensLearned = tokensLearned
        self.tokensSinceCheckpoint = tokensSinceCheckpoint
        self.feedbackStreak = feedbackStreak
        self.summary = summary
        self.ledger = ledger
        self.created = created
        self.updated = updated
    }
}

/// What an event did to its session.
public enum EventKind: String, Sendable, CaseIterable {
    /// Learned `tokens`, scaled by `reward`.
    case observe
    /// Learned `tokens` of a prompt, of its completion, or of both.
    case completion
    /// Learned verdicts on answers: `tokens` are prompts and answers, `payload` the verdicts.
    case feedback
    /// Replaced the engram by `engram`.
    case `import`
    /// Replaced the engram by a sum of others; `payload` says of which.
    case merge
    /// Went to `target`; nil: to the frozen core.
    case reset
    /// Went to `target` and made it the user's head again.
    case restore
    /// Consolidated into `target`.
    case checkpoint
    /// Made the user's history forget an event; `answer` says what changed. Done again, it does
    /// nothing: the history that it left behind has been without that event since.
    case forget

    /// Whether it brings something to learn that is the user's and nowhere else.
    public var bringsContent: Bool {
        switch self {
        case .observe, .completion, .feedback, .import: true
        case .merge, .reset, .restore, .checkpoint, .forget: false
        }
    }
}

/// One entry of a session's journal: enough to do it again, byte for byte.
public struct EventRecord: Sendable, Equatable {
    public var id: EventID
    public var session: SessionID
    /// 1, 2, 3… within the session, without a gap.
    public var sequence: Int
    public var kind: EventKind
    /// What was learned, token ids of the core; empty for kinds that learn no text.
    public var tokens: [Int32]
    /// How many tokens count as learned.
    public var tokenCount: Int
    /// The third factor, in -1...1; nil: plain learning.
    public var reward: Float?
    /// The serialised engram that `import` brought.
    public var engram: [UInt8]?
    /// The checkpoint that `reset`, `restore` or `checkpoint` went to.
    public var target: CheckpointID?
    /// The user's head at a `reset` that went elsewhere.
    public var superseded: CheckpointID?
    /// Unique within the session.
    public var idempotencyKey: String?
    /// Tells another request with the same key from a repeated one.
    public var requestHash: String?
    /// The answer that was given, for a repeated request. JSON, opaque here.
    public var answer: [UInt8]?
    /// What an event of its kind needs besides, to be done again. Opaque here.
    public var payload: [UInt8]?
    /// Whether the journal has what it learned from, so that it can be done again; false for one
    /// that a server learned which keeps outcomes only.
    public var keepsContent: Bool
    /// The `forget` event of this session that took the content away; nil: it is all there. Such an
    /// event has kept its identifier, number, kind and time, and does nothing when done again.
    public var forgottenBy: EventID?
    /// Seconds since 1970.
    public var created: Double

    public init(
        id: EventID, session: SessionID, sequence: Int, kind: EventKind, tokens: [Int32] = [],
        tokenCount: Int = 0, reward: Float? = nil, engram: [UInt8]? = nil,
        target: CheckpointID? = nil, superseded: CheckpointID? = nil,
        idempotencyKey: String? = nil, requestHash: String? = nil, answer: [UInt8]? = nil,
        payload: [UInt8]? = nil, keepsContent: Bool = true,
        forgottenBy: EventID? = nil, created: Double
    ) {
        self.id = id
        self.session = session
        self.sequence = sequence
        self.kind = kind
        self.tokens = tokens
        self.tokenCount = tokenCount
        self.reward = reward
        self.engram = engram
        self.target = target
        self.superseded = superseded
        self.idempotencyKey = idempotencyKey
        self.requestHash = requestHash
        self.answer = answer
        self.payload = payload
        self.keepsContent = keepsContent
        self.forgottenBy = forgottenBy
        self.created = created
    }
}

/// A session's working state, so that recovery replays only the events after it.
public struct SnapshotRecord: Sendable, Equatable {
    /// The last event it contains.
    public var sequence: Int
    /// A serialised engram. Opaque here.
    public var engram: [UInt8]

    public init(sequence: Int, engram: [UInt8]) {
        self.sequence = sequence
        self.engram = engram
    }
}

/// An immutable version of a user's engram, without its bytes.
public struct CheckpointRecord: Sendable, Equatable {
    public var id: CheckpointID
    public var user: UserID
    /// The session that consolidated.
    public var session: SessionName
    /// The event of that session that made it; nil: the session has been discarded since.
    public var sequence: Int?
    public var name: String?
    /// What people wrote on it.
    public var note: String?
    /// Whether the server made it by itself; such a one may be pruned while nobody has named it.
    public var isAutomatic: Bool
    /// The user's head before it; may have been deleted since.
    public var parent: CheckpointID?
    /// What the session's delta stood on before it; may have been deleted since.
    public var base: CheckpointID?
    /// The session's before it; may have been deleted since.
    public var superseded: CheckpointID?
    public var revision: Revision
    public var tokensLearned: Int
    /// Size of the serialised engram.
    public var byteCount: Int
    /// SHA-256 of the serialised engram, hexadecimal.
    public var hash: String
    /// Seconds since 1970.
    public var created: Double

    public init(
        id: CheckpointID, user: UserID, session: SessionName, sequence: Int?, name: String?,
        note: String? = nil, isAutomatic: Bool = false, parent: CheckpointID?,
        base: CheckpointID?, superseded: CheckpointID? = nil, revision: Revision,
        tokensLearned: Int, byteCount: Int, hash: String, created: Double
    ) {
        self.id = id
        self.user = user
        self.session = session
        self.sequence = sequence
        self.name = name
        self.note = note
        self.isAutomatic = isAutomatic
        self.parent = parent
        self.base = base
        self.superseded = superseded
        self.revision = revision
        self.tokensLearned = tokensLearned
        self.byteCount = byteCount
        self.hash = hash
        self.created = created
    }
}
