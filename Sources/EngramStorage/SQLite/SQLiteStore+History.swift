public import Engrams
import Foundation
import GRDB

// A user's past as a whole: read, changed, and erased.

extension SQLiteStore {
    public func stored(_ session: SessionID) async throws(StorageError) -> StoredSession? {
        try await read { [seal] db in
            guard let record = try db.session(session, under: seal) else { return nil }
            let snapshot = try db.snapshot(of: session, under: seal)
            let start = snapshot?.sequence ?? 0
            let events = try db.events(
                of: session, after: start, limit: record.sequence, under: seal)
            // Without one of them, what is rebuilt would be another state than it was.
            guard events.map(\.sequence) == Array(start + 1..<start + 1 + events.count),
                start + events.count == record.sequence
            else { throw StorageError.corrupt(code: 0, place: "events.sequence") }
            return StoredSession(record: record, snapshot: snapshot, events: events)
        }
    }

    public func history(of user: UserID) async throws(StorageError) -> UserHistory {
        try await read { [seal] db in
            let sessions = try Row.fetchAll(
                db, sql: "SELECT * FROM sessions WHERE user = ? ORDER BY name",
                arguments: [user.rawValue]
            ).map { try SessionRecord(row: $0, under: seal) }
            let checkpoints = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(CheckpointRecord.columns), deleted, hasUnknownSources
                    FROM checkpoints WHERE user = ? ORDER BY ordinal
                    """, arguments: [user.rawValue]
            ).map { try CheckpointHistory(row: $0, under: seal) }
            return UserHistory(
                sessions: try sessions.map { try db.history(of: $0, under: seal) },
                checkpoints: checkpoints)
        }
    }

    public func rewrite(_ rewrite: HistoryRewrite) async throws(StorageError) {
        try rewrite.requireStorable()
        try await write { [seal] db in
            for entry in rewrite.entries { try db.append(entry, under: seal) }
            for checkpoint in rewrite.checkpoints { try db.replace(checkpoint, under: seal) }
            for event in rewrite.events { try db.revise(event, under: seal) }
            try db.forget(rewrite.forgotten, by: rewrite.forgottenBy, under: seal)
        }
    }

    public func erase() async throws(StorageError) {
        try await perform { [file] db in try db.erase(from: file) }
    }
}

extension Database {
    func events(
        of session: SessionID, after sequence: Int, limit: Int, under seal: RowSeal
    ) throws -> [EventRecord] {
        let rows = try Row.fetchAll(
            self,
            sql: """
                SELECT * FROM events WHERE user = ? AND name = ? AND sequence > ?
                ORDER BY sequence LIMIT ?
                """,
            arguments: [session.user.rawValue, session.name.rawValue, sequence, max(0, limit)])
        return try rows.map { try EventRecord(row: $0, under: seal) }
    }

    func snapshot(of session: SessionID, under seal: RowSeal) throws -> SnapshotRecord? {
        try Row.fetchOne(
            self, sql: "SELECT sequence, engram FROM snapshots WHERE user = ? AND name = ?",
            arguments: [session.user.rawValue, session.name.rawValue]
        ).map { try SnapshotRecord(row: $0, of: session, under: seal) }
    }

    /// Before a session goes: its number will be another's, should its name be used again.
    func orphanCheckpoints(of session: SessionID) throws {
        try execute(
            sql: """
                UPDATE checkpoints SET sequence = NULL, hasUnknownSources = EXISTS
                    (SELECT 1 FROM events WHERE user = :user AND name = :name AND kind = 'merge')
                WHERE user = :user AND session = :name AND sequence IS NOT NULL
                """,
            arguments: ["user": session.user.rawValue, "name": session.name.rawValue])
    }

    fileprivate func history(
        of record: SessionRecord, under seal: RowSeal
    ) throws -> SessionHistory {
        let names: StatementArguments = [record.id.user.rawValue, record.id.name.rawValue]
        let events = try Row.fetchAll(
            self,
            sql: """
                SELECT \(EventOutline.columns) FROM events WHERE user = ? AND name = ?
                ORDER BY sequence
                """, arguments: names)
        guard events.count == record.sequence else {
            throw StorageError.corrupt(code: 0, place: "sessions.sequence")
        }
        let snapshot = try Row.fetchOne(
            self, sql: "SELECT sequence FROM snapshots WHERE user = ? AND name = ?",
            arguments: names)
        return SessionHistory(
            record: record,
            snapshotSequence: try snapshot.map {
                try StoredRow($0, of: "snapshots").number("sequence", in: 0...events.count)
            },
            events: try events.enumerated().map { index, row in
                try EventOutline(row: row, of: record.id, index + 1, under: seal)
            })
    }

    fileprivate func replace(
        _ checkpoint: JournalEntry.NewCheckpoint, under seal: RowSeal
    ) throws {
        let record = checkpoint.record
        func place(_ column: String) -> SealedPlace {
            .checkpoint(record.id, of: record.user, column)
        }
        try execute(
            sql: """
                UPDATE checkpoints SET base = ?, superseded = ?, revision = ?, tokensLearned = ?,
                    byteCount = ?, hash = ?, engram = ?
                WHERE user = ? AND id = ? AND NOT deleted
                """,
            arguments: [
                record.base?.rawValue, record.superseded?.rawValue,
                Int64(bitPattern: record.revision.rawValue), record.tokensLearned,
                record.byteCount, try seal.seal(record.hash, at: place("hash")),
                try seal.sealErasable(checkpoint.engram, at: place("engram")),
                record.user.rawValue, record.id.rawValue,
            ])
        if changesCount == 0 {
            try execute(
                sql: """
                    UPDATE checkpoints SET base = ?, superseded = ?
                    WHERE user = ? AND id = ? AND deleted
                    """,
                arguments: [
                    record.base?.rawValue, record.superseded?.rawValue, record.user.rawValue,
                    record.id.rawValue,
                ])
        }
        guard changesCount == 1 else { throw StorageError.checkpointNotFound(record.id) }
    }

    private func place(of event: EventID, _ column: String) throws -> SealedPlace {
        let row = try Row.fetchOne(
            self, sql: "SELECT user, name, sequence FROM events WHERE id = ?",
            arguments: [event.rawValue])
        guard let row else { throw StorageError.eventNotFound(event) }
        let stored = StoredRow(row, of: "events")
        return .event(
            event, of: try SessionID(stored), try stored.number("sequence"), column)
    }

    fileprivate func revise(
        _ event: HistoryRewrite.RevisedEvent, under seal: RowSeal
    ) throws {
        let place = try place(of: event.id, "payload")
        try execute(
            sql: "UPDATE events SET tokenCount = ?, payload = ? WHERE id = ?",
            arguments: [
                event.tokenCount, try event.payload.map { try seal.seal($0, at: place) },
                event.id.rawValue,
            ])
    }

    fileprivate func forget(
        _ event: EventID, by forgetting: EventID, under seal: RowSeal
    ) throws {
        let nothing = try seal.seal([], at: try place(of: event, "tokens"))
        try spendKeys(where: "id = ?", [event.rawValue])
        try execute(
            sql: """
                UPDATE events SET tokenCount = 0, reward = NULL, target = NULL, superseded = NULL,
                    forgottenBy = ?, payload = NULL, tokens = ?, idempotencyKey = NULL,
                    requestHash = NULL, answer = NULL, engram = NULL
                WHERE id = ?
                """,
            arguments: [forgetting.rawValue, ErasableContent.stored(nothing), event.rawValue])
    }
}
