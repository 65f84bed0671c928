import Engrams
import Foundation
import GRDB

// The statements of a transaction, on the database's queue.

extension Database {
    func session(_ id: SessionID, under seal: RowSeal) throws -> SessionRecord? {
        try Row.fetchOne(
            self, sql: "SELECT * FROM sessions WHERE user = ? AND name = ?",
            arguments: [id.user.rawValue, id.name.rawValue]
        ).map { try SessionRecord(row: $0, under: seal) }
    }

    /// The number of a session's last event; nil: there is no such session.
    func sequence(of id: SessionID) throws -> Int? {
        try Row.fetchOne(
            self, sql: "SELECT sequence FROM sessions WHERE user = ? AND name = ?",
            arguments: [id.user.rawValue, id.name.rawValue]
        ).map { try StoredRow($0, of: "sessions").number("sequence") }
    }

    func hasCheckpoint(_ id: CheckpointID, of user: UserID) throws -> Bool {
        try Bool.fetchOne(
            self,
            sql: """
                SELECT EXISTS
                    (SELECT 1 FROM checkpoints WHERE user = ? AND id = ? AND NOT deleted)
                """, arguments: [user.rawValue, id.rawValue]) ?? false
    }

    /// Whether the user's head or a session stands on a checkpoint, or a session's next one
    /// replaces it.
    func isInUse(_ id: CheckpointID, of user: UserID) throws -> Bool {
        let uses = try Int.fetchOne(
            self,
            sql: """
                SELECT (SELECT count(*) FROM users WHERE id = :user AND head = :id)
                     + (SELECT count(*) FROM sessions
                        WHERE user = :user AND (base = :id OR superseded = :id))
                """, arguments: ["user": user.rawValue, "id": id.rawValue])
        return uses != 0
    }

    /// Whether what was learned after a checkpoint may be rebuilt from it alone: its session is
    /// gone, or it is the first one after an event that cannot be done again, or a merge, which
    /// cannot once a session that it merged is discarded. Of such events without content in a row
    /// the last one counts: nothing between them could be rebuilt, and else a server that keeps no
    /// content would never prune.
    func isAnchor(_ id: CheckpointID, of user: UserID) throws -> Bool {
        try Bool.fetchOne(
            self,
            sql: """
                SELECT c.sequence IS NULL OR EXISTS
                    (SELECT 1 FROM events AS e
                     WHERE e.user = c.user AND e.name = c.session AND e.sequence < c.sequence
                       AND e.forgottenBy IS NULL
                       AND e.sequence >
                         (SELECT coalesce(max(o.sequence), 0) FROM checkpoints AS o
                          WHERE o.user = c.user AND o.session = c.session AND NOT o.deleted
                            AND o.sequence < c.sequence)
                       AND (e.kind = 'merge' OR NOT e.keepsContent AND coalesce(
                         (SELECT n.keepsContent FROM events AS n
                          WHERE n.user = e.user AND n.name = e.name AND n.sequence > e.sequence
                            AND n.forgottenBy IS NULL
                            AND n.kind IN ('observe', 'completion', 'feedback', 'import', 'merge')
                          ORDER BY n.sequence LIMIT 1), TRUE)))
                FROM checkpoints AS c WHERE c.user = ? AND c.id = ?
                """, arguments: [user.rawValue, id.rawValue]) ?? false
    }

    /// Its row stays, for the history.
    func delete(_ id: CheckpointID, of user: UserID) throws {
        try execute(
            sql: """
                UPDATE checkpoints SET deleted = 1, name = NULL, note = NULL, engram = ?
                WHERE user = ? AND id = ?
                """, arguments: [ErasableContent.stored(Data()), user.rawValue, id.rawValue])
    }

