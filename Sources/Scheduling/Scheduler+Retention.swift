import EngramStorage
public import Engrams
import Logging

// What people wrote on checkpoints, and what becomes of those that nobody wrote on.

extension Scheduler {
    static let nameBytesMaximum = 255
    static let noteBytesMaximum = 2000

    public func checkpoint(
        _ checkpoint: CheckpointID, of id: SessionID
    ) async throws -> CheckpointState {
        try await serve(for: id) {
            _ = try await record(of: id)
            guard let found = try await store.checkpoint(checkpoint, of: id.user) else {
                throw ServiceError.checkpointNotFound(checkpoint)
            }
            return try await state(of: found)
        }
    }

    /// Writes a name or a note on a checkpoint; nil leaves one as it is, an empty text removes it.
    public func describeCheckpoint(
        _ id: SessionID, checkpoint: CheckpointID, name: String?, note: String?
    ) async throws -> CheckpointState {
        try await serve(for: id) {
            try Self.checkDescription(name: name, note: note)
            _ = try await record(of: id)
            return try await state(
                of: store.describeCheckpoint(checkpoint, of: id.user, name: name, note: note))
        }
    }

    static func checkDescription(name: String?, note: String?) throws(ServiceError) {
        for (field, text, limit) in [
            ("name", name, nameBytesMaximum), ("note", note, noteBytesMaximum),
        ] {
            guard text?.utf8.count ?? 0 <= limit else {
                throw .invalidParameter(name: field, reason: "must be of at most \(limit) bytes")
            }
            guard text?.utf8.contains(0) != true else {
                throw .invalidParameter(name: field, reason: "must not contain U+0000")
            }
        }
    }

    private func state(of record: CheckpointRecord) async throws -> CheckpointState {
        let head = try await store.user(record.user)?.head
        return Self.state(of: record, isHead: record.id == head)
    }

    /// Drops the oldest automatic checkpoints beyond those that are to be kept. The next automatic
    /// checkpoint tries again what failed, so that the log alone hears of it.
    func pruneCheckpoints(of user: UserID) async {
        do {
            _ = try await store.pruneCheckpoints(
                of: user, keeping: configuration.automaticCheckpointsKept)
        } catch {
            logger.warning(
                "Old automatic checkpoints were not pruned.", metadata: ["error": "\(error)"])
        }
    }
}
