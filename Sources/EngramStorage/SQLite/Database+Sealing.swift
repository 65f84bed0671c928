import Engrams
import Foundation
import GRDB
import Synchronization

// Which key a data folder wants, and the folder's way from readable to sealed.

extension DatabaseQueue {
    /// The seal of this database. With a key, one that is not sealed yet becomes so: every value in
    /// one transaction, then the file is written anew and the log emptied, so that no page keeps a
    /// readable copy. A process that dies in between finishes at the next start.
    ///
    /// - Parameter folder: the database's, also for messages.
    /// - Throws: what `existingSeal` throws, or SQLite's failure. Needs free space of about three
    ///   times the file's size when it seals.
    func seal(with key: DataKey?, folder: String) throws -> RowSeal? {
        let seal = try inDatabase { db -> RowSeal? in
            if let seal = try db.existingSeal(for: key, folder: folder) {
                try db.markAsSealed()
                return seal
            }
            guard let key else { return nil }
            return try db.sealEverything(with: key)
        }
        try inDatabase { try $0.finishErasure(folder: folder, isSealed: key != nil) }
        return seal
    }
}

extension Database {
    /// What is known of the database as a whole.
    enum Property: String {
        /// Of the key's derivation; there exactly when the database is sealed.
        case salt
        /// A sealed nothing: tells the right key from a wrong one.
        case check
        /// There while copies may be left in the file of what was in it before it was sealed, or
        /// before content was laid out to be erased.
        case erasure
        /// There while names of users who left may stand in unused parts of pages.
        case departure
    }

    /// Nil also for a file from before there were properties.
    func property(_ name: Property) throws -> Data? {
        guard try tableExists("properties") else { return nil }
        return try Data.fetchOne(
            self, sql: "SELECT value FROM properties WHERE name = ?", arguments: [name.rawValue])
    }

    func set(_ name: Property, to value: Data) throws {
        try execute(
            sql: "INSERT OR REPLACE INTO properties (name, value) VALUES (?, ?)",
            arguments: [name.rawValue, value])
    }

    /// The file's header says so once more (`user_version`, which nothing else uses): without it, a
    /// sealed file that lost its properties would look like one that was never sealed, and what is
    /// sealed would be taken for what was written, and sealed again.
    private static let sealedVersion = 1

    private func isMarkedAsSealed() throws -> Bool {
        try Int.fetchOne(self, sql: "PRAGMA user_version") == Self.sealedVersion
    }

    /// For files that were sealed before there was the mark.
    fileprivate func markAsSealed() throws {
        guard try !isMarkedAsSealed() else { return }
        try execute(sql: "PRAGMA user_version = \(Self.sealedVersion)")
    }

    /// Whether anything says that values are sealed.
    func isSealed() throws -> Bool {
        if try isMarkedAsSealed() { return true }
        return try property(.salt) != nil || property(.check) != nil
    }

    /// The seal of a database that is sealed; nil: it is not. Changes nothing.
    ///
    /// - Throws: `.keyMissing`, `.keyWrong`, and `.corrupt` when what tells the key is not all there.
    func existingSeal(for key: DataKey?, folder: String) throws -> RowSeal? {
        guard try isSealed() else { return nil }
        guard let salt = try property(.salt) else {
            throw StorageError.corrupt(code: 0, place: "properties.salt")
        }
        guard let check = try property(.check) else {
            throw StorageError.corrupt(code: 0, place: "properties.check")
        }
        guard let key else { throw StorageError.keyMissing(path: folder) }
        let seal = RowSeal(key, salt: salt)
        guard (try? seal.open(check, at: .keyCheck)) == [] else {
            throw StorageError.keyWrong(path: folder)
        }
        return seal
    }

    fileprivate func sealEverything(with key: DataKey) throws -> RowSeal {
        let salt = Data((0..<32).map { _ in UInt8.random(in: 0...255) })
        let seal = RowSeal(key, salt: salt)
        try inTransaction(.immediate) {
            for table in SealedTable.allCases { try sealAll(of: table, with: seal) }
            try set(.salt, to: salt)
            try set(.check, to: seal.seal([], at: .keyCheck))
            try set(.erasure, to: Data())
            try markAsSealed()
            return .commit
        }
        return seal
    }

