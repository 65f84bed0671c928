import Foundation
import GRDB

extension Database: SQLConnection {
    static var leadBytes: Int { ErasableContent.leadBytes }

    func query(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> [SQLRow] {
        let statement = try cachedStatement(sql: sql)
        let columns = SQLColumns(statement.columnNames, leadBytes: Self.leadBytes)
        let rows = try Row.fetchCursor(statement, arguments: Self.bound(arguments))
        var found: [SQLRow] = []
        while let row = try rows.next() {
            let values = Array(row.databaseValues).map { value -> SQLValue in
                switch value.storage {
                case .null: .null
                case .int64(let number): .integer(number)
                case .double(let number): .real(number)
                case .string(let text): .text(text)
                case .blob(let data): .bytes([UInt8](data))
                }
            }
            found.append(SQLRow(columns: columns, values: values))
        }
        return found
    }

    @discardableResult
    func change(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> Int {
        try cachedStatement(sql: sql).execute(arguments: Self.bound(arguments))
        return changesCount
    }

    /// Bytes go as `Data`: an array bound as it is would pass through `Codable` and become JSON.
    private static func bound(_ arguments: [(any SQLArgument)?]) -> StatementArguments {
        StatementArguments(
            arguments.map { argument -> (any DatabaseValueConvertible)? in
                switch argument?.sqlValue {
                case nil, .null: nil
                case .integer(let number): number
                case .real(let number): number
                case .text(let text): text
                case .bytes(let bytes): Data(bytes)
                }
            })
    }
}
