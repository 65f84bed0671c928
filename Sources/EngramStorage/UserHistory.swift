public import Engrams

/// All that a user's sessions did, without texts and engrams: enough to work out which states
/// depend on which.
public struct UserHistory: Sendable, Equatable {
    /// In the order of their names.
    public var sessions: [SessionHistory]
    /// In the order they were made, with those whose engram has been deleted.
    public var checkpoints: [CheckpointHistory]

    public init(sessions: [SessionHistory], checkpoints: [CheckpointHistory]) {
        self.sessions = sessions
        self.checkpoints = checkpoints
    }
}

public struct SessionHistory: Sendable, Equatable {
    public var record: SessionRecord
    /// The event that the stored working state contains; nil: none is stored.
    public var snapshotSequence: Int?
    /// All of them, in order: the event of number n stands at n − 1.
    public var events: [EventOutline]

    public init(record: SessionRecord, snapshotSequence: Int?, events: [EventOutline]) {
        self.record = record
        self.snapshotSequence = snapshotSequence
        self.events = events
    }
}

/// An event without what it taught.
public struct EventOutline: Sendable, Equatable {
    public var id: EventID
    public var kind: EventKind
    public var tokenCount: Int
    public var target: CheckpointID?
    public var superseded: CheckpointID?
    public var payload: [UInt8]?
    /// Whether the journal has what it learned from.
    public var keepsContent: Bool
    public var isForgotten: Bool
    /// Seconds since 1970.
    public var created: Double

    public init(
        id: EventID, kind: EventKind, tokenCount: Int, target: CheckpointID?,
        superseded: CheckpointID? = nil, payload: [UInt8]?, keepsContent: Bool,
        isForgotten: Bool, created: Double
    ) {
        self.id = id
        self.kind = kind
        self.tokenCount = tokenCount
        self.target = target
        self.superseded = superseded
        self.payload = payload
        self.keepsContent = keepsContent
        self.isForgotten = isForgotten
        self.created = created
    }
}

public struct CheckpointHistory: Sendable, Equatable {
    public var record: CheckpointRecord
    /// Its engram is gone.
    public var isDeleted: Bool
    /// The session that made it has been discarded and had merged: it may have come from any state
    /// of the user before it.
    public var hasUnknownSources: Bool

    public init(record: CheckpointRecord, isDeleted: Bool, hasUnknownSources: Bool) {
        self.record = record
        self.isDeleted = isDeleted
        self.hasUnknownSources = hasUnknownSources
    }
}

/// A session as it can be loaded: its working state, and what has happened since.
public struct StoredSession: Sendable, Equatable {
    public var record: SessionRecord
    public var snapshot: SnapshotRecord?
    public var events: [EventRecord]

    public init(record: SessionRecord, snapshot: SnapshotRecord?, events: [EventRecord]) {
        self.record = record
        self.snapshot = snapshot
        self.events = events
    }
}

/// One change of a user's past that must be on disk together or not at all.
public struct HistoryRewrite: Sendable, Equatable {
    /// What an event has become, with its content as it was.
    public struct RevisedEvent: Sendable, Equatable {
        public var id: EventID
        public var tokenCount: Int
        public var payload: [UInt8]?

        public init(id: EventID, tokenCount: Int, payload: [UInt8]?) {
            self.id = id
            self.tokenCount = tokenCount
            self.payload = payload
        }
    }

    /// The event whose content goes, and the `forget` event among `entries` that says so.
    public var forgotten: EventID
    public var forgottenBy: EventID
    public var events: [RevisedEvent]
    /// Checkpoints with what they are to be. Identifier, session, number, name, parent and time stay;
    /// of one that has been deleted all stays but `base` and `superseded`.
    public var checkpoints: [JournalEntry.NewCheckpoint]
    /// The next event of every session that changes, with its new working state.
    public var entries: [JournalEntry]

    public init(
        forgotten: EventID, forgottenBy: EventID, events: [RevisedEvent],
        checkpoints: [JournalEntry.NewCheckpoint], entries: [JournalEntry]
    ) {
        self.forgotten = forgotten
        self.forgottenBy = forgottenBy
        self.events = events
        self.checkpoints = checkpoints
        self.entries = entries
    }
}
