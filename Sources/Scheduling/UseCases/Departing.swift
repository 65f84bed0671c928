import EngramStorage
import Engrams

/// Deletes users.
struct Departing {
    let store: any EngramStore
    let engine: Engine
    let gate: Gate
    let host: SessionHost
    let checkpoints: Checkpointing
}

@SchedulerActor
extension Departing {
    /// Deletes a user: all sessions with what they learned from, all checkpoints, and what this
    /// server remembers of them. When it returns, nothing of them is in any file of the store.
    ///
    /// Whoever changes one of the user's sessions is waited for. Requests that came before it is
    /// done and are served after it find nobody, and make nothing; who only reads ends with what
    /// there was. What comes later is of a new user who has the name.
    /// - Parameter visitor: a session of the user's, on whose behalf it waits.
    func delete(_ user: UserID, as visitor: SessionID) async throws -> DepartureReceipt {
        try await gate.holdingAll(of: visitor, in: store) {
            let deletion: UserDeletion
            do {
                deletion = try await gate.departing(user) { try await store.deleteUser(user) }
            } catch {
                // Whoever asks again after a failure to erase is owed the rest.
                if case StorageError.userNotFound = error { try await eraseTraces(of: user) }
                throw error
            }
            host.forget(user)
            checkpoints.forget(user)
            try await eraseTraces(of: user)
            return DepartureReceipt(
                user: user, deleted: engine.now(), sessions: deletion.sessions,
                checkpoints: deletion.checkpoints, events: deletion.events,
                bytes: deletion.bytes)
        }
    }

    private func eraseTraces(of user: UserID) async throws {
        do {
            try await store.erase()
        } catch {
            throw ServiceError.userNotErased(user, reason: "\(error)")
        }
    }
}
