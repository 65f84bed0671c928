import Engrams

// The keys of requests whose events were taken away: a late repetition must not learn again what
// was forgotten. A key is a client's text, so that a digest is kept in its place.

extension SQLConnection {
    func isSpent(_ key: String, of session: SessionID) throws -> Bool {
        try exists(
            #"SELECT 1 FROM spentKeys WHERE "user" = $1 AND name = $2 AND digest = $3"#,
            [session.user.rawValue, session.name.rawValue, Self.digest(of: key)])
    }

    /// Before a session goes with its events.
    func spendKeys(of session: SessionID) throws {
        try spendKeys(
            where: #""user" = $1 AND name = $2"#, [session.user.rawValue, session.name.rawValue])
    }

    /// - Parameter condition: which events, of all.
    func spendKeys(where condition: String, _ arguments: [(any SQLArgument)?]) throws {
        let rows = try query(
            """
            SELECT "user", name, idempotencyKey FROM events
            WHERE \(condition) AND idempotencyKey IS NOT NULL
            """, arguments)
        for row in rows {
            let stored = StoredRow(row, of: "events")
            let session = try SessionID(stored)
            let key = try stored.text("idempotencyKey")
            try change(
                """
                INSERT INTO spentKeys ("user", name, digest) VALUES ($1, $2, $3)
                ON CONFLICT DO NOTHING
                """, [session.user.rawValue, session.name.rawValue, Self.digest(of: key)])
        }
    }

    private static func digest(of key: String) -> String { ContentDigest.of(Array(key.utf8)) }
}
