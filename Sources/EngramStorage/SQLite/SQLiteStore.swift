public import Engrams
import Foundation
import GRDB
import Synchronization

/// The embedded store: one SQLite file in a data folder that one process owns.
///
/// Write-ahead log, `synchronous=FULL`: a transaction that returned survives a power cut. Deleted
/// content is overwritten with zeros (`secure_delete`, `ErasableContent`). All work happens on the
/// database's own serial queue, never on a task's thread.
public final class SQLiteStore: EngramStore {
    private let folder: String
    let queue: DatabaseQueue
    let file: DatabaseFile
    let seal: RowSeal
    /// Why something deleted may still be in the log of the folder that was opened; nil: nothing is.
    /// `erase` tries again.
    public let erasureFailure: StorageError?
    /// Nil once closed, which lets the folder go.
    private let lock: Mutex<FolderLock?>

    /// Opens the store, makes it when it is missing, and brings an older one up to date.
    ///
    /// - Parameters:
    ///   - folder: made with mode 0700 when missing.
    ///   - key: what the folder is encrypted with. Nil: it is not. A folder that is not yet is
    ///     encrypted now, which takes as long as writing it anew.
    ///   - busyTimeoutSeconds: how long to wait for another program that reads the file.
    /// - Throws: `.folderInUse`, `.folderUnusable`, `.newerFormat`, `.keyMissing`, `.keyWrong`,
    ///   `.readOnly` when it could be read but not written, or SQLite's failure. Blocks while it
    ///   opens the file.
    public init(folder: String, key: DataKey? = nil, busyTimeoutSeconds: Double = 5)
        throws(StorageError)
    {
        let lock = try FolderLock(folder: folder)
        var configuration = Configuration()
        configuration.label = "hebb.store"
        configuration.journalMode = .wal
        configuration.foreignKeysEnabled = true
        configuration.busyMode = .timeout(busyTimeoutSeconds)
        let path = folder + "/hebb.sqlite"
        do {
            // SQLite gives the log and its index the mode of the file, so that comes first.
            file = DatabaseFile(path: path)
            chmod(path, 0o600)
            queue = try DatabaseQueue(path: path, configuration: configuration)
            let migrator = SQLiteSchema.migrator
            // GRDB sets `synchronous` to NORMAL when it turns the log on, so this comes after it.
            try queue.inDatabase { db in
                try db.execute(sql: "PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
                // Else what SQLite sorts or undoes could lie in a file outside the folder.
                try db.execute(sql: "PRAGMA temp_store = MEMORY")
            }
            if try queue.read(migrator.hasBeenSuperseded) {
                throw StorageError.newerFormat(path: folder)
            }
            // Before anything is changed: who has not the key may not.
            _ = try queue.inDatabase { try $0.existingSeal(for: key, folder: folder) }
            try migrator.migrate(queue)
            // SQLite opens a file that it may not write without a word, to read it.
            try queue.inDatabase { db in try db.inTransaction(.immediate) { .commit } }
            seal = try queue.seal(with: key, folder: folder)
            erasureFailure = Self.finishErasing(queue, file, folder: folder)
        } catch {
            throw StorageError(error, folder: folder)
        }
        self.folder = folder
        self.lock = Mutex(lock)
    }

    /// For what a process had deleted that died before it could do this. A failure is no reason not
    /// to start: another program may be reading, and what is served is right.
    private static func finishErasing(
        _ queue: DatabaseQueue, _ file: DatabaseFile, folder: String
    ) -> StorageError? {
        do {
            try queue.inDatabase { try $0.erase(from: file) }
            return nil
        } catch {
            return StorageError(error, folder: folder)
        }
    }

    public func user(_ id: UserID) async throws(StorageError) -> UserRecord? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT * FROM users WHERE id = ?", arguments: [id.rawValue])
                .map(UserRecord.init(row:))
        }
    }

    // MARK: - Sessions

    public func session(_ id: SessionID) async throws(StorageError) -> SessionRecord? {
        try await read { [seal] db in try db.session(id, under: seal) }
    }

    public func sessions(of user: UserID?, after: SessionID?, limit: Int)
        async throws(StorageError) -> [SessionRecord]
    {
        try await read { [seal] db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT * FROM sessions
                    WHERE (:user IS NULL OR user = :user)
                      AND (:afterUser IS NULL OR (user, name) > (:afterUser, :afterName))
                    ORDER BY user, name LIMIT :limit
                    """,
                arguments: [
                    "user": user?.rawValue, "afterUser": after?.user.rawValue,
                    "afterName": after?.name.rawValue, "limit": max(0, limit),
                ])
            return try rows.map { try SessionRecord(row: $0, under: seal) }
        }
    }

    public func sessionCount() async throws(StorageError) -> Int {
        try await read { db in try Int.fetchOne(db, sql: "SELECT count(*) FROM sessions") ?? 0 }
    }

    public func createSession(_ record: SessionRecord, engram: [UInt8]?)
        async throws(StorageError)
    {
        try record.requireStorable()
        try await write { [seal] db in
            try db.create(record, under: seal)
            if let engram {
                let snapshot = SnapshotRecord(sequence: 0, engram: engram)
                try db.keep(snapshot, of: record.id, under: seal)
            }
        }
    }

    public func discardSession(_ id: SessionID) async throws(StorageError) {
        try await writeAndErase { db in
            try db.orphanCheckpoints(of: id)
            try db.spendKeys(of: id)
            try db.execute(
                sql: "DELETE FROM sessions WHERE user = ? AND name = ?",
                arguments: [id.user.rawValue, id.name.rawValue])
            guard db.changesCount == 1 else { throw StorageError.sessionNotFound(id) }
        }
    }

    // MARK: - The journal

    public func append(_ entry: JournalEntry) async throws(StorageError) {
        try entry.requireStorable()
        try await write { [seal] db in try db.append(entry, under: seal) }
    }

    public func events(of session: SessionID, after sequence: Int, limit: Int)
        async throws(StorageError) -> [EventRecord]
    {
        try await read { [seal] db in
            try db.events(of: session, after: sequence, limit: limit, under: seal)
        }
    }

    public func event(of session: SessionID, idempotencyKey: String) async throws(StorageError)
        -> EventRecord?
    {
        try await read { [seal] db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM events WHERE user = ? AND name = ? AND idempotencyKey = ?",
                arguments: [session.user.rawValue, session.name.rawValue, idempotencyKey]
            ).map { try EventRecord(row: $0, under: seal) }
        }
    }

    public func event(_ id: EventID, of session: SessionID) async throws(StorageError)
        -> EventRecord?
    {
        try await read { [seal] db in
            try Row.fetchOne(
                db, sql: "SELECT * FROM events WHERE user = ? AND name = ? AND id = ?",
                arguments: [session.user.rawValue, session.name.rawValue, id.rawValue]
            ).map { try EventRecord(row: $0, under: seal) }
        }
    }

    public func isSpent(idempotencyKey: String, of session: SessionID)
        async throws(StorageError) -> Bool
    {
        try await read { try $0.isSpent(idempotencyKey, of: session) }
    }

    public func snapshot(of session: SessionID) async throws(StorageError) -> SnapshotRecord? {
        try await read { [seal] db in try db.snapshot(of: session, under: seal) }
    }

    public func keep(_ snapshot: SnapshotRecord, of session: SessionID)
        async throws(StorageError)
    {
        try snapshot.requireStorable()
        try await write { [seal] db in
            guard let last = try db.sequence(of: session) else { return }
            guard snapshot.sequence <= last else {
                throw StorageError.sequenceGap(expected: last, found: snapshot.sequence)
            }
            try db.keep(snapshot, of: session, under: seal)
        }
    }

    // MARK: - Checkpoints

    public func checkpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError)
        -> CheckpointRecord?
    {
        try await read { [seal] db in
            try Row.fetchOne(
                db,
                sql: """
                    SELECT \(CheckpointRecord.columns) FROM checkpoints
                    WHERE user = ? AND id = ? AND NOT deleted
                    """, arguments: [user.rawValue, id.rawValue]
            ).map { try CheckpointRecord(row: $0, under: seal) }
        }
    }

    public func engram(of checkpoint: CheckpointID, of user: UserID)
        async throws(StorageError) -> [UInt8]?
    {
        try await read { [seal] db in
            try Data.fetchOne(
                db,
                sql: "SELECT engram FROM checkpoints WHERE user = ? AND id = ? AND NOT deleted",
                arguments: [user.rawValue, checkpoint.rawValue]
            ).map {
                try seal.openErasable($0, at: .checkpoint(checkpoint, of: user, "engram"))
            }
        }
    }

    public func checkpoints(of user: UserID, after: CheckpointID?, limit: Int)
        async throws(StorageError) -> [CheckpointRecord]
    {
        try await read { [seal] db in
            var start: Int64 = 0
            if let after {
                guard
                    let ordinal = try Int64.fetchOne(
                        db, sql: "SELECT ordinal FROM checkpoints WHERE user = ? AND id = ?",
                        arguments: [user.rawValue, after.rawValue])
                else { throw StorageError.checkpointNotFound(after) }
                start = ordinal
            }
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT \(CheckpointRecord.columns) FROM checkpoints
                    WHERE user = ? AND ordinal > ? AND NOT deleted ORDER BY ordinal LIMIT ?
                    """,
                arguments: [user.rawValue, start, max(0, limit)])
            return try rows.map { try CheckpointRecord(row: $0, under: seal) }
        }
    }

    public func deleteCheckpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError) {
        try await writeAndErase { db in
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
        return try await writeAndErase { [seal] db in
            for (column, text) in [("name", name), ("note", note)] {
                guard let text else { continue }
                let sealed = try seal.seal(text, at: .checkpoint(id, of: user, column))
                try db.execute(
                    sql: """
                        UPDATE checkpoints SET \(column) = ?
                        WHERE user = ? AND id = ? AND NOT deleted
                        """,
                    arguments: [text.isEmpty ? nil : sealed, user.rawValue, id.rawValue])
            }
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT \(CheckpointRecord.columns) FROM checkpoints
                    WHERE user = ? AND id = ? AND NOT deleted
                    """, arguments: [user.rawValue, id.rawValue])
            guard let row else { throw StorageError.checkpointNotFound(id) }
            return try CheckpointRecord(row: row, under: seal)
        }
    }

    public func pruneCheckpoints(of user: UserID, keeping count: Int)
        async throws(StorageError) -> Int
    {
        try await write { db in
            let prunable = try String.fetchAll(
                db,
                sql: """
                    SELECT id FROM checkpoints
                    WHERE user = ? AND automatic AND name IS NULL AND note IS NULL AND NOT deleted
                    ORDER BY ordinal DESC LIMIT -1 OFFSET ?
                    """, arguments: [user.rawValue, max(0, count)])
            var pruned = 0
            for id in prunable.map(CheckpointID.init(rawValue:)) {
                guard try !db.isInUse(id, of: user), try !db.isAnchor(id, of: user) else {
                    continue
                }
                try db.delete(id, of: user)
                pruned += 1
            }
            return pruned
        }
    }

    public func close() async {
        try? await erase()
        guard let held = lock.withLock({ $0.take() }) else { return }
        // Closing waits for the queue, so it must not happen on the caller's thread.
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { [queue, file] in
                try? queue.close()
                file.close()
                held.release()
                continuation.resume()
            }
        }
    }

    // MARK: - The queue

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await perform { db in
            var value: Value?
            try db.inTransaction(.deferred) {
                value = try body(db)
                return .commit
            }
            return value!
        }
    }

    /// One transaction: committed and synced, or rolled back.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await perform { db in
            var value: Value?
            try db.inTransaction(.immediate) {
                value = try body(db)
                return .commit
            }
            return value!
        }
    }

    /// A `write` of which what it takes away shall be in no file. What it changed is gone from every
    /// answer already: a failure to fold the log in, which the next time makes good, is none of the
    /// call. So the log is folded in too where the call finds nothing: it may be the second one.
    private func writeAndErase<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        let outcome: Result<Value, StorageError>
        do throws(StorageError) {
            outcome = .success(try await write(body))
        } catch {
            outcome = .failure(error)
        }
        try? await erase()
        return try outcome.get()
    }

    /// Not GRDB's `async` calls: those are interrupted when the task is cancelled, and a caller
    /// could then not tell whether its transaction had been committed.
    func perform<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        guard lock.withLock({ $0 != nil }) else { throw .closed }
        let result: Result<Value, StorageError> = await withCheckedContinuation { continuation in
            queue.asyncWriteWithoutTransaction { [folder] db in
                let result = Result { try body(db) }
                continuation.resume(
                    returning: result.mapError { StorageError($0, folder: folder) })
            }
        }
        return try result.get()
    }
}
