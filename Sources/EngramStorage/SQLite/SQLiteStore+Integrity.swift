import GRDB

extension SQLiteStore {
    /// Reads the whole database and checks that its pages, indexes and references fit together.
    ///
    /// - Throws: `.corrupt` when they do not.
    /// - Complexity: O(bytes stored); other work waits meanwhile.
    public func checkIntegrity() async throws(StorageError) {
        try await read { db in
            let pages = try String.fetchAll(db, sql: "PRAGMA integrity_check")
            let references = try Row.fetchCursor(db, sql: "PRAGMA foreign_key_check")
            guard pages == ["ok"], try references.next() == nil else {
                throw StorageError.corrupt(code: Int(ResultCode.SQLITE_CORRUPT.rawValue))
            }
        }
    }
}
