import Engrams
import Foundation
import GRDB
import Testing

@testable import EngramStorage

/// One value in a file that is none, or none that Hebb writes.
@Suite("A damaged row is refused, and ends no process") struct DamagedRowTests {
    struct Damage: Sendable, CustomTestStringConvertible {
        let table: String
        let assignment: String
        var testDescription: String { "\(table): \(assignment)" }

        static let all = [
            "sessions": [
                "sequence = NULL", "sequence = -1", "sequence = 9223372036854775807",
                "sequence = sequence + 1", "learn = NULL", "summary = NULL", "ledger = NULL",
                "tokensLearned = 'many'", "tokensSinceCheckpoint = 9223372036854775807",
                "feedbackStreak = -9223372036854775808", "created = 1e300", "updated = -1e300",
                "updated = 253402300800",
            ],
            "users": ["checkpointsMade = NULL", "created = 9e999"],
            "events": [
                "sequence = sequence + 5", "kind = NULL", "kind = 'dance'", "tokens = NULL",
                "tokenCount = -9223372036854775808", "reward = 9e999", "keepsContent = 'no'",
                "created = NULL", "created = 1e300",
            ],
            "snapshots": [
                "sequence = NULL", "sequence = -9223372036854775808", "sequence = 4",
                "engram = NULL",
            ],
            "checkpoints": [
                "session = NULL", "sequence = 9223372036854775807", "revision = NULL",
                "hash = NULL", "byteCount = -1", "automatic = 'no'", "created = 1e300",
            ],
        ].flatMap { table, all in all.map { Damage(table: table, assignment: $0) } }
            .sorted { $0.testDescription < $1.testDescription }
    }

    /// A folder of one session with two events and a checkpoint, and one value changed, as no
    /// constraint of its tables allows.
    private func folder(_ damage: Damage) async throws -> String {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1, key: "k"))
        try await store.append(observed(2, snapshot: true))
        try await store.append(checkpointed("c1", number: 3, from: nil))
        await store.close()
        try await change(
            folder,
            """
            PRAGMA writable_schema = ON;
            UPDATE sqlite_master SET sql = replace(replace(replace(sql, ' NOT NULL', ''),
                ') STRICT, WITHOUT', ') WITHOUT'), ') STRICT', ')') WHERE type = 'table'
            """)
        try await change(folder, "UPDATE \(damage.table) SET \(damage.assignment)")
        return folder
    }

    private func change(_ folder: String, _ sql: String) async throws {
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        try await database.writeWithoutTransaction { try $0.execute(sql: sql) }
        try database.close()
    }

    @Test("Whatever it is, and whichever call reads it", arguments: Damage.all)
    func damage(_ damage: Damage) async throws {
        let store = try SQLiteStore(folder: try await folder(damage))
        let calls: [@Sendable () async throws -> Void] = [
            { _ = try await store.user(alice.user) },
            { _ = try await store.session(alice) },
            { _ = try await store.sessions(of: nil, after: nil, limit: 9) },
            { _ = try await store.events(of: alice, after: 0, limit: 9) },
            { _ = try await store.event(of: alice, idempotencyKey: "k") },
            { _ = try await store.stored(alice) },
            { _ = try await store.snapshot(of: alice) },
            { _ = try await store.checkpoints(of: alice.user, after: nil, limit: 9) },
            { _ = try await store.history(of: alice.user) },
            { _ = try await store.overview() },
        ]
        var refusals: [String] = []
        for call in calls {
            do {
                try await call()
            } catch StorageError.corrupt {
                refusals.append("refused")
            } catch {
                Issue.record("\(error)")
            }
        }
        #expect(!refusals.isEmpty)
        await store.close()
    }

    @Test("The error says which column it is, and nothing of the value")
    func place() async throws {
        let folder = try await folder(Damage(table: "sessions", assignment: "sequence = -77"))
        let store = try SQLiteStore(folder: folder)
        let error = await #expect(throws: StorageError.self) { try await store.session(alice) }
        let text = try #require(error).description
        #expect(text.contains("sessions.sequence") && !text.contains("77"))
        await store.close()
    }

    @Test(
        "Nothing is appended to a session whose number cannot be",
        arguments: ["9223372036854775807", "-9223372036854775808", "NULL"])
    func append(number: String) async throws {
        let damage = Damage(table: "sessions", assignment: "sequence = \(number)")
        let store = try SQLiteStore(folder: try await folder(damage))
        do {
            try await store.append(observed(4))
            Issue.record("appended")
        } catch StorageError.corrupt {}
        await store.close()
    }
}
