import Engrams
import Foundation
import GRDB
import Synchronization

/// The embedded store: one SQLite file in a data folder that one process owns.
///
/// Write-ahead log, `synchronous=FULL`: a transaction that returned survives a power cut. Deleted
/// content is overwritten with zeros (`secure_delete`, `ErasableContent`). All work happens on the
/// database's own serial queue, never on a task's thread.
public final class SQLiteStore: SQLStore {
    private let folder: String
    let queue: DatabaseQueue
    let file: DatabaseFile
    /// What the values of this folder are sealed with; nil: with nothing. Not used here.
    private let seal: RowSeal?
    /// Nil once closed, which lets the folder go.
    private let lock: Mutex<FolderLock?>

    /// Opens the store of a folder, makes it when it is missing, and brings an older one up to date.
    /// What was deleted and may still be in its log is erased, or, when another program reads the
    /// file, by the next `erase`.
    ///
    /// - Parameters:
    ///   - folder: made with mode 0700 when missing.
    ///   - key: what the folder is encrypted with. Nil: it is not. A folder that is not yet is
    ///     encrypted now, which takes as long as writing it anew.
    ///   - busyTimeoutSeconds: how long to wait for another program that reads the file.
    /// - Throws: `.folderInUse`, `.folderUnusable`, `.newerFormat`, `.keyMissing`, `.keyWrong`,
    ///   `.readOnly` when it could be read but not written, or SQLite's failure. Blocks while it
    ///   opens the file.
    public static func open(folder: String, key: DataKey?, busyTimeoutSeconds: Double = 5)
        throws(StorageError) -> any EngramStore
    {
        let store = try SQLiteStore(folder, key, busyTimeoutSeconds: busyTimeoutSeconds)
        return store.seal.map { SealedStore(store, under: $0) } ?? store
    }

    /// The store of a folder that is not encrypted, as `open` does.
    public convenience init(folder: String, busyTimeoutSeconds: Double = 5) throws(StorageError) {
        try self.init(folder, nil, busyTimeoutSeconds: busyTimeoutSeconds)
    }

    private init(_ folder: String, _ key: DataKey?, busyTimeoutSeconds: Double)
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
            // For what a process had deleted that died before it could do this. A failure is no
            // reason not to start: what is served is right.
            try? queue.inDatabase { [file] in try $0.erase(from: file) }
        } catch {
            throw StorageError(error, folder: folder)
        }
        self.folder = folder
        self.lock = Mutex(lock)
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

    public func erase() async throws(StorageError) {
        try await perform { [file] db in try db.erase(from: file) }
    }

    func noteDeparture(of user: UserID, in connection: Database) throws {
        try connection.set(.departure, to: Data())
    }

    // MARK: - The queue

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await transaction(.deferred, body)
    }

    func write<Value: Sendable>(
        to user: UserID, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await transaction(.immediate, body)
    }

    private func transaction<Value: Sendable>(
        _ kind: Database.TransactionKind, _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StorageError) -> Value {
        try await perform { db in
            var value: Value?
            try db.inTransaction(kind) {
                value = try body(db)
                return .commit
            }
            return value!
        }
    }

    /// Not GRDB's `async` calls: those are interrupted when the task is cancelled, and a caller
    /// could then not tell whether its transaction had been committed.
    private func perform<Value: Sendable>(
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
