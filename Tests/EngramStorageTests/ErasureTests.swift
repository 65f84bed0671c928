import Engrams
import Foundation
import GRDB
import Testing

@testable import EngramStorage

@Suite("Nothing is left of what was deleted") struct ErasureTests {
    /// Steele, Lea and Flood 2014.
    private struct Splitmix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    /// Seeded deeds of ten sessions: events that come, are forgotten, and go with their session.
    private struct Deeds {
        var generator: Splitmix
        let store: SQLiteStore
        var living: [EventID: SessionID] = [:]
        var tokens: [EventID: [Int32]] = [:]
        private var sequences: [SessionID: Int] = [:]

        init(seed: UInt64, _ store: SQLiteStore) {
            generator = Splitmix(state: seed)
            self.store = store
        }

        mutating func perform(_ number: Int) async throws {
            let id = SessionID("alice/s\(Int.random(in: 0..<10, using: &generator))")!
            switch Int.random(in: 0..<20, using: &generator) {
            case 0..<11: try await add(number, to: id)
            case 11..<13: try await discard(id)
            default: try await forget(number)
            }
        }

        private func entry(_ id: SessionID, _ event: String) -> JournalEntry {
            var entry = observed((sequences[id] ?? 0) + 1, session: session(id.description))
            entry.event.id = EventID(rawValue: event)
            entry.event.tokens = []
            return entry
        }

        private mutating func add(_ number: Int, to id: SessionID) async throws {
            if sequences[id] == nil {
                try await store.createSession(session(id.description), engram: nil)
            }
            var entry = entry(id, "event \(number)")
            // Short enough for several in one page of the tree.
            entry.event.tokens = (0..<150).map { _ in
                Int32.random(in: 0...(.max), using: &generator)
            }
            entry.snapshot = SnapshotRecord(
                sequence: entry.event.sequence, engram: [UInt8](Self.bytes(entry.event.tokens)))
            try await store.append(entry)
            sequences[id] = entry.event.sequence
            living[entry.event.id] = id
            tokens[entry.event.id] = entry.event.tokens
        }

        private mutating func discard(_ id: SessionID) async throws {
            guard sequences[id] != nil else { return }
            try await store.discardSession(id)
            sequences[id] = nil
            living = living.filter { $0.value != id }
        }

        private mutating func forget(_ number: Int) async throws {
            let all = living.keys.sorted { $0.rawValue < $1.rawValue }
            guard let event = all.randomElement(using: &generator), let id = living[event] else {
                return
            }
            var entry = entry(id, "forget \(number)")
            entry.event.kind = .forget
            entry.snapshot = SnapshotRecord(sequence: entry.event.sequence, engram: [])
            try await store.rewrite(
                HistoryRewrite(
                    forgotten: event, forgottenBy: entry.event.id, events: [], checkpoints: [],
                    entries: [entry]))
            sequences[id] = entry.event.sequence
            living[event] = nil
        }

        static func bytes(_ tokens: [Int32]) -> Data {
            tokens.reduce(into: Data()) { data, token in
                withUnsafeBytes(of: token.littleEndian) { data.append(contentsOf: $0) }
            }
        }
    }

