public import Engrams

/// What is gone with a user.
public struct DepartureReceipt: Sendable, Equatable {
    public var user: UserID
    /// Seconds since 1970.
    public var deleted: Double
    public var sessions: Int
    public var checkpoints: Int
    public var events: Int
    /// Of the engrams, working states too, and of what the events held.
    public var bytes: Int

    public init(
        user: UserID, deleted: Double, sessions: Int, checkpoints: Int, events: Int, bytes: Int
    ) {
        self.user = user
        self.deleted = deleted
        self.sessions = sessions
        self.checkpoints = checkpoints
        self.events = events
        self.bytes = bytes
    }
}
