public import Engrams

public struct CreateSession: Sendable {
    public var user: UserID
    public var name: SessionName?
    public var from: ResetTarget
    /// Nil: nothing is set, and what the caller's key says holds.
    public var learn: LearnMode?
    public init(
        user: UserID, name: SessionName?, from: ResetTarget = .head, learn: LearnMode? = nil
    ) {
        self.user = user
        self.name = name
        self.from = from
        self.learn = learn
    }
}

public struct SessionState: Sendable {
    public var id: SessionID
    public var revision: Revision
    /// The checkpoint its delta stands on; nil: the frozen core.
    public var base: CheckpointID?
    /// The user's head when the session was reset elsewhere: what its next checkpoint replaces.
    public var superseded: CheckpointID?
    public var tokensLearned: Int
    public var events: Int
    /// What a request of this caller teaches that does not say.
    public var learn: LearnMode
    /// RFC 3339 strings are the server's matter: seconds since 1970.
    public var created: Double
    public var updated: Double
    public var engram: EngramSummary
    public init(
        id: SessionID, revision: Revision, base: CheckpointID?, superseded: CheckpointID? = nil,
        tokensLearned: Int, events: Int, learn: LearnMode, created: Double, updated: Double,
        engram: EngramSummary
    ) {
        self.id = id
        self.revision = revision
        self.base = base
        self.superseded = superseded
        self.tokensLearned = tokensLearned
        self.events = events
        self.learn = learn
        self.created = created
        self.updated = updated
        self.engram = engram
    }
}

/// What a new session, or a reset one, starts from.
public enum ResetTarget: Sendable, Equatable {
    case head, frozen
    case checkpoint(CheckpointID)
}