    private func sealAll(of table: SealedTable, with seal: RowSeal) throws {
        let identity = table.identity
        let names = identity.joined(separator: ", ")
        let condition = identity.map { "\($0) = ?" }.joined(separator: " AND ")
        // The rows' names first: a cursor over rows that change under it may see one twice.
        for row in try Row.fetchAll(self, sql: "SELECT \(names) FROM \(table.rawValue)") {
            let key = identity.map { row[$0] as DatabaseValue }
            let content = try Row.fetchOne(
                self,
                sql: """
                    SELECT \(table.columns.joined(separator: ", ")) FROM \(table.rawValue)
                    WHERE \(condition)
                    """, arguments: StatementArguments(key))
            guard let content else { continue }
            var sealed: [DatabaseValue] = []
            for column in table.columns {
                let place = SealedPlace(table: table, column: column, row: key.map(\.text))
                let value = content[column] as DatabaseValue
                let isErasable = table.erasableColumn == column
                sealed.append(try value.sealed(by: seal, at: place, isErasable: isErasable))
            }
            let assignments = table.columns.map { "\($0) = ?" }.joined(separator: ", ")
            try execute(
                sql: "UPDATE \(table.rawValue) SET \(assignments) WHERE \(condition)",
                arguments: StatementArguments(sealed + key))
        }
    }

    /// Folds the write-ahead log into the file and cuts it to nothing, so that what was deleted is
    /// in neither. Throws `.busy` while another program reads.
    func emptyLog() throws {
        let row = try Row.fetchOne(self, sql: "PRAGMA wal_checkpoint(TRUNCATE)")
        if let row, row[0] as Int != 0 { throw StorageError.busy }
    }

    /// `secure_delete` leaves the copies of cells that SQLite itself moved within the file when it
    /// balanced its trees; writing the file anew does not.
    fileprivate func finishErasure(folder: String, isSealed: Bool) throws {
        guard try property(.erasure) != nil else { return }
        if isSealed {
            try vacuumThroughFile(in: folder)
        } else {
            // In memory (`temp_store`), of which it takes as much as the file is long: what is
            // readable must not lie in the free blocks of a deleted file, which nothing overwrites.
            try execute(sql: "VACUUM")
        }
        try emptyLog()
        try execute(
            sql: "DELETE FROM properties WHERE name = ?",
            arguments: [Property.erasure.rawValue])
    }

    /// `VACUUM` with the new file in a temporary one of the folder, not in memory: a folder may be
    /// larger than that, and who was killed for it would be at every start. It is safe because the
    /// temporary file gets no more than the present content, of which all that is personal is
    /// sealed. In the folder because `/tmp` is often memory again.
    private func vacuumThroughFile(in folder: String) throws {
        let path = folder.replacingOccurrences(of: "'", with: "''")
        try Self.temporaryFolder.withLock { _ in
            try execute(sql: "PRAGMA temp_store_directory = '\(path)'")
            try execute(sql: "PRAGMA temp_store = FILE")
            let outcome = Result { try execute(sql: "VACUUM") }
            try execute(sql: "PRAGMA temp_store = MEMORY")
            try execute(sql: "PRAGMA temp_store_directory = ''")
            try outcome.get()
        }
    }

    /// Held while SQLite's one setting for the whole process is a folder of ours.
    private static let temporaryFolder = Mutex(())
}

extension DatabaseValue {
    fileprivate var text: String {
        switch storage {
        case .int64(let number): String(number)
        case .string(let text): text
        case .null, .double, .blob: ""
        }
    }

    fileprivate func sealed(
        by seal: RowSeal, at place: SealedPlace, isErasable: Bool
    ) throws -> DatabaseValue {
        switch storage {
        case .blob(let data) where isErasable && data.count < ErasableContent.leadBytes:
            throw StorageError.unreadable(place: "\(place)")
        case .blob(let data) where isErasable:
            ErasableContent.stored(
                try seal.seal([UInt8](data.dropFirst(ErasableContent.leadBytes)), at: place)
            ).databaseValue
        case .blob(let data): try seal.seal([UInt8](data), at: place).databaseValue
        case .string(let text): try seal.seal(text, at: place).databaseValue
        case .null, .int64, .double: self
        }
    }
}
