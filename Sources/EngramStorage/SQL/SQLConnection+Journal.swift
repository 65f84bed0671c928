import Engrams

// The statements of a transaction.

extension SQLConnection {
    func session(_ id: SessionID) throws -> SessionRecord? {
        try query(
            #"SELECT * FROM sessions WHERE "user" = $1 AND name = $2"#,
            [id.user.rawValue, id.name.rawValue]
        ).first.map(SessionRecord.init(row:))
    }

    /// The number of a session's last event; nil: there is no such session.
    func sequence(of id: SessionID) throws -> Int? {
        try query(
            #"SELECT sequence FROM sessions WHERE "user" = $1 AND name = $2"#,
            [id.user.rawValue, id.name.rawValue]
        ).first.map { try StoredRow($0, of: "sessions").number("sequence") }
    }

    func user(_ id: UserID) throws -> UserRecord? {
        try query("SELECT * FROM users WHERE id = $1", [id.rawValue]).first
            .map(UserRecord.init(row:))
    }

    func create(_ record: SessionRecord) throws {
        let id = record.id
        guard try sequence(of: id) == nil else { throw StorageError.sessionExists(id) }
        for checkpoint in [record.base, record.origin] {
            if let checkpoint, try !hasCheckpoint(checkpoint, of: id.user) {
                throw StorageError.checkpointNotFound(checkpoint)
            }
        }
        try change(
            """
            INSERT INTO users (id, head, created) VALUES ($1, NULL, $2) ON CONFLICT DO NOTHING
            """, [id.user.rawValue, record.created])
        try change(
            """
            INSERT INTO sessions ("user", name, base, origin, learn, sequence, tokensLearned,
                tokensSinceCheckpoint, feedbackStreak, summary, ledger, created, updated)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
            """,
            [
                id.user.rawValue, id.name.rawValue, record.base?.rawValue, record.origin?.rawValue,
                record.learn, record.sequence, record.tokensLearned, record.tokensSinceCheckpoint,
                record.feedbackStreak, record.summary, record.ledger, record.created,
                record.updated,
            ])
    }

    func append(_ entry: JournalEntry) throws {
        let id = entry.session.id
        try check(entry.event)
        if let checkpoint = entry.checkpoint { try insert(checkpoint) }
        if let move = entry.head { try move.apply(to: id.user, in: self) }
        for checkpoint in [entry.session.base, entry.session.superseded] {
            if let checkpoint, try !hasCheckpoint(checkpoint, of: id.user) {
                throw StorageError.checkpointNotFound(checkpoint)
            }
        }
        try insert(entry.event)
        try update(entry.session)
        if let snapshot = entry.snapshot { try keep(snapshot, of: id) }
    }

    func keep(_ snapshot: SnapshotRecord, of session: SessionID) throws {
        try change(
            """
            INSERT INTO snapshots ("user", name, sequence, engram) VALUES ($1, $2, $3, $4)
            ON CONFLICT ("user", name) DO UPDATE
            SET sequence = excluded.sequence, engram = excluded.engram
            WHERE excluded.sequence >= snapshots.sequence
            """,
            [
                session.user.rawValue, session.name.rawValue, snapshot.sequence,
                erasable(snapshot.engram),
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
            let earlier = try query(
                """
                SELECT id FROM events WHERE "user" = $1 AND name = $2 AND idempotencyKey = $3
                """, [id.user.rawValue, id.name.rawValue, key]
            ).first
        {
            let earlier = try StoredRow(earlier, of: "events").text("id")
            throw StorageError.idempotencyKeyExists(EventID(rawValue: earlier))
        }
        if try exists("SELECT 1 FROM events WHERE id = $1", [event.id.rawValue]) {
            throw StorageError.eventExists(event.id)
        }
    }

    private func insert(_ event: EventRecord) throws {
        try change(
            """
            INSERT INTO events (\(EventRecord.columns))
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
            """,
            [
                event.id.rawValue, event.session.user.rawValue, event.session.name.rawValue,
                event.sequence, event.kind.rawValue, event.tokenCount,
                event.reward.map { Double($0) }, event.target?.rawValue,
                event.superseded?.rawValue, event.keepsContent, event.forgottenBy?.rawValue,
                event.created, event.payload, erasable(event.tokens.littleEndian),
                event.idempotencyKey, event.requestHash, event.answer, event.engram,
            ])
    }

    private func update(_ record: SessionRecord) throws {
        try change(
            """
            UPDATE sessions SET base = $1, superseded = $2, learn = $3, sequence = $4,
                tokensLearned = $5, tokensSinceCheckpoint = $6, feedbackStreak = $7, summary = $8,
                ledger = $9, updated = $10
            WHERE "user" = $11 AND name = $12
            """,
            [
                record.base?.rawValue, record.superseded?.rawValue, record.learn, record.sequence,
                record.tokensLearned, record.tokensSinceCheckpoint, record.feedbackStreak,
                record.summary, record.ledger, record.updated, record.id.user.rawValue,
                record.id.name.rawValue,
            ])
    }
}

extension JournalEntry.HeadMove {
    fileprivate func apply(to user: UserID, in db: some SQLConnection) throws {
        let found = try db.user(user)?.head
        guard found == expected else {
            throw StorageError.headMoved(expected: expected, found: found)
        }
        if let new, try !db.hasCheckpoint(new, of: user) {
            throw StorageError.checkpointNotFound(new)
        }
        try db.change(
            "UPDATE users SET head = $1 WHERE id = $2", [new?.rawValue, user.rawValue])
    }
}
