import Engrams

extension SQLStore {
    public func accessKeys() async throws(StorageError) -> [AccessKeyRecord] {
        try await read { db in
            try db.query("SELECT * FROM accessKeys ORDER BY created, id", [])
                .map(AccessKeyRecord.init(row:))
        }
    }

    public func addAccessKey(_ key: AccessKeyRecord) async throws(StorageError) {
        try key.requireStorable()
        try await write(to: key.user) { db in
            guard try !db.exists("SELECT 1 FROM accessKeys WHERE id = $1", [key.id]) else {
                throw StorageError.accessKeyExists(key.id)
            }
            try db.change(
                """
                INSERT INTO accessKeys (id, "user", digest, created, lastUsed, settings, "usage")
                VALUES ($1, $2, $3, $4, $5, $6, $7)
                """,
                [
                    key.id, key.user.rawValue, key.digest, key.created, key.lastUsed, key.settings,
                    key.usage,
                ])
        }
    }

    public func changeAccessKey(_ id: String, of user: UserID, settings: [UInt8])
        async throws(StorageError)
    {
        try await write(to: user) { db in
            let changed = try db.change(
                #"UPDATE accessKeys SET settings = $1 WHERE id = $2 AND "user" = $3"#,
                [settings, id, user.rawValue])
            guard changed == 1 else { throw StorageError.accessKeyNotFound(id) }
        }
    }

    public func deleteAccessKey(_ id: String, of user: UserID) async throws(StorageError) {
        try await write(to: user) { db in
            let changed = try db.change(
                #"DELETE FROM accessKeys WHERE id = $1 AND "user" = $2"#, [id, user.rawValue])
            guard changed == 1 else { throw StorageError.accessKeyNotFound(id) }
        }
    }

    public func noteUse(of keys: [AccessKeyUse]) async throws(StorageError) {
        for key in keys { try key.requireStorable() }
        // Each row is changed by itself: whose records are held meanwhile does not matter.
        guard let first = keys.first else { return }
        try await write(to: first.user) { db in
            for key in keys {
                try db.change(
                    #"UPDATE accessKeys SET lastUsed = $1, "usage" = $2 WHERE id = $3"#,
                    [key.lastUsed, key.usage, key.id])
            }
        }
    }
}

extension AccessKeyRecord {
    fileprivate init(row: SQLRow) throws {
        let row = StoredRow(row, of: "accessKeys")
        guard let user = UserID(rawValue: try row.text("user")) else { throw row.damage("user") }
        self.init(
            id: try row.text("id"), user: user, digest: try row.text("digest"),
            settings: try row.bytes("settings"), usage: try row.bytes("usage"),
            created: try row.time("created"), lastUsed: try row.timeIfPresent("lastUsed"))
    }
}
