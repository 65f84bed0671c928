import CPostgreSQL

/// A connection to a PostgreSQL server, for one thread at a time. Every call waits for the server.
final class PostgreSQLConnection: SQLConnection {
    static var leadBytes: Int { 0 }

    private let handle: OpaquePointer
    /// The names of the prepared statements. Their texts are those of this module, some sixty.
    private var statements: [String: String] = [:]

    /// - Parameter location: as libpq reads it: `postgres://…`, or `host=… dbname=…`. What it leaves
    ///   open comes from the environment, a service file and a password file, as for `psql`.
    /// - Throws: `.unreachable` with libpq's words, which name host, user and database.
    init(_ location: String) throws(StorageError) {
        // The later ones win, and the location is expanded where it stands.
        let settings = [
            ("connect_timeout", "10"), ("tcp_user_timeout", "30000"), ("dbname", location),
            ("client_encoding", "UTF8"), ("fallback_application_name", "hebb"),
        ]
        let names = settings.map { Array($0.0.utf8CString) }
        let values = settings.map { Array($0.1.utf8CString) }
        let opened = Self.withPointers(names) { names in
            Self.withPointers(values) { values in PQconnectdbParams(names, values, 1) }
        }
        guard let opened else { throw .unreachable(reason: "there is no memory left") }
        handle = opened
        hebb_pq_silence(opened)
        guard PQstatus(opened) == CONNECTION_OK else {
            // Frees the handle: a class whose stored properties are all set is deinitialised.
            throw .unreachable(reason: Self.message(of: opened))
        }
        do {
            try prepareSession()
        } catch {
            throw StorageError(failure: error)
        }
    }

    deinit { PQfinish(handle) }

    /// Whether the server may still hear us.
    var isAlive: Bool { PQstatus(handle) == CONNECTION_OK }

    /// For messages.
    var name: String { "PostgreSQL database \(String(cString: PQdb(handle)))" }

    /// A transaction that was acknowledged is on the server's disk, whatever its default is, and
    /// nobody waits for ever.
    private func prepareSession() throws {
        try run(
            """
            SET statement_timeout = '60s'; SET lock_timeout = '5s';
            SET idle_in_transaction_session_timeout = '60s';
            SELECT set_config('synchronous_commit', 'on', false)
            WHERE current_setting('synchronous_commit') = 'off'
            """)
    }

    /// Statements without parameters, one or more.
    func run(_ sql: String) throws {
        let result = PQexec(handle, sql)
        defer { PQclear(result) }
        try check(result)
    }

    func query(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> [SQLRow] {
        let result = try execute(sql, arguments)
        defer { PQclear(result) }
        return try PostgreSQLResult(result).rows()
    }

    @discardableResult
    func change(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> Int {
        let result = try execute(sql, arguments)
        defer { PQclear(result) }
        return Int(String(cString: PQcmdTuples(result))) ?? 0
    }

    private func execute(_ sql: String, _ arguments: [(any SQLArgument)?]) throws -> OpaquePointer {
        let name = try statement(sql)
        let parameters = try Parameters(arguments.map { $0?.sqlValue ?? .null })
        let result = parameters.withPointers { values, lengths, formats in
            PQexecPrepared(handle, name, Int32(arguments.count), values, lengths, formats, 1)
        }
        do {
            try check(result)
        } catch {
            PQclear(result)
            throw error
        }
        guard let result else { throw PostgreSQLFailure.lost }
        return result
    }

    private func statement(_ sql: String) throws -> String {
        if let name = statements[sql] { return name }
        let name = "s\(statements.count)"
        let result = PQprepare(handle, name, sql, 0, nil)
        defer { PQclear(result) }
        try check(result)
        statements[sql] = name
        return name
    }

    private func check(_ result: OpaquePointer?) throws {
        switch PQresultStatus(result) {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK: return
        default: break
        }
        guard isAlive, let state = hebb_pq_state(result) else { throw PostgreSQLFailure.lost }
        throw PostgreSQLFailure(state: String(cString: state))
    }

    private static func message(of handle: OpaquePointer) -> String {
        String(cString: PQerrorMessage(handle)).split(separator: "\n").joined(separator: "; ")
    }

    /// The texts' first bytes, and nothing after the last, as libpq ends its lists.
    private static func withPointers<Value>(
        _ texts: [[CChar]], _ body: ([UnsafePointer<CChar>?]) -> Value
    ) -> Value {
        let bytes = texts.flatMap { $0 }
        return bytes.withUnsafeBufferPointer { buffer in
            var pointers: [UnsafePointer<CChar>?] = []
            var start = 0
            for text in texts {
                pointers.append(buffer.baseAddress.map { $0 + start })
                start += text.count
            }
            return body(pointers + [nil])
        }
    }
}

/// The parameters of a statement: bytes as they are, all else as text.
private struct Parameters {
    private var bytes: [UInt8] = []
    private var starts: [Int?] = []
    private var lengths: [Int32] = []
    private var formats: [Int32] = []

    init(_ values: [SQLValue]) throws {
        for value in values {
            switch value {
            case .null: append(nil, length: 0, format: 0)
            case .integer(let number): append(text: String(number))
            case .real(let number): append(text: String(number))
            case .text(let text): append(text: text)
            case .bytes(let content):
                // PostgreSQL takes no value of a gigabyte.
                guard let length = Int32(exactly: content.count), length < 1 << 30 else {
                    throw StorageError.unstorable(place: "bytes")
                }
                append(content, length: length, format: 1)
            }
        }
        // An address for what is empty.
        bytes.append(0)
    }

    private mutating func append(text: String) {
        append(Array(text.utf8) + [0], length: 0, format: 0)
    }

    private mutating func append(_ content: [UInt8]?, length: Int32, format: Int32) {
        starts.append(content.map { _ in bytes.count })
        bytes += content ?? []
        lengths.append(length)
        formats.append(format)
    }

    func withPointers<Value>(
        _ body: ([UnsafePointer<CChar>?], [Int32], [Int32]) -> Value
    ) -> Value {
        bytes.withUnsafeBytes { buffer in
            let base = buffer.bindMemory(to: CChar.self).baseAddress
            return body(
                starts.map { start in start.flatMap { start in base.map { $0 + start } } }, lengths,
                formats)
        }
    }
}
