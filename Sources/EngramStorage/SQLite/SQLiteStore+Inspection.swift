import Foundation
import GRDB

/// What a data folder is found to be that nobody works on.
public struct FolderInspection: Sendable, Equatable {
    public var overview: StoreOverview
    public var isEncrypted: Bool
    /// An earlier version wrote it: opening the store brings it up to date.
    public var isOutdated: Bool
    /// Something was interrupted after which copies of what is gone may be left in the file: opening
    /// the store does the rest.
    public var owesErasure: Bool
    public var accessKeys: Int

    public init(
        overview: StoreOverview, isEncrypted: Bool, isOutdated: Bool, owesErasure: Bool,
        accessKeys: Int = 0
    ) {
        self.overview = overview
        self.isEncrypted = isEncrypted
        self.isOutdated = isOutdated
        self.owesErasure = owesErasure
        self.accessKeys = accessKeys
    }
}

extension SQLiteStore {
    /// Reads a whole folder, with what its log holds, and checks that its pages, indexes and
    /// references fit together. Holds the folder meanwhile and changes nothing in it, save that
    /// SQLite makes the index of a log anew that a dead process has left.
    ///
    /// - Parameter key: nil: none is at hand. Not looked at when the folder is not encrypted.
    /// - Returns: Nil for a folder that is not there or holds nothing.
    /// - Throws: `.folderInUse`, `.newerFormat`, `.keyMissing`, `.keyWrong`, `.corrupt`, or SQLite's
    ///   failure.
    /// - Complexity: O(bytes stored). Blocks.
    public static func inspect(
        folder: String, key: DataKey?
    ) throws(StorageError) -> FolderInspection? {
        guard FileManager.default.fileExists(atPath: folder + "/hebb.sqlite") else { return nil }
        let lock = try FolderLock(reading: folder)
        defer { lock?.release() }
        do {
            let queue = try reader(of: folder)
            defer { try? queue.close() }
            return try queue.inDatabase { db in
                let migrator = SQLiteSchema.migrator
                if try migrator.hasBeenSuperseded(db) {
                    throw StorageError.newerFormat(path: folder)
                }
                let seal = try db.existingSeal(for: key, folder: folder)
                try db.checkIntegrity()
                return FolderInspection(
                    overview: try db.overviewOfAnyVersion(), isEncrypted: seal != nil,
                    isOutdated: try !migrator.hasCompletedMigrations(db),
                    owesErasure: try db.property(.erasure) != nil
                        || db.property(.departure) != nil,
                    accessKeys: try db.countOfAccessKeys())
            }
        } catch {
            throw StorageError(error, folder: folder)
        }
    }

    /// Whether a folder's data need a key; false for a folder that is not there or holds nothing.
    /// Changes nothing. Meant for before the store is opened: it does not take the folder's lock.
    public static func isEncrypted(folder: String) throws(StorageError) -> Bool {
        guard FileManager.default.fileExists(atPath: folder + "/hebb.sqlite") else { return false }
        do {
            let queue = try reader(of: folder)
            defer { try? queue.close() }
            return try queue.inDatabase { try $0.isSealed() }
        } catch {
            throw StorageError(error, folder: folder)
        }
    }

    /// A connection that leaves a folder as it finds it. Beside a file without a log, SQLite makes
    /// one to read, and takes it away at the end only if it may write; beside a file with a log,
    /// who may write folds that in.
    private static func reader(of folder: String) throws -> DatabaseQueue {
        let path = folder + "/hebb.sqlite"
        var configuration = Configuration()
        configuration.readonly = FileManager.default.fileExists(atPath: path + "-wal")
        configuration.prepareDatabase { db in
            try db.execute(sql: "PRAGMA query_only = ON; PRAGMA temp_store = MEMORY")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }
}

extension Database {
    /// At first all events kept their content.
    fileprivate func overviewOfAnyVersion() throws -> StoreOverview {
        guard try tableExists("events") else {
            return StoreOverview(sessions: 0, learningEvents: 0, eventsWithContent: 0)
        }
        let isKept = try columns(in: "events").contains { $0.name == "keepsContent" }
        return try overview(keepsContent: isKept ? "keepsContent" : "TRUE")
    }

    fileprivate func countOfAccessKeys() throws -> Int {
        guard try tableExists("accessKeys") else { return 0 }
        return try Int.fetchOne(self, sql: "SELECT count(*) FROM accessKeys") ?? 0
    }

    fileprivate func checkIntegrity() throws {
        let pages = try String.fetchAll(self, sql: "PRAGMA integrity_check")
        let references = try Row.fetchCursor(self, sql: "PRAGMA foreign_key_check")
        guard pages == ["ok"], try references.next() == nil else {
            throw StorageError.corrupt(code: Int(ResultCode.SQLITE_CORRUPT.rawValue))
        }
    }
}
