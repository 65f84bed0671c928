import Engrams
import Foundation
import Synchronization

/// A store in a PostgreSQL database that others may use too.
///
/// An acknowledged transaction is on the server's disk (`synchronous_commit`). Of the processes that
/// share a database one writes to a user at a time, and keeps the user while it goes on writing
/// (`Lease`); writes to different users do not wait for each other. A connection that is lost is made
/// again by the next call.
///
/// What `erase` can do is less than on a file of our own: it frees the rows that were deleted
/// (`VACUUM`), so that no query and no index finds them. Their bytes stay in unused parts of the
/// server's files until these are used again, in its write-ahead log until that is recycled, and in
/// its replicas and backups as long as they are kept. With a data key none of that says more than
/// names, times and counts.
public final class PostgreSQLStore: SQLStore {
    private let pool: ConnectionPool
    /// This run of this process.
    private let server = UUID().uuidString
    private let leaseSeconds: Double
    /// The tokens that this process was given last.
    private let tokens = Mutex<[UserID: Int]>([:])

    /// How often a transaction is tried that was rolled back for another's sake.
    private static let attempts = 8

    /// Opens the store of a database, makes its tables when they are missing, and brings older ones
    /// up to date.
    ///
    /// - Parameters:
    ///   - location: what libpq takes: `postgres://user@host:5432/database?sslmode=verify-full`,
    ///     `postgresql:///?service=hebb`.
    ///   - key: what the database is sealed with; nil: nothing.
    ///   - connections: at most.
    ///   - leaseSeconds: for how long a user is this process's after its last write.
    /// - Throws: `.unreachable` with what libpq says, `.newerFormat`, `.keyMissing`, `.keyWrong`,
    ///   `.unsealed` for a key to a database that holds something already which is readable.
    public static func open(
        _ location: String, key: DataKey?, connections: Int = 8, leaseSeconds: Double = 10
    )
        async throws(StorageError) -> any EngramStore
    {
        let store = PostgreSQLStore(
            ConnectionPool(location, size: connections), leaseSeconds: leaseSeconds)
        let seal = try await store.pool.run { slot throws(StorageError) in
            try Self.transaction(on: slot, "BEGIN") { db in
                try db.migrate()
                return try db.seal(with: key)
            }
        }
        return seal.map { SealedStore(store, under: $0) } ?? store
    }

    /// Whether a database's data need a key; false for one that holds nothing. Changes nothing.
    /// Blocks.
    public static func isEncrypted(_ location: String) throws(StorageError) -> Bool {
        let connection = try PostgreSQLConnection(location)
        do {
            return try connection.isSealed()
        } catch {
            throw StorageError(failure: error)
        }
    }

    private init(_ pool: ConnectionPool, leaseSeconds: Double) {
        self.pool = pool
        self.leaseSeconds = leaseSeconds
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (PostgreSQLConnection) throws -> Value
    ) async throws(StorageError) -> Value {
        try await pool.run { slot throws(StorageError) in
            try Self.transaction(on: slot, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", body)
        }
    }

    func write<Value: Sendable>(
        to user: UserID, _ body: @escaping @Sendable (PostgreSQLConnection) throws -> Value
    ) async throws(StorageError) -> Value {
        let known = tokens.withLock { $0[user] }
        do throws(StorageError) {
            let (value, token) = try await pool.run {
                [server, leaseSeconds] slot
                    throws(StorageError) in
                try Self.transaction(on: slot, "BEGIN") { db in
                    let token = try db.takeLease(
                        of: user, for: server, knowing: known, seconds: leaseSeconds)
                    return (try body(db), token)
                }
            }
            tokens.withLock { $0[user] = token }
            return value
        } catch {
            if case .leaseLost = error { tokens.withLock { $0[user] = nil } }
            throw error
        }
    }

    func noteDeparture(of user: UserID, in connection: PostgreSQLConnection) throws {
        try connection.change(#"DELETE FROM leases WHERE "user" = $1"#, [user.rawValue])
    }

    public func erase() async throws(StorageError) {
        try await pool.run { slot throws(StorageError) in
            do {
                _ = try slot.connected { db in
                    // It takes as long as it takes. Where it fails, the connection goes with it.
                    try db.run("SET statement_timeout = 0")
                    try db.run(
                        """
                        VACUUM users, sessions, snapshots, events, checkpoints, spentKeys,
                            accessKeys, leases
                        """)
                    try db.run("SET statement_timeout = '60s'")
                }
            } catch {
                throw StorageError(failure: error)
            }
        }
    }

    public func close() async {
        // A failure is none: they run out.
        try? await pool.run { [server] slot throws(StorageError) in
            try Self.transaction(on: slot, "BEGIN") { try $0.releaseLeases(of: server) }
        }
        await pool.close()
    }

    /// Committed, or rolled back, or `.failed` when the connection was lost in between and nobody
    /// knows which.
    private static func transaction<Value>(
        on slot: ConnectionPool.Slot, _ begin: String,
        _ body: (PostgreSQLConnection) throws -> Value
    ) throws(StorageError) -> Value {
        var attempt = 1
        while true {
            do {
                return try attemptTransaction(on: slot, begin, body)
            } catch {
                let failure = error as? PostgreSQLFailure
                guard failure?.isConflict == true, attempt < attempts else {
                    throw StorageError(failure: error)
                }
                attempt += 1
                usleep(.random(in: 0..<2_000 << UInt32(attempt)))
            }
        }
    }

    private static func attemptTransaction<Value>(
        on slot: ConnectionPool.Slot, _ begin: String,
        _ body: (PostgreSQLConnection) throws -> Value
    ) throws -> Value {
        let connection = try slot.connected { try $0.run(begin) }
        let value: Value
        do {
            value = try body(connection)
        } catch {
            // The server rolls back what a lost connection began.
            do { try connection.run("ROLLBACK") } catch { slot.disconnect() }
            throw error
        }
        do {
            try connection.run("COMMIT")
        } catch {
            guard !connection.isAlive else { throw error }
            slot.disconnect()
            throw PostgreSQLFailure.unresolved
        }
        return value
    }
}
