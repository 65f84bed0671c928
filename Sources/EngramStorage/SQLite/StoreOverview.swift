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
        try await read { db in try db.overview() }
    }
}

extension Database {
    /// Of a file of any version.
    func overview() throws -> StoreOverview {
        guard try tableExists("events") else {
            return StoreOverview(sessions: 0, learningEvents: 0, eventsWithContent: 0)
        }
        // At first all events kept it.
        let isKept = try columns(in: "events").contains { $0.name == "keepsContent" }
        let kinds = EventKind.allCases.filter(\.bringsContent)
            .map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let row = try Row.fetchOne(
            self,
            sql: """
                SELECT (SELECT count(*) FROM sessions) AS sessions, count(*) AS learning,
                    count(CASE WHEN \(isKept ? "keepsContent" : "1") THEN 1 END) AS kept
                FROM events WHERE kind IN (\(kinds))
                """)
        guard let row else { throw StorageError.corrupt(code: 0) }
        let counts = StoredRow(row, of: "events")
        return StoreOverview(
            sessions: try counts.number("sessions"), learningEvents: try counts.number("learning"),
            eventsWithContent: try counts.number("kept"))
    }
}
