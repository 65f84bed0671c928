/// A statement that failed. The server's own words can quote a value, so only its code is kept.
struct PostgreSQLFailure: Error, Equatable {
    /// SQLSTATE, five digits and capitals (PostgreSQL's manual, appendix A).
    let state: String

    /// The connection ended before the answer came.
    static let lost = PostgreSQLFailure(state: "08006")
    /// It ended after the transaction's end was asked for: nobody knows which it was.
    static let unresolved = PostgreSQLFailure(state: "08007")

    /// The transaction was rolled back so that another could go on, and may be tried again.
    var isConflict: Bool {
        // Two writers of one identifier, of whom each had seen that nobody has it: the next attempt
        // sees the other's.
        ["40001", "40P01", "23505"].contains(state)
    }
}

extension StorageError {
    init(failure error: any Error) {
        if let error = error as? StorageError {
            self = error
            return
        }
        guard let failure = error as? PostgreSQLFailure else {
            self = .failed(code: 0)
            return
        }
        let code = DatabaseCode(state: failure.state)?.number ?? 0
        switch failure.state {
        // disk_full.
        case "53100": self = .diskFull
        // read_only_sql_transaction: a standby.
        case "25006": self = .readOnly
        // Conflicts, lock_not_available, query_canceled, out_of_memory, too_many_connections.
        case "40001", "40P01", "23505", "55P03", "57014", "53200", "53300": self = .busy
        case "08007": self = .failed(code: code)
        // admin_shutdown, crash_shutdown, cannot_connect_now.
        case "57P01", "57P02", "57P03":
            self = .unreachable(reason: "the server is stopping or starting")
        // io_error.
        case "58030": self = .inputOutput(code: code)
        // data_corrupted, index_corrupted.
        case "XX001", "XX002": self = .corrupt(code: code)
        case let state where state.hasPrefix("08"):
            self = .unreachable(reason: "the connection was lost")
        default: self = .failed(code: code)
        }
    }
}
