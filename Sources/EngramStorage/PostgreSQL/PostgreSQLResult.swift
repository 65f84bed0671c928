import CPostgreSQL

/// What a statement gave, in PostgreSQL's binary form: numbers with their highest byte first.
struct PostgreSQLResult {
    private let result: OpaquePointer

    /// - Parameter result: freed by whom it belongs to, after the last use.
    init(_ result: OpaquePointer) { self.result = result }

    func rows() throws -> [SQLRow] {
        let names = (0..<PQnfields(result)).map { String(cString: PQfname(result, $0)) }
        let types = (0..<PQnfields(result)).map { PQftype(result, $0) }
        let columns = SQLColumns(names, leadBytes: PostgreSQLConnection.leadBytes)
        return try (0..<PQntuples(result)).map { row in
            let values = try types.enumerated().map { column, type in
                try value(row, Int32(column), type)
            }
            return SQLRow(columns: columns, values: values)
        }
    }

    private func value(_ row: Int32, _ column: Int32, _ type: Oid) throws -> SQLValue {
        if PQgetisnull(result, row, column) == 1 { return .null }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(result, row, column), count: Int(PQgetlength(result, row, column)))
        // From pg_type.dat, where these numbers are for ever.
        switch (type, bytes.count) {
        case (16, 1): return .integer(bytes[0] == 0 ? 0 : 1)
        case (17, _): return .bytes([UInt8](bytes))
        case (20, 8): return .integer(Int64(bitPattern: Self.number(bytes)))
        case (23, 4): return .integer(Int64(Int32(truncatingIfNeeded: Self.number(bytes))))
        case (25, _): return .text(String(decoding: bytes, as: UTF8.self))
        case (701, 8): return .real(Double(bitPattern: Self.number(bytes)))
        default: throw StorageError.corrupt(code: 0)
        }
    }

    private static func number(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