    // Seeds that leave something where there are no zeros before the content.
    @Test(
        "Also not where the tree was balanced while it was alive",
        arguments: [UInt64(7), 12, 14])
    func balanced(seed: UInt64) async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        var deeds = Deeds(seed: seed, store)
        for number in 0..<300 { try await deeds.perform(number) }
        try await store.erase()
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).map {
            try Data(contentsOf: URL(fileURLWithPath: folder + "/" + $0))
        }
        for (event, tokens) in deeds.tokens where deeds.living[event] == nil {
            for start in stride(from: 0, to: tokens.count - 8, by: 4) {
                let pattern = Deeds.bytes(Array(tokens[start..<start + 8]))
                if files.contains(where: { $0.range(of: pattern) != nil }) {
                    Issue.record("seed \(seed): \(event) is still there")
                    break
                }
            }
        }
        let alive = try #require(deeds.living.keys.first)
        let pattern = Deeds.bytes(try #require(deeds.tokens[alive]))
        #expect(files.contains { $0.range(of: pattern) != nil })
        await store.close()
    }

    @Test("Erasing says so when another program holds the log, and works when it lets go")
    func busy() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder, busyTimeoutSeconds: 0.05)
        try await store.createSession(session("alice/default"), engram: nil)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(
            path: folder + "/hebb.sqlite", configuration: configuration)
        try await other.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN; SELECT count(*) FROM sessions")
        }
        try await store.append(observed(1))
        await #expect(throws: StorageError.busy) { try await store.erase() }
        try await other.writeWithoutTransaction { db in try db.execute(sql: "COMMIT") }
        try await store.erase()
        let log = try FileManager.default.attributesOfItem(atPath: folder + "/hebb.sqlite-wal")
        #expect((log[.size] as? NSNumber)?.intValue == 0)
        try other.close()
        await store.close()
    }

    @Test("The zeros before a content cover what a page of the tree can hold")
    func lead() async throws {
        let store = try SQLiteStore(folder: temporaryFolder())
        let pageSize = try await store.queue.read { db in
            try Int.fetchOne(db, sql: "PRAGMA page_size")
        }
        #expect(try #require(pageSize) - 35 <= ErasableContent.leadBytes)
        await store.close()
    }

    @Test("A folder from before there was forgetting gets numbers, origins and erasable content")
    func migration() async throws {
        let folder = temporaryFolder()
        let made = try SQLiteStore(folder: folder)
        await made.close()
        try FileManager.default.removeItem(atPath: folder + "/hebb.sqlite")
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        try SQLiteSchema.migrator.migrate(database, upTo: "3: feedback")
        try await database.write { db in
            try db.execute(
                sql: """
                    INSERT INTO users VALUES ('alice', NULL, 1);
                    INSERT INTO checkpoints VALUES
                        (1, 'alice', 'ckpt-a', 'default', 'one', NULL, 1, 7, 1, 'h', 1, x'0a'),
                        (2, 'alice', 'ckpt-b', 'default', NULL, 'ckpt-a', 2, 8, 1, 'i', 2, x'0b'),
                        (3, 'alice', 'ckpt-c', 'gone', NULL, 'ckpt-b', 3, 9, 1, 'j', 3, x'0c');
                    UPDATE users SET head = 'ckpt-c';
                    INSERT INTO sessions (user, name, base, origin, learn, sequence, tokensLearned,
                        tokensSinceCheckpoint, summary, created, updated)
                    VALUES ('alice', 'default', NULL, 'ckpt-a', 'none', 4, 7, 7, x'7b7d', 1, 2);
                    INSERT INTO events (id, user, name, sequence, kind, tokens, tokenCount, target,
                        created)
                    VALUES ('e1', 'alice', 'default', 1, 'observe', x'0500000006000000', 2, NULL, 1),
                        ('e2', 'alice', 'default', 2, 'checkpoint', x'', 0, 'ckpt-a', 2),
                        ('e3', 'alice', 'default', 3, 'reset', x'', 0, NULL, 3),
                        ('e4', 'alice', 'default', 4, 'checkpoint', x'', 0, 'ckpt-b', 4);
                    INSERT INTO snapshots VALUES ('alice', 'default', 4, x'0102');
                    """)
        }
        try database.close()
        let store = try SQLiteStore(folder: folder)
        let history = try await store.history(of: alice.user)
        #expect(history.checkpoints.map(\.record.sequence) == [2, 4, nil])
        #expect(history.checkpoints.map(\.record.base?.rawValue) == ["ckpt-a", nil, nil])
        #expect(history.checkpoints.map(\.hasUnknownSources) == [false, false, true])
        #expect(try await store.user(alice.user)?.checkpointsMade == 3)
        #expect(try await store.user(alice.user)?.head?.rawValue == "ckpt-c")
        for (id, byte) in [("ckpt-a", UInt8(10)), ("ckpt-b", 11), ("ckpt-c", 12)] {
            let checkpoint = CheckpointID(rawValue: id)
            #expect(try await store.engram(of: checkpoint, of: alice.user) == [byte])
        }
        let stored = try #require(try await store.stored(alice))
        #expect(stored.snapshot == SnapshotRecord(sequence: 4, engram: [1, 2]))
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.tokens) == [[5, 6], [], [], []])
        let broken = try await store.queue.read { db in
            try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").count
        }
        #expect(broken == 0)
        // The references were carried over too: a session's journal goes with it.
        try await store.discardSession(alice)
        #expect(try await store.events(of: alice, after: 0, limit: 9).isEmpty)
        await store.close()
    }
}
