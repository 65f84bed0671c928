import Engrams

extension SQLConnection {
    /// Events and working states go with their sessions.
    func deleteUser(_ id: UserID) throws -> UserDeletion {
        let hasKeys = try exists(#"SELECT 1 FROM accessKeys WHERE "user" = $1"#, [id.rawValue])
        guard try hasKeys || user(id) != nil else { throw StorageError.userNotFound(id) }
        let deletion = try contents(of: id)
        try change(#"DELETE FROM sessions WHERE "user" = $1"#, [id.rawValue])
        try change("UPDATE users SET head = NULL WHERE id = $1", [id.rawValue])
        try change(#"DELETE FROM checkpoints WHERE "user" = $1"#, [id.rawValue])
        try change("DELETE FROM users WHERE id = $1", [id.rawValue])
        try change(#"DELETE FROM accessKeys WHERE "user" = $1"#, [id.rawValue])
        return deletion
    }

    private func contents(of id: UserID) throws -> UserDeletion {
        func content(_ column: String) -> String { "length(\(column)) - \(Self.leadBytes)" }
        let row = try query(
            """
            SELECT (SELECT count(*) FROM sessions WHERE "user" = $1) AS sessions,
                (SELECT count(*) FROM snapshots WHERE "user" = $1) AS snapshots,
                (SELECT count(*) FROM events WHERE "user" = $1) AS events,
                (SELECT count(CASE WHEN forgottenBy IS NULL OR \(content("tokens")) > 0 THEN 1 END)
                    + count(engram) + count(answer) + count(payload) FROM events
                    WHERE "user" = $1) AS contents,
                (SELECT count(*) FROM checkpoints WHERE "user" = $1 AND NOT deleted)
                    AS checkpoints,
                (SELECT coalesce(sum(\(content("tokens")) + coalesce(length(engram), 0)
                    + coalesce(length(answer), 0) + coalesce(length(payload), 0)), 0)
                    FROM events WHERE "user" = $1)
                + (SELECT coalesce(sum(\(content("engram"))), 0) FROM snapshots WHERE "user" = $1)
                + (SELECT coalesce(sum(\(content("engram"))), 0) FROM checkpoints
                    WHERE "user" = $1 AND NOT deleted) AS bytes
            """, [id.rawValue]
        ).first
        guard let row else { throw StorageError.corrupt(code: 0) }
        let counts = StoredRow(row, of: "users")
        let checkpoints = try counts.number("checkpoints")
        return UserDeletion(
            sessions: try counts.number("sessions"), checkpoints: checkpoints,
            events: try counts.number("events"),
            values: try checkpoints + counts.number("snapshots") + counts.number("contents"),
            bytes: try counts.number("bytes"))
    }

    func sessions(of user: UserID?, after: SessionID?, limit: Int) throws -> [SessionRecord] {
        var arguments: [(any SQLArgument)?] = []
        func parameter(_ argument: any SQLArgument) -> String {
            arguments.append(argument)
            return "$\(arguments.count)"
        }
        // Only the conditions that there are, so that the database goes by its index.
        var conditions: [String] = []
        if let user { conditions.append("\"user\" = \(parameter(user.rawValue))") }
        if let after {
            conditions.append(
                "(\"user\", name) > (\(parameter(after.user.rawValue)), "
                    + "\(parameter(after.name.rawValue)))")
        }
        let selection = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return try query(
            """
            SELECT * FROM sessions \(selection)
            ORDER BY "user", name LIMIT \(parameter(max(0, limit)))
            """, arguments
        ).map(SessionRecord.init(row:))
    }

    /// - Parameter keepsContent: the condition for it.
    func overview(keepsContent: String = "keepsContent") throws -> StoreOverview {
        let kinds = EventKind.allCases.filter(\.bringsContent)
            .map { "'\($0.rawValue)'" }.joined(separator: ", ")
        let row = try query(
            """
            SELECT (SELECT count(*) FROM sessions) AS sessions, count(*) AS learning,
                count(CASE WHEN \(keepsContent) THEN 1 END) AS kept
            FROM events WHERE kind IN (\(kinds))
            """, []
        ).first
        guard let row else { throw StorageError.corrupt(code: 0) }
        let counts = StoredRow(row, of: "events")
        return StoreOverview(
            sessions: try counts.number("sessions"), learningEvents: try counts.number("learning"),
            eventsWithContent: try counts.number("kept"))
    }
}
