/// A database that speaks SQL, within a transaction and on its own thread. What the drivers have in
/// common: the statements of a store, which SQLite and PostgreSQL both understand. Parameters are
/// `$1`, `$2`… in the order in which they first appear.
protocol SQLConnection {
    /// How many zeros stand before a content that is to be erasable (`ErasableContent`).
    static var leadBytes: Int { get }

    func query(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> [SQLRow]
    /// - Returns: How many rows the statement changed.
    @discardableResult
    func change(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> Int
}

extension SQLConnection {
    func exists(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> Bool {
        try !query(sql, arguments).isEmpty
    }

    /// A content in the form in which it leaves nothing behind.
    func erasable(_ content: [UInt8]) -> [UInt8] {
        Self.leadBytes == 0 ? content : [UInt8](repeating: 0, count: Self.leadBytes) + content
    }
}

/// A value of a row.
enum SQLValue: Sendable, Equatable {
    case null
    case integer(Int64)
    case real(Double)
    case text(String)
    case bytes([UInt8])
}

/// What a parameter of a statement may be.
protocol SQLArgument: Sendable {
    var sqlValue: SQLValue { get }
}

extension Int: SQLArgument {
    var sqlValue: SQLValue { .integer(Int64(self)) }
}

extension Int64: SQLArgument {
    var sqlValue: SQLValue { .integer(self) }
}

extension Bool: SQLArgument {
    var sqlValue: SQLValue { .integer(self ? 1 : 0) }
}

extension Double: SQLArgument {
    var sqlValue: SQLValue { .real(self) }
}

extension String: SQLArgument {
    var sqlValue: SQLValue { .text(self) }
}

extension [UInt8]: SQLArgument {
    var sqlValue: SQLValue { .bytes(self) }
}

/// The columns of a result, which databases spell as they like.
final class SQLColumns {
    let leadBytes: Int
    private var index: [String: Int] = [:]

    init(_ names: [String], leadBytes: Int) {
        self.leadBytes = leadBytes
        for (column, name) in names.enumerated() { index[name.lowercased()] = column }
    }

    subscript(_ name: String) -> Int? {
        if let column = index[name] { return column }
        guard let column = index[name.lowercased()] else { return nil }
        index[name] = column
        return column
    }
}

struct SQLRow {
    let columns: SQLColumns
    let values: [SQLValue]

    /// NULL for a column that is not there.
    subscript(_ name: String) -> SQLValue {
        columns[name].map { values[$0] } ?? .null
    }
}
