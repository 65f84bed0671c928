import Engrams
import Foundation
import Testing

@testable import EngramStorage

/// What is PostgreSQL's own; what every store does is tested with `Driver`.
@Suite(
    .serialized,
    .enabled(if: PostgreSQLServer.binaries != nil, "PostgreSQL is not installed"))
struct PostgreSQLStoreTests {
    private func open(_ location: String, key: DataKey? = nil) async throws -> any EngramStore {
        try await PostgreSQLStore.open(location, key: key, connections: 2)
    }

    @Test("What was acknowledged is there after a crash, and the store goes on by itself")
    func crash() async throws {
        let server = try PostgreSQLServer()
        let store = try await open(try server.makeDatabase())
        try await store.createSession(session("alice/default"), engram: [1])
        for number in 1...20 { try await store.append(observed(number, snapshot: true)) }
        try await store.append(checkpointed("c1", number: 21, from: nil))
        let everything = try await Everything(store)
        try server.stop(mode: "immediate")
        for _ in 0..<3 {
            let error = await #expect(throws: StorageError.self) {
                try await store.append(observed(22))
            }
            guard case .unreachable(let reason) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(!reason.isEmpty && error?.isCertainlyUnchanged == true)
        }
        try server.start()
        #expect(try await Everything(store) == everything)
        try await store.append(observed(22))
        // A connection that is idle while the server is restarted is not missed.
        try server.stop(mode: "fast")
        try server.start()
        try await store.append(observed(23))
        #expect(try await store.session(alice)?.sequence == 23)
        await store.close()
        try server.stop(mode: "fast")
    }

    @Test("One server has a user until it has been silent for long; the next goes on from there")
    func lease() async throws {
        let server = try PostgreSQLServer.shared.get()
        let name = try server.makeNamedDatabase()
        func open() async throws -> any EngramStore {
            try await PostgreSQLStore.open(
                server.location(of: name), key: nil, connections: 2, leaseSeconds: 3600)
        }
        let (first, second) = (try await open(), try await open())
        try await first.createSession(session("alice/default"), engram: nil)
        try await first.append(observed(1))
        let error = await #expect(throws: StorageError.self) {
            try await second.append(observed(2))
        }
        guard case .leaseHeld(alice.user, _) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        // Others are free, and everybody reads.
        try await second.createSession(session("bob/default"), engram: nil)
        #expect(try await second.session(alice)?.sequence == 1)
        try server.run(sql: "UPDATE leases SET expires = 0", database: name)
        try await second.append(observed(2))
        // It has been silent for too long, whatever it wants to write.
        await #expect(throws: StorageError.leaseLost(alice.user)) {
            try await first.append(observed(3))
        }
        await #expect(throws: StorageError.self) { try await first.append(observed(3)) }
        #expect(try await first.events(of: alice, after: 0, limit: 9).map(\.sequence) == [1, 2])
        // Who stops in order lets go.
        await second.close()
        try await first.append(observed(3))
        _ = try await first.deleteUser(alice.user)
        try await first.createSession(session("alice/default"), engram: nil)
        await first.close()
    }

    @Test("Two servers that both want a user never write one number twice")
    func twoServers() async throws {
        let location = try PostgreSQLServer.shared.get().makeDatabase()
        let stores = [
            try await PostgreSQLStore.open(location, key: nil, connections: 2, leaseSeconds: 0),
            try await PostgreSQLStore.open(location, key: nil, connections: 2, leaseSeconds: 0),
        ]
        try await stores[0].createSession(session("alice/default"), engram: nil)
        let written = await withTaskGroup(of: Int.self) { group in
            for store in stores {
                group.addTask {
                    var count = 0
                    for _ in 0..<60 {
                        guard let last = try? await store.session(alice)?.sequence else { continue }
                        if (try? await store.append(observed(last + 1))) != nil { count += 1 }
                    }
                    return count
                }
            }
            return await group.reduce(0, +)
        }
        let events = try await stores[1].events(of: alice, after: 0, limit: 999)
        #expect(events.map(\.sequence) == Array(1...written))
        for store in stores { await store.close() }
    }

    @Test("Many servers that start on an empty database make its tables once")
    func concurrentMigration() async throws {
        let location = try PostgreSQLServer.shared.get().makeDatabase()
        let key = DataKey.random()
        let stores = try await withThrowingTaskGroup(of: (any EngramStore).self) { group in
            for _ in 0..<6 { group.addTask { try await open(location, key: key) } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        try await stores[0].createSession(session("alice/default"), engram: [7])
        #expect(try await stores[5].snapshot(of: alice)?.engram == [7])
        for store in stores { await store.close() }
    }

    @Test("A database of a later version is refused, one with another key or none too")
    func refusals() async throws {
        let server = try PostgreSQLServer.shared.get()
        let name = try server.makeNamedDatabase()
        let location = server.location(of: name)
        let key = DataKey.random()
        let store = try await open(location, key: key)
        try await store.createSession(session("alice/default"), engram: nil)
        await store.close()
        let path = "PostgreSQL database \(name)"
        await #expect(throws: StorageError.keyMissing(path: path)) { try await open(location) }
        await #expect(throws: StorageError.keyWrong(path: path)) {
            try await open(location, key: .random())
        }
        try server.run(sql: "INSERT INTO hebbSchema VALUES (999)", database: name)
        await #expect(throws: StorageError.newerFormat(path: path)) {
            try await open(location, key: key)
        }
        let plain = try server.makeDatabase()
        let readable = try await open(plain)
        try await readable.createSession(session("alice/default"), engram: nil)
        await readable.close()
        await #expect(throws: StorageError.self) { try await open(plain, key: .random()) }
        let error = await #expect(throws: StorageError.self) {
            try await open("postgresql:///none?host=/tmp/nowhere&connect_timeout=1")
        }
        guard case .unreachable = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test("A server without a connection left says so, and the store goes on when it has one")
    func exhausted() async throws {
        let server = try PostgreSQLServer(settings: [
            "max_connections=6", "superuser_reserved_connections=3",
        ])
        try server.run(sql: "CREATE ROLE guest LOGIN")
        try server.run(sql: "CREATE DATABASE small OWNER guest")
        let location = "postgresql:///small?host=\(server.folder)&user=guest"
        let store = try await PostgreSQLStore.open(location, key: nil, connections: 1)
        try await store.createSession(session("alice/default"), engram: nil)
        let others = [
            try await PostgreSQLStore.open(location, key: nil, connections: 1),
            try await PostgreSQLStore.open(location, key: nil, connections: 1),
        ]
        await #expect(throws: StorageError.self) {
            try await PostgreSQLStore.open(location, key: nil, connections: 1)
        }
        try await store.append(observed(1))
        for other in others { await other.close() }
        let again = try await PostgreSQLStore.open(location, key: nil, connections: 1)
        #expect(try await again.session(alice)?.sequence == 1)
        await again.close()
        await store.close()
        try server.stop(mode: "fast")
    }

    @Test("Calls without number wait for the few connections, and none is lost")
    func crowd() async throws {
        let store = try await open(try PostgreSQLServer.shared.get().makeDatabase())
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 {
                group.addTask {
                    let record = session("user\(number)/default")
                    try await store.createSession(record, engram: [1])
                    try await store.append(observed(1, session: record))
                }
            }
            try await group.waitForAll()
        }
        #expect(try await store.sessionCount() == 200)
        await store.close()
        await #expect(throws: StorageError.closed) { try await store.sessionCount() }
    }

    @Test("A transaction is on the server's disk, whatever its default is")
    func durable() async throws {
        let server = try PostgreSQLServer.shared.get()
        let location = try server.makeDatabase()
        let connection = try PostgreSQLConnection(location + "&options=-csynchronous_commit%3Doff")
        let row = try connection.query(
            "SELECT current_setting('synchronous_commit') AS setting", []
        ).first
        #expect(row?["setting"] == .text("on"))
    }

    @Test("Values of every kind come back from the server as they went")
    func values() async throws {
        let connection = try PostgreSQLConnection(PostgreSQLServer.shared.get().makeDatabase())
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let row = try #require(
            try connection.query(
                """
                SELECT CAST($1 AS bigint) AS a, CAST($2 AS double precision) AS b,
                    CAST($3 AS text) AS c, CAST($4 AS bytea) AS d, CAST($5 AS boolean) AS e,
                    CAST($6 AS bytea) AS f, CAST($7 AS text) AS camelCase
                """,
                [Int64.min, Double.leastNonzeroMagnitude, "e\u{301}'\"\\", bytes, true, nil, ""]
            ).first)
        #expect(row["a"] == .integer(.min))
        #expect(row["b"] == .real(.leastNonzeroMagnitude))
        #expect(row["c"] == .text("e\u{301}'\"\\"))
        #expect(row["d"] == .bytes(bytes))
        #expect(row["e"] == .integer(1))
        #expect(row["f"] == .null && row["none"] == .null)
        #expect(row["camelCase"] == .text(""))
        #expect(throws: PostgreSQLFailure(state: "22012")) {
            try connection.query("SELECT 1 / 0 AS a", [])
        }
    }
}

@Suite struct StoreLocationTests {
    @Test(
        "A location is shown without its password",
        arguments: [
            (
                "postgres://hebb:se:c@ret@db:5432/engrams?sslmode=require&password=x",
                "postgres://hebb@db:5432/engrams?sslmode=require"
            ),
            ("postgresql:///engrams?password=x", "postgresql:///engrams"),
            ("postgres://db/engrams?user=a@b", "postgres://db/engrams?user=a@b"),
            ("/var/lib/hebb", "/var/lib/hebb"),
        ])
    func description(text: String, shown: String) {
        #expect("\(StoreLocation(text))" == shown)
    }

    @Test("What is no database's location is a folder's")
    func kinds() {
        #expect(StoreLocation("postgres://a/b") == .database("postgres://a/b"))
        #expect(StoreLocation("postgresql://a/b") == .database("postgresql://a/b"))
        #expect(StoreLocation("./postgres") == .folder("./postgres"))
    }
}
