import Engrams
import GRDB

// The keys of requests whose events were taken away: a late repetition must not learn again what
// was forgotten. A key is a client's text, so that a digest is kept in its place.

extension Database {
    func isSpent(_ key: String, of session: SessionID) throws -> Bool {
        try Bool.fetchOne(
            self,
            sql: """
                SELECT EXISTS
                    (SELECT 1 FROM spentKeys WHERE user = ? AND name = ? AND digest = ?)
                """,
            arguments: [
                session.user.rawValue, session.name.rawValue, Self.digest(of: key),
            ]) ?? false
    }

    /// Before a session goes with its events.
    func spendKeys(of session: SessionID) throws {
        try spendKeys(
            where: "user = ? AND name = ?", [session.user.rawValue, session.name.rawValue])
    }

    /// - Parameter condition: which events, of all.
    func spendKeys(where condition: String, _ arguments: StatementArguments) throws {
        let rows = try Row.fetchAll(
            self,
            sql: """
                SELECT user, name, idempotencyKey FROM events
                WHERE \(condition) AND idempotencyKey IS NOT NULL
                """, arguments: arguments)
        for row in rows {
            let stored = StoredRow(row, of: "events")
            let session = try SessionID(stored)
            let key: String = try stored.value("idempotencyKey")
            try execute(
                sql: "INSERT OR IGNORE INTO spentKeys (user, name, digest) VALUES (?, ?, ?)",
                arguments: [
                    session.user.rawValue, session.name.rawValue, Self.digest(of: key),
                ])
        }
    }

    private static func digest(of key: String) -> String { ContentDigest.of(Array(key.utf8)) }
}
