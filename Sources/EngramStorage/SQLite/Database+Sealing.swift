import Engrams
import Foundation
import GRDB

// Which key a data folder wants, and the folder's way from readable to sealed.

extension DatabaseQueue {
    /// The seal of this database. With a key, one that is not sealed yet becomes so: every value in
    /// one transaction, then the file is written anew and the log emptied, so that no page keeps a
    /// readable copy. A process that dies in between finishes at the next start.
    ///
    /// - Parameter folder: for messages.
    /// - Throws: `.keyMissing`, `.keyWrong`, or SQLite's failure. Needs free space of about twice
    ///   the file's size when it seals.
    func seal(with key: DataKey?, folder: String) throws -> RowSeal {
        let salt = try inDatabase { try $0.property(.salt) }
        guard let key else {
            if salt != nil { throw StorageError.keyMissing(path: folder) }
            return .none
        }
        let seal: RowSeal
        if let salt {
            seal = RowSeal(key, salt: salt)
            guard try inDatabase({ try $0.isChecked(by: seal) }) else {
                throw StorageError.keyWrong(path: folder)
            }
        } else {
            let salt = Data((0..<32).map { _ in UInt8.random(in: 0...255) })
            seal = RowSeal(key, salt: salt)
            try inDatabase { db in
                try db.inTransaction(.immediate) {
                    for table in SealedTable.allCases { try db.sealAll(of: table, with: seal) }
                    try db.set(.salt, to: salt)
                    try db.set(.check, to: seal.seal([], at: .keyCheck))
                    try db.set(.erasure, to: Data())
                    return .commit
                }
            }
        }
        try inDatabase { try $0.finishErasure() }
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
        /// There while readable copies may be left from before the sealing.
        case erasure
    }

    func property(_ name: Property) throws -> Data? {
        try Data.fetchOne(
            self, sql: "SELECT value FROM properties WHERE name = ?", arguments: [name.rawValue])
    }

    fileprivate func set(_ name: Property, to value: Data) throws {
        try execute(
            sql: "INSERT INTO properties (name, value) VALUES (?, ?)",
            arguments: [name.rawValue, value])
    }

    fileprivate func isChecked(by seal: RowSeal) throws -> Bool {
        guard let check = try property(.check) else { return false }
        return (try? seal.open(check, at: .keyCheck)) == []
    }

    fileprivate func sealAll(of table: SealedTable, with seal: RowSeal) throws {
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
    fileprivate func finishErasure() throws {
        guard try property(.erasure) != nil else { return }
        try execute(sql: "VACUUM")
        try emptyLog()
        try execute(
            sql: "DELETE FROM properties WHERE name = ?",
            arguments: [Property.erasure.rawValue])
    }
}

extension SealedPlace {
    fileprivate static let keyCheck = SealedPlace(table: .sessions, column: "", row: [])
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
        case .blob(let data) where isErasable:
            try seal.sealErasable(RowSeal.none.openErasable(data, at: place), at: place)
                .databaseValue
        case .blob(let data): try seal.seal([UInt8](data), at: place).databaseValue
        case .string(let text): try seal.seal(text, at: place).databaseValue
        case .null, .int64, .double: self
        }
    }
}
