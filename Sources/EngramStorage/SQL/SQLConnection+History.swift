import Engrams

// A user's past as a whole: read and changed.

extension SQLConnection {
    func stored(_ session: SessionID) throws -> StoredSession? {
        guard let record = try self.session(session) else { return nil }
        let snapshot = try snapshot(of: session)
        let start = snapshot?.sequence ?? 0
        let events = try events(of: session, after: start, limit: record.sequence)
        // Without one of them, what is rebuilt would be another state than it was.
        guard events.map(\.sequence) == Array(start + 1..<start + 1 + events.count),
            start + events.count == record.sequence
        else { throw StorageError.corrupt(code: 0, place: "events.sequence") }
        return StoredSession(record: record, snapshot: snapshot, events: events)
    }

    func events(of session: SessionID, after sequence: Int, limit: Int) throws -> [EventRecord] {
        try query(
            """
            SELECT * FROM events WHERE "user" = $1 AND name = $2 AND sequence > $3
            ORDER BY sequence LIMIT $4
            """, [session.user.rawValue, session.name.rawValue, sequence, max(0, limit)]
        ).map(EventRecord.init(row:))
    }

    func snapshot(of session: SessionID) throws -> SnapshotRecord? {
        try query(
            #"SELECT sequence, engram FROM snapshots WHERE "user" = $1 AND name = $2"#,
            [session.user.rawValue, session.name.rawValue]
        ).first.map(SnapshotRecord.init(row:))
    }

    func history(of user: UserID) throws -> UserHistory {
        let sessions = try query(
            #"SELECT * FROM sessions WHERE "user" = $1 ORDER BY name"#, [user.rawValue]
        ).map(SessionRecord.init(row:))
        let checkpoints = try query(
            """
            SELECT \(CheckpointRecord.columns), deleted, hasUnknownSources
            FROM checkpoints WHERE "user" = $1 ORDER BY ordinal
            """, [user.rawValue]
        ).map(CheckpointHistory.init(row:))
        return UserHistory(sessions: try sessions.map(history(of:)), checkpoints: checkpoints)
    }

    private func history(of record: SessionRecord) throws -> SessionHistory {
        let names: [(any SQLArgument)?] = [record.id.user.rawValue, record.id.name.rawValue]
        let events = try query(
            """
            SELECT \(EventOutline.columns) FROM events WHERE "user" = $1 AND name = $2
            ORDER BY sequence
            """, names)
        guard events.count == record.sequence else {
            throw StorageError.corrupt(code: 0, place: "sessions.sequence")
        }
        let snapshot = try query(
            #"SELECT sequence FROM snapshots WHERE "user" = $1 AND name = $2"#, names
        ).first
        return SessionHistory(
            record: record,
            snapshotSequence: try snapshot.map {
                try StoredRow($0, of: "snapshots").number("sequence", in: 0...events.count)
            },
            events: try events.enumerated().map { try EventOutline(row: $1, $0 + 1) })
    }

    func rewrite(_ rewrite: HistoryRewrite) throws {
        for entry in rewrite.entries { try append(entry) }
        for checkpoint in rewrite.checkpoints { try replace(checkpoint) }
        for event in rewrite.events {
            let changed = try change(
                "UPDATE events SET tokenCount = $1, payload = $2 WHERE id = $3",
                [event.tokenCount, event.payload, event.id.rawValue])
            guard changed == 1 else { throw StorageError.eventNotFound(event.id) }
        }
        try forget(rewrite.forgotten, by: rewrite.forgottenBy)
    }

    private func forget(_ event: EventID, by forgetting: EventID) throws {
        try spendKeys(where: "id = $1", [event.rawValue])
        let changed = try change(
            """
            UPDATE events SET tokenCount = 0, reward = NULL, target = NULL, superseded = NULL,
                forgottenBy = $1, payload = NULL, tokens = $2, idempotencyKey = NULL,
                requestHash = NULL, answer = NULL, engram = NULL
            WHERE id = $3
            """, [forgetting.rawValue, erasable([]), event.rawValue])
        guard changed == 1 else { throw StorageError.eventNotFound(event) }
    }
}