    func create(_ record: SessionRecord, under seal: RowSeal) throws {
        let id = record.id
        guard try sequence(of: id) == nil else { throw StorageError.sessionExists(id) }
        for checkpoint in [record.base, record.origin] {
            if let checkpoint, try !hasCheckpoint(checkpoint, of: id.user) {
                throw StorageError.checkpointNotFound(checkpoint)
            }
        }
        try execute(
            sql: "INSERT OR IGNORE INTO users (id, head, created) VALUES (?, NULL, ?)",
            arguments: [id.user.rawValue, record.created])
        try execute(
            sql: """
                INSERT INTO sessions (user, name, base, origin, learn, sequence, tokensLearned,
                    tokensSinceCheckpoint, feedbackStreak, summary, ledger, created, updated)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                id.user.rawValue, id.name.rawValue, record.base?.rawValue, record.origin?.rawValue,
                record.learn, record.sequence, record.tokensLearned, record.tokensSinceCheckpoint,
                record.feedbackStreak, try seal.seal(record.summary, at: .session(id, "summary")),
                try seal.seal(record.ledger, at: .session(id, "ledger")), record.created,
                record.updated,
            ])
    }

    func append(_ entry: JournalEntry, under seal: RowSeal) throws {
        let id = entry.session.id
        try check(entry.event)
        if let checkpoint = entry.checkpoint { try insert(checkpoint, under: seal) }
        if let move = entry.head { try move.apply(to: id.user, in: self) }
        for checkpoint in [entry.session.base, entry.session.superseded] {
            if let checkpoint, try !hasCheckpoint(checkpoint, of: id.user) {
                throw StorageError.checkpointNotFound(checkpoint)
            }
        }
        try execute(
            sql: """
                INSERT INTO events (\(EventRecord.columns))
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """, arguments: try entry.event.arguments(under: seal))
        try update(entry.session, under: seal)
        if let snapshot = entry.snapshot { try keep(snapshot, of: id, under: seal) }
    }

    func keep(_ snapshot: SnapshotRecord, of session: SessionID, under seal: RowSeal) throws {
        try execute(
            sql: """
                INSERT INTO snapshots (user, name, sequence, engram) VALUES (?, ?, ?, ?)
                ON CONFLICT (user, name) DO UPDATE
                SET sequence = excluded.sequence, engram = excluded.engram
                WHERE excluded.sequence >= snapshots.sequence
                """,
            arguments: [
                session.user.rawValue, session.name.rawValue, snapshot.sequence,
                try seal.sealErasable(
                    snapshot.engram, at: .snapshot(snapshot.sequence, of: session)),
            ])
    }

    /// The event follows its session's last one and repeats no key and no identifier.
    private func check(_ event: EventRecord) throws {
        let id = event.session
        guard let last = try sequence(of: id) else { throw StorageError.sessionNotFound(id) }
        guard event.sequence == last + 1 else {
            throw StorageError.sequenceGap(expected: last + 1, found: event.sequence)
        }
        if let key = event.idempotencyKey,
            let earlier = try String.fetchOne(
                self,
                sql: "SELECT id FROM events WHERE user = ? AND name = ? AND idempotencyKey = ?",
                arguments: [id.user.rawValue, id.name.rawValue, key])
        {
            throw StorageError.idempotencyKeyExists(EventID(rawValue: earlier))
        }
        let isTaken = try Bool.fetchOne(
            self, sql: "SELECT EXISTS (SELECT 1 FROM events WHERE id = ?)",
            arguments: [event.id.rawValue])
        if isTaken == true { throw StorageError.eventExists(event.id) }
    }

    private func insert(_ checkpoint: JournalEntry.NewCheckpoint, under seal: RowSeal) throws {
        let record = checkpoint.record
        func place(_ column: String) -> SealedPlace {
            .checkpoint(record.id, of: record.user, column)
        }
        let isTaken = try Bool.fetchOne(
            self, sql: "SELECT EXISTS (SELECT 1 FROM checkpoints WHERE user = ? AND id = ?)",
            arguments: [record.user.rawValue, record.id.rawValue])
        if isTaken == true { throw StorageError.checkpointExists(record.id) }
        try execute(
            sql: """
                INSERT INTO checkpoints (\(CheckpointRecord.columns), engram)
                VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                """,
            arguments: [
                record.user.rawValue, record.id.rawValue, record.session.rawValue, record.sequence,
                try record.name.map { try seal.seal($0, at: place("name")) },
                try record.note.map { try seal.seal($0, at: place("note")) },
                record.isAutomatic, record.parent?.rawValue, record.base?.rawValue,
                record.superseded?.rawValue, Int64(bitPattern: record.revision.rawValue),
                record.tokensLearned, record.byteCount,
                try seal.seal(record.hash, at: place("hash")), record.created,
                try seal.sealErasable(checkpoint.engram, at: place("engram")),
            ])
        try execute(
            sql: "UPDATE users SET checkpointsMade = checkpointsMade + 1 WHERE id = ?",
            arguments: [record.user.rawValue])
    }

    private func update(_ record: SessionRecord, under seal: RowSeal) throws {
        try execute(
            sql: """
                UPDATE sessions SET base = ?, superseded = ?, learn = ?, sequence = ?,
                    tokensLearned = ?, tokensSinceCheckpoint = ?, feedbackStreak = ?, summary = ?,
                    ledger = ?, updated = ?
                WHERE user = ? AND name = ?
                """,
            arguments: [
                record.base?.rawValue, record.superseded?.rawValue, record.learn, record.sequence,
                record.tokensLearned, record.tokensSinceCheckpoint, record.feedbackStreak,
                try seal.seal(record.summary, at: .session(record.id, "summary")),
                try seal.seal(record.ledger, at: .session(record.id, "ledger")), record.updated,
                record.id.user.rawValue, record.id.name.rawValue,
            ])
    }
}

extension JournalEntry.HeadMove {
    fileprivate func apply(to user: UserID, in db: Database) throws {
        let found = try String.fetchOne(
            db, sql: "SELECT head FROM users WHERE id = ?", arguments: [user.rawValue]
        ).map(CheckpointID.init(rawValue:))
        guard found == expected else {
            throw StorageError.headMoved(expected: expected, found: found)
        }
        if let new, try !db.hasCheckpoint(new, of: user) {
            throw StorageError.checkpointNotFound(new)
        }
        try db.execute(
            sql: "UPDATE users SET head = ? WHERE id = ?",
            arguments: [new?.rawValue, user.rawValue])
    }
}
