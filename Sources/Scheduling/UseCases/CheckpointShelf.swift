import EngramStorage
import Engrams

/// A user's checkpoints: which there are, what people wrote on them, going back to one, and
/// dropping one.
struct CheckpointShelf {
    let store: any EngramStore
    let archive: Archive
    let gate: Gate
    let host: SessionHost
    let journal: Journal
}

/// What people write on a checkpoint.
struct CheckpointDescription: Sendable {
    static let nameBytesMaximum = 255
    static let noteBytesMaximum = 2000

    var name: String?
    var note: String?

    func check() throws(ServiceError) {
        for (field, text, limit) in [
            ("name", name, Self.nameBytesMaximum), ("note", note, Self.noteBytesMaximum),
        ] {
            guard text?.utf8.count ?? 0 <= limit else {
                throw .invalidParameter(name: field, reason: "must be of at most \(limit) bytes")
            }
            guard text?.utf8.contains(0) != true else {
                throw .invalidParameter(name: field, reason: "must not contain U+0000")
            }
        }
    }
}

@SchedulerActor
extension CheckpointShelf {
    /// In the order they were made. `page.after` is a checkpoint's id.
    func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState> {
        let limit = try page.checkedLimit()
        _ = try await host.record(of: id)
        let records = try await store.checkpoints(
            of: id.user, after: page.after.map(CheckpointID.init(rawValue:)), limit: limit + 1)
        let head = try await store.user(id.user)?.head
        return Listing(
            items: records.prefix(limit).map { CheckpointState($0, isHead: $0.id == head) },
            hasMore: records.count > limit)
    }

    func checkpoint(_ checkpoint: CheckpointID, of id: SessionID) async throws -> CheckpointState {
        _ = try await host.record(of: id)
        guard let found = try await store.checkpoint(checkpoint, of: id.user) else {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try await state(of: found)
    }

    /// Writes a name or a note on a checkpoint; nil leaves one as it is, an empty text removes it.
    func describe(
        _ checkpoint: CheckpointID, of id: SessionID, as description: CheckpointDescription
    ) async throws -> CheckpointState {
        try description.check()
        _ = try await host.record(of: id)
        return try await state(
            of: store.describeCheckpoint(
                checkpoint, of: id.user, name: description.name, note: description.note))
    }

    private func state(of record: CheckpointRecord) async throws -> CheckpointState {
        let head = try await store.user(record.user)?.head
        return CheckpointState(record, isHead: record.id == head)
    }

    /// Rolls back: the session becomes exactly that checkpoint, and it is the user's head again.
    /// Later checkpoints stay and can be restored in the same way; other sessions keep what they
    /// stand on.
    func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?) async throws
        -> SessionState
    {
        let session = try await host.replaceable(id)
        try session.requireMatch(ifMatch)
        let engram = try await archive.engram(standingOn: checkpoint, of: id.user)
        return try await journal.retryingHead(of: id.user) { user in
            var change = SessionChange(
                .restore(to: checkpoint), engram: engram, base: checkpoint)
            change.head = .init(from: user?.head, to: checkpoint)
            return try SessionState(await journal.commit(change, to: session).record)
        }
    }

    /// Deletes a checkpoint on which neither the user's head nor a session stands, and which no
    /// session's next checkpoint replaces.
    func delete(_ checkpoint: CheckpointID, of id: SessionID) async throws {
        _ = try await host.record(of: id)
        try await gate.holding(.user(id.user)) {
            try await store.deleteCheckpoint(checkpoint, of: id.user)
        }
    }
}

extension CheckpointState {
    init(_ record: CheckpointRecord, isHead: Bool) {
        self.init(
            id: record.id, name: record.name, note: record.note,
            isAutomatic: record.isAutomatic, parent: record.parent,
            superseded: record.superseded, revision: record.revision,
            tokensLearned: record.tokensLearned, created: record.created,
            bytes: record.byteCount, hash: record.hash, isHead: isHead)
    }
}
