import Engrams

extension SQLConnection {
    func hasCheckpoint(_ id: CheckpointID, of user: UserID) throws -> Bool {
        try exists(
            #"SELECT 1 FROM checkpoints WHERE "user" = $1 AND id = $2 AND NOT deleted"#,
            [user.rawValue, id.rawValue])
    }

    func checkpoint(_ id: CheckpointID, of user: UserID) throws -> CheckpointRecord? {
        try query(
            """
            SELECT \(CheckpointRecord.columns) FROM checkpoints
            WHERE "user" = $1 AND id = $2 AND NOT deleted
            """, [user.rawValue, id.rawValue]
        ).first.map(CheckpointRecord.init(row:))
    }

    func checkpoints(of user: UserID, after: CheckpointID?, limit: Int) throws
        -> [CheckpointRecord]
    {
        var start: Int64 = 0
        if let after {
            let row = try query(
                #"SELECT ordinal FROM checkpoints WHERE "user" = $1 AND id = $2"#,
                [user.rawValue, after.rawValue]
            ).first
            guard let row else { throw StorageError.checkpointNotFound(after) }
            start = try StoredRow(row, of: "checkpoints").integer("ordinal")
        }
        return try query(
            """
            SELECT \(CheckpointRecord.columns) FROM checkpoints
            WHERE "user" = $1 AND ordinal > $2 AND NOT deleted ORDER BY ordinal LIMIT $3
            """, [user.rawValue, start, max(0, limit)]
        ).map(CheckpointRecord.init(row:))
    }

    func engram(of checkpoint: CheckpointID, of user: UserID) throws -> [UInt8]? {
        try query(
            #"SELECT engram FROM checkpoints WHERE "user" = $1 AND id = $2 AND NOT deleted"#,
            [user.rawValue, checkpoint.rawValue]
        ).first.map { try StoredRow($0, of: "checkpoints").erasable("engram") }
    }

    /// Whether the user's head or a session stands on a checkpoint, or a session's next one
    /// replaces it.
    func isInUse(_ id: CheckpointID, of user: UserID) throws -> Bool {
        try exists(
            """
            SELECT 1 FROM users WHERE id = $1 AND head = $2
            UNION ALL
            SELECT 1 FROM sessions WHERE "user" = $1 AND (base = $2 OR superseded = $2)
            """, [user.rawValue, id.rawValue])
    }

    /// Its row stays, for the history.
    func delete(_ id: CheckpointID, of user: UserID) throws {
        try change(
            """
            UPDATE checkpoints SET deleted = TRUE, name = NULL, note = NULL, engram = $1
            WHERE "user" = $2 AND id = $3
            """, [erasable([]), user.rawValue, id.rawValue])
    }

    func describe(_ id: CheckpointID, of user: UserID, name: String?, note: String?) throws
        -> CheckpointRecord
    {
        for (column, text) in [("name", name), ("note", note)] {
            guard let text else { continue }
            try change(
                """
                UPDATE checkpoints SET \(column) = $1
                WHERE "user" = $2 AND id = $3 AND NOT deleted
                """, [text.isEmpty ? nil : text, user.rawValue, id.rawValue])
        }
        guard let record = try checkpoint(id, of: user) else {
            throw StorageError.checkpointNotFound(id)
        }
        return record
    }

    func insert(_ checkpoint: JournalEntry.NewCheckpoint) throws {
        let record = checkpoint.record
        let isTaken = try exists(
            #"SELECT 1 FROM checkpoints WHERE "user" = $1 AND id = $2"#,
            [record.user.rawValue, record.id.rawValue])
        guard !isTaken else { throw StorageError.checkpointExists(record.id) }
        try change(
            """
            INSERT INTO checkpoints (\(CheckpointRecord.columns), engram)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
            """,
            [
                record.user.rawValue, record.id.rawValue, record.session.rawValue,
                record.sequence, record.name, record.note, record.isAutomatic,
                record.parent?.rawValue, record.base?.rawValue, record.superseded?.rawValue,
                Int64(bitPattern: record.revision.rawValue), record.tokensLearned,
                record.byteCount, record.hash, record.created, erasable(checkpoint.engram),
            ])
        try change(
            "UPDATE users SET checkpointsMade = checkpointsMade + 1 WHERE id = $1",
            [record.user.rawValue])
    }

    /// Makes a checkpoint what it is to be; of a deleted one, only what it was made from.
    func replace(_ checkpoint: JournalEntry.NewCheckpoint) throws {
        let record = checkpoint.record
        let changed = try change(
            """
            UPDATE checkpoints SET base = $1, superseded = $2, revision = $3, tokensLearned = $4,
                byteCount = $5, hash = $6, engram = $7
            WHERE "user" = $8 AND id = $9 AND NOT deleted
            """,
            [
                record.base?.rawValue, record.superseded?.rawValue,
                Int64(bitPattern: record.revision.rawValue), record.tokensLearned,
                record.byteCount, record.hash, erasable(checkpoint.engram),
                record.user.rawValue, record.id.rawValue,
            ])
        guard changed == 0 else { return }
        let left = try change(
            """
            UPDATE checkpoints SET base = $1, superseded = $2
            WHERE "user" = $3 AND id = $4 AND deleted
            """,
            [
                record.base?.rawValue, record.superseded?.rawValue, record.user.rawValue,
                record.id.rawValue,
            ])
        guard left == 1 else { throw StorageError.checkpointNotFound(record.id) }
    }

    /// Before a session goes: its number will be another's, should its name be used again.
    func orphanCheckpoints(of session: SessionID) throws {
        try change(
            """
            UPDATE checkpoints SET sequence = NULL, hasUnknownSources = EXISTS
                (SELECT 1 FROM events WHERE "user" = $1 AND name = $2 AND kind = 'merge')
            WHERE "user" = $1 AND session = $2 AND sequence IS NOT NULL
            """, [session.user.rawValue, session.name.rawValue])
    }
}
