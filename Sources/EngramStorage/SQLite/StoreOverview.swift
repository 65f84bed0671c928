import Foundation
import GRDB

/// What a data folder holds, in numbers.
public struct StoreOverview: Sendable, Equatable {
    public var sessions: Int
    /// Events that brought a text or an engram, and those of them whose content is kept.
    public var learningEvents: Int
    public var eventsWithContent: Int

    public init(sessions: Int, learningEvents: Int, eventsWithContent: Int) {
        self.sessions = sessions
        self.learningEvents = learningEvents
        self.eventsWithContent = eventsWithContent
    }
}

extension SQLiteStore {
    /// - Complexity: O(events); reads a few bytes of each.
    public func overview() async throws(StorageError) -> StoreOverview {
        try await read { db in
            let kinds = EventKind.allCases.filter(\.bringsContent)
                .map { "'\($0.rawValue)'" }.joined(separator: ", ")
            let row = try Row.fetchOne(
                db,
                sql: """
                    SELECT (SELECT count(*) FROM sessions) AS sessions, count(*) AS learning,
                        coalesce(sum(keepsContent), 0) AS kept
                    FROM events WHERE kind IN (\(kinds))
                    """)
            guard let row else { throw StorageError.corrupt(code: 0) }
            return StoreOverview(
                sessions: row["sessions"], learningEvents: row["learning"],
                eventsWithContent: row["kept"])
        }
    }
}

extension SQLiteStore {
    /// Whether a folder's data need a key; false for a folder that is not there or holds nothing.
    /// Changes nothing. Meant for before the store is opened: it does not take the folder's lock.
    public static func isEncrypted(folder: String) throws(StorageError) -> Bool {
        let path = folder + "/hebb.sqlite"
        guard FileManager.default.fileExists(atPath: path) else { return false }
        var configuration = Configuration()
        configuration.readonly = true
        do {
            let queue = try DatabaseQueue(path: path, configuration: configuration)
            return try queue.read { db in
                guard try db.tableExists("properties") else { return false }
                return try db.property(.salt) != nil
            }
        } catch {
            throw StorageError(error, folder: folder)
        }
    }
}
