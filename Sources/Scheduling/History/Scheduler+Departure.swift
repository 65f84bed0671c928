import EngramStorage
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

extension Scheduler {
    /// Deletes a user: all sessions with what they learned from, all checkpoints, and what this
    /// server remembers of them. When it returns, nothing of them is in any file of the store.
    ///
    /// Whoever changes one of the user's sessions is waited for. Requests that came before it is
    /// done and are served after it find nobody, and make nothing; who only reads ends with what
    /// there was. What comes later is of a new user who has the name.
    public func deleteUser(_ user: UserID) async throws -> DepartureReceipt {
        let visitor = SessionID(user: user, name: .default)
        return try await serveQueued(for: visitor) {
            try await holdingAll(of: visitor) {
                let before = departures.updateValue(newNumber(), forKey: user)
                let deletion: UserDeletion
                do {
                    deletion = try await store.deleteUser(user)
                } catch {
                    departures[user] = before
                    // Whoever asks again after a failure to erase is owed the rest.
                    if case StorageError.userNotFound = error { try await eraseTraces(of: user) }
                    throw error
                }
                forget(user)
                try await eraseTraces(of: user)
                return DepartureReceipt(
                    user: user, deleted: now(), sessions: deletion.sessions,
                    checkpoints: deletion.checkpoints, events: deletion.events,
                    bytes: deletion.bytes)
            }
        }
    }

    private func eraseTraces(of user: UserID) async throws {
        do {
            try await store.erase()
        } catch {
            throw ServiceError.userNotErased(user, reason: "\(error)")
        }
    }

    private func forget(_ user: UserID) {
        let known = residency.sessions.map(\.id) + loads.keys
        for id in known where id.user == user { forget(id) }
        memory.forget(user)
        thread.forget(user)
        moments[user] = nil
        checkpointRests[user] = nil
    }

    /// Whether a user has been deleted since the present request came.
    func hasLeft(_ user: UserID) -> Bool { (departures[user] ?? 0) > Self.arrival }
}
