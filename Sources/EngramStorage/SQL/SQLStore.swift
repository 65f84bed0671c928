import Engrams

/// A store whose driver runs transactions, and nothing else: what is in them is the same for all.
protocol SQLStore: EngramStore {
    associatedtype Connection: SQLConnection

    /// As of one moment.
    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws(StorageError) -> Value

    /// One transaction: committed and synced, or rolled back.
    ///
    /// - Parameter user: whose records alone it changes.
    func write<Value: Sendable>(
        to user: UserID, _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws(StorageError) -> Value

    /// In the transaction that takes a user away.
    func noteDeparture(of user: UserID, in connection: Connection) throws
}

extension SQLStore {
    /// A `write` of which what it takes away shall be in no file. What it changed is gone from every
    /// answer already: a failure to erase, which the next time makes good, is none of the call. So
    /// it is done too where the call finds nothing: it may be the second one.
    private func writeAndErase<Value: Sendable>(
        to user: UserID, _ body: @escaping @Sendable (Connection) throws -> Value
    ) async throws(StorageError) -> Value {
        let outcome: Result<Value, StorageError>
        do throws(StorageError) {
            outcome = .success(try await write(to: user, body))
        } catch {
            outcome = .failure(error)
        }
        try? await erase()
        return try outcome.get()
    }

    public func user(_ id: UserID) async throws(StorageError) -> UserRecord? {
        try await read { try $0.user(id) }
    }

    public func deleteUser(_ id: UserID) async throws(StorageError) -> UserDeletion {
        try await write(to: id) { db in
            let deletion = try db.deleteUser(id)
            try noteDeparture(of: id, in: db)
            return deletion
        }
    }

    public func overview() async throws(StorageError) -> StoreOverview {
        try await read { try $0.overview() }
    }

    // MARK: - Sessions

    public func session(_ id: SessionID) async throws(StorageError) -> SessionRecord? {
        try await read { try $0.session(id) }
    }

    public func sessions(of user: UserID?, after: SessionID?, limit: Int)
        async throws(StorageError) -> [SessionRecord]
    {
        try await read { try $0.sessions(of: user, after: after, limit: limit) }
    }

    public func sessionCount() async throws(StorageError) -> Int {
        try await read { db in
            let rows = try db.query("SELECT count(*) AS count FROM sessions", [])
            return try rows.first.map { try StoredRow($0, of: "sessions").number("count") } ?? 0
        }
    }

    public func createSession(_ record: SessionRecord, engram: [UInt8]?)
        async throws(StorageError)
    {
        try record.requireStorable()
        try await write(to: record.id.user) { db in
            try db.create(record)
            if let engram {
                try db.keep(SnapshotRecord(sequence: 0, engram: engram), of: record.id)
            }
        }
    }

    public func discardSession(_ id: SessionID) async throws(StorageError) {
        try await writeAndErase(to: id.user) { db in
            try db.orphanCheckpoints(of: id)
            try db.spendKeys(of: id)
            let gone = try db.change(
                #"DELETE FROM sessions WHERE "user" = $1 AND name = $2"#,
                [id.user.rawValue, id.name.rawValue])
            guard gone == 1 else { throw StorageError.sessionNotFound(id) }
        }
    }

    // MARK: - The journal

    public func append(_ entry: JournalEntry) async throws(StorageError) {
        try entry.requireStorable()
        try await write(to: entry.session.id.user) { try $0.append(entry) }
    }

    public func events(of session: SessionID, after sequence: Int, limit: Int)
        async throws(StorageError) -> [EventRecord]
    {
        try await read { try $0.events(of: session, after: sequence, limit: limit) }
    }

    public func event(of session: SessionID, idempotencyKey: String) async throws(StorageError)
        -> EventRecord?
    {
        try await read { db in
            try db.query(
                """
                SELECT * FROM events WHERE "user" = $1 AND name = $2 AND idempotencyKey = $3
                """, [session.user.rawValue, session.name.rawValue, idempotencyKey]
            ).first.map(EventRecord.init(row:))
        }
    }

    public func event(_ id: EventID, of session: SessionID) async throws(StorageError)
        -> EventRecord?
    {
        try await read { db in
            try db.query(
                #"SELECT * FROM events WHERE "user" = $1 AND name = $2 AND id = $3"#,
                [session.user.rawValue, session.name.rawValue, id.rawValue]
            ).first.map(EventRecord.init(row:))
        }
    }

    public func isSpent(idempotencyKey: String, of session: SessionID)
        async throws(StorageError) -> Bool
    {
        try await read { try $0.isSpent(idempotencyKey, of: session) }
    }

    public func stored(_ session: SessionID) async throws(StorageError) -> StoredSession? {
        try await read { try $0.stored(session) }
    }

    public func snapshot(of session: SessionID) async throws(StorageError) -> SnapshotRecord? {
        try await read { try $0.snapshot(of: session) }
    }

    public func keep(_ snapshot: SnapshotRecord, of session: SessionID)
        async throws(StorageError)
    {
        try snapshot.requireStorable()
        try await write(to: session.user) { db in
            guard let last = try db.sequence(of: session) else { return }
            guard snapshot.sequence <= last else {
                throw StorageError.sequenceGap(expected: last, found: snapshot.sequence)
            }
            try db.keep(snapshot, of: session)
        }
    }

    // MARK: - Checkpoints

    public func checkpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError)
        -> CheckpointRecord?
    {
        try await read { try $0.checkpoint(id, of: user) }
    }

    public func engram(of checkpoint: CheckpointID, of user: UserID)
        async throws(StorageError) -> [UInt8]?
    {
        try await read { try $0.engram(of: checkpoint, of: user) }
    }

    public func checkpoints(of user: UserID, after: CheckpointID?, limit: Int)
        async throws(StorageError) -> [CheckpointRecord]
    {
        try await read { try $0.checkpoints(of: user, after: after, limit: limit) }
    }

    public func deleteCheckpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError) {
        try await writeAndErase(to: user) { db in
            guard try db.hasCheckpoint(id, of: user) else {
                throw StorageError.checkpointNotFound(id)
            }
            guard try !db.isInUse(id, of: user) else { throw StorageError.checkpointInUse(id) }
            try db.delete(id, of: user)
        }
    }

    public func describeCheckpoint(
        _ id: CheckpointID, of user: UserID, name: String?, note: String?
    ) async throws(StorageError) -> CheckpointRecord {
        try CheckpointRecord.requireStorable(name: name, note: note)
        return try await writeAndErase(to: user) { db in
            try db.describe(id, of: user, name: name, note: note)
        }
    }

    public func pruneCheckpoints(of user: UserID, keeping count: Int)
        async throws(StorageError) -> Int
    {
        try await write(to: user) { db in
            let expendable = RetentionPolicy(kept: count).expendable(
                in: try db.history(of: user), head: try db.user(user)?.head)
            for id in expendable { try db.delete(id, of: user) }
            return expendable.count
        }
    }

    // MARK: - The past

    public func history(of user: UserID) async throws(StorageError) -> UserHistory {
        try await read { try $0.history(of: user) }
    }

    public func rewrite(_ rewrite: HistoryRewrite) async throws(StorageError) {
        try rewrite.requireStorable()
        guard let user = rewrite.entries.first?.session.id.user else {
            throw .eventNotFound(rewrite.forgottenBy)
        }
        try await write(to: user) { try $0.rewrite(rewrite) }
    }
}
