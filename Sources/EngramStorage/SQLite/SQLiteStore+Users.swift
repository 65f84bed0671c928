public import Engrams
import Foundation
import GRDB

extension SQLiteStore {
    public func deleteUser(_ id: UserID) async throws(StorageError) -> UserDeletion {
        try await write { [seal] db in
            guard try db.hasUser(id) else { throw StorageError.userNotFound(id) }
            let deletion = try db.contents(of: id, sealedBytes: seal.addedBytes)
            let user: StatementArguments = [id.rawValue]
            // Events and working states go with their sessions.
            try db.execute(sql: "DELETE FROM sessions WHERE user = ?", arguments: user)
            try db.execute(sql: "UPDATE users SET head = NULL WHERE id = ?", arguments: user)
            try db.execute(sql: "DELETE FROM checkpoints WHERE user = ?", arguments: user)
            try db.execute(sql: "DELETE FROM users WHERE id = ?", arguments: user)
            try db.set(.departure, to: Data())
            return deletion
        }
    }
}

extension Database {
    fileprivate func hasUser(_ id: UserID) throws -> Bool {
        try Bool.fetchOne(
            self, sql: "SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)", arguments: [id.rawValue])
            ?? false
    }

    /// - Parameter sealedBytes: by how much a sealed value is longer than what was sealed.
    fileprivate func contents(of id: UserID, sealedBytes: Int) throws -> UserDeletion {
        func length(_ column: String, erasable: Bool = false) -> String {
            let added = sealedBytes + (erasable ? ErasableContent.leadBytes : 0)
            return "coalesce(length(\(column)) - \(added), 0)"
        }
        let event =
            length("tokens", erasable: true)
            + ["engram", "answer", "payload"].map { " + " + length($0) }.joined()
        let engram = length("engram", erasable: true)
        let row = try Row.fetchOne(
            self,
            sql: """
                SELECT (SELECT count(*) FROM sessions WHERE user = :user) AS sessions,
                    (SELECT count(*) FROM events WHERE user = :user) AS events,
                    (SELECT count(*) FROM checkpoints WHERE user = :user AND NOT deleted)
                        AS checkpoints,
                    (SELECT coalesce(sum(\(event)), 0) FROM events WHERE user = :user)
                    + (SELECT coalesce(sum(\(engram)), 0) FROM snapshots WHERE user = :user)
                    + (SELECT coalesce(sum(\(engram)), 0) FROM checkpoints
                        WHERE user = :user AND NOT deleted) AS bytes
                """, arguments: ["user": id.rawValue])
        guard let row else { throw StorageError.corrupt(code: 0) }
        let counts = StoredRow(row, of: "users")
        return UserDeletion(
            sessions: try counts.number("sessions"), checkpoints: try counts.number("checkpoints"),
            events: try counts.number("events"), bytes: try counts.number("bytes"))
    }
}
