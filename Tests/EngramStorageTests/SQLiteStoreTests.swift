import Engrams
import Foundation
import GRDB
import Testing

@testable import EngramStorage

@Suite struct SQLiteStoreTests {
    @Test("What was appended is there after the process dies without closing")
    func survivesKill() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1, key: "k", snapshot: true))
        try await store.append(checkpointed("c1", number: 2, from: nil))
        try await store.append(observed(3))
        let before = try await Everything(store)

        // What a killed process leaves: the files as they are now, log and all.
        let copy = temporaryFolder()
        try FileManager.default.createDirectory(
            atPath: (copy as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        let reopened = try SQLiteStore(folder: copy)
        #expect(try await Everything(reopened) == before)
        try await reopened.append(observed(4))
        await reopened.close()
        await store.close()
    }

    @Test("What was written is there after closing and opening again")
    func reopens() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1))
        let before = try await Everything(store)
        await store.close()
        let again = try SQLiteStore(folder: folder)
        #expect(try await Everything(again) == before)
        await again.close()
    }

    @Test("A second opener of a data folder is refused and told who has it")
    func exclusive() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        let process = Int(ProcessInfo.processInfo.processIdentifier)
        #expect(throws: StorageError.folderInUse(path: folder, processIdentifier: process)) {
            try SQLiteStore(folder: folder)
        }
        await store.close()
        let next = try SQLiteStore(folder: folder)
        await next.close()
    }

    @Test("The folder is made for its owner alone")
    func permissions() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        func mode(_ path: String) throws -> Int? {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            return (attributes[.posixPermissions] as? NSNumber)?.intValue
        }
        #expect(try mode(folder) == 0o700)
        for name in ["hebb.sqlite", "hebb.sqlite-wal", "hebb.sqlite-shm", "lock"] {
            #expect(try mode(folder + "/" + name) == 0o600)
        }
        await store.close()
    }

    @Test("A path that is no folder is refused with its errno")
    func noFolder() throws {
        let path = temporaryFolder()
        let parent = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(
            atPath: parent, withIntermediateDirectories: true)
        try Data([1]).write(to: URL(fileURLWithPath: path))
        #expect(throws: StorageError.folderUnusable(path: path, code: 20)) {
            try SQLiteStore(folder: path)
        }
    }

    @Test("A file that is no database is refused as damaged")
    func notADatabase() throws {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
        try Data(repeating: 65, count: 8192)
            .write(to: URL(fileURLWithPath: folder + "/hebb.sqlite"))
        #expect(throws: StorageError.corrupt(code: 26)) { try SQLiteStore(folder: folder) }
    }

    @Test("Data of the first version get what was added since, and lose nothing")
    func olderFormat() async throws {
        let folder = temporaryFolder()
        let made = try SQLiteStore(folder: folder)
        await made.close()
        try FileManager.default.removeItem(atPath: folder + "/hebb.sqlite")
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        let first = try #require(SQLiteSchema.migrator.migrations.first)
        try SQLiteSchema.migrator.migrate(database, upTo: first)
        try await database.write { db in
            try db.execute(
                sql: """
                    INSERT INTO users VALUES ('alice', NULL, 1);
                    INSERT INTO sessions
                    VALUES ('alice', 'default', NULL, NULL, 'none', 1, 7, 7, x'7b7d', 1, 2);
                    INSERT INTO events VALUES ('e', 'alice', 'default', 1, 'observe', x'05000000',
                        1, NULL, NULL, NULL, NULL, NULL, NULL, 1);
                    """)
        }
        try database.close()
        let store = try SQLiteStore(folder: folder)
        let record = try #require(try await store.session(alice))
        #expect(record.tokensLearned == 7)
        #expect(record.summary == Array("{}".utf8))
        #expect(record.ledger.isEmpty)
        #expect(record.feedbackStreak == 0)
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.tokens) == [[5]])
        #expect(events.map(\.payload) == [nil])
        try await store.append(observed(2))
        #expect(try await store.session(alice)?.ledger == [2, 2])
        #expect(try await store.session(alice)?.feedbackStreak == -2)
        await store.close()
    }

    @Test(
        "A reset that nothing has kept yet is given the head of its moment; a kept one is as it was"
    )
    func pendingResets() async throws {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        try SQLiteSchema.migrator.migrate(database, upTo: "5: sealing")
        try await database.write { db in
            try db.execute(sql: "INSERT INTO users VALUES ('alice', NULL, 1, 3)")
            for (number, created) in [(1, 10), (2, 20), (3, 30)] {
                try db.execute(
                    sql: """
                        INSERT INTO checkpoints (user, id, session, automatic, revision,
                            tokensLearned, byteCount, hash, created, deleted, engram)
                        VALUES ('alice', 'ckpt-\(number)', 'default', 0, 1, 1, 1, 'h', \(created),
                            0, x'00')
                        """)
            }
            let resets: [(name: String, kinds: [(kind: String, target: String?, at: Int)])] = [
                ("pending", [("reset", nil, 25)]),
                ("restored", [("restore", "ckpt-1", 26), ("reset", nil, 27)]),
                ("kept", [("reset", nil, 12), ("checkpoint", "ckpt-2", 20)]),
                ("head", [("reset", "ckpt-3", 31)]),
                ("early", [("reset", nil, 5)]),
            ]
            for (name, events) in resets {
                try db.execute(
                    sql: """
                        INSERT INTO sessions (user, name, learn, sequence, tokensLearned,
                            tokensSinceCheckpoint, summary, created, updated)
                        VALUES ('alice', '\(name)', 'none', \(events.count), 0, 0, x'7b7d', 1, 2)
                        """)
                for (index, event) in events.enumerated() {
                    try db.execute(
                        sql: """
                            INSERT INTO events (id, user, name, sequence, kind, tokenCount, target,
                                created, tokens)
                            VALUES (?, 'alice', ?, ?, ?, 0, ?, ?, zeroblob(4096))
                            """,
                        arguments: [
                            "\(name)-\(index)", name, index + 1, event.kind, event.target, event.at,
                        ])
                }
            }
        }
        try database.close()
        let store = try SQLiteStore(folder: folder)
        for (name, superseded) in [
            ("pending", "ckpt-2"), ("restored", "ckpt-1"), ("kept", nil), ("head", nil),
            ("early", nil),
        ] {
            let id = SessionID("alice/\(name)")!
            #expect(try await store.session(id)?.superseded?.rawValue == superseded, "\(name)")
            let last = try await store.events(of: id, after: 0, limit: 9).last
            #expect(last?.superseded?.rawValue == superseded, "\(name)")
        }
        await #expect(throws: StorageError.checkpointInUse(CheckpointID(rawValue: "ckpt-2"))) {
            try await store.deleteCheckpoint(CheckpointID(rawValue: "ckpt-2"), of: alice.user)
        }
        await store.close()
    }

    @Test("Data of a later version are refused, not migrated")
    func newerFormat() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        await store.close()
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        try await database.write { db in
            try db.execute(sql: "INSERT INTO grdb_migrations VALUES ('999: from the future')")
        }
        try database.close()
        #expect(throws: StorageError.newerFormat(path: folder)) { try SQLiteStore(folder: folder) }
    }

    @Test("The file is in write-ahead mode and keeps its integrity")
    func integrity() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1))
        await store.close()
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        let (mode, check, broken) = try await database.read { db in
            (
                try String.fetchOne(db, sql: "PRAGMA journal_mode"),
                try String.fetchOne(db, sql: "PRAGMA integrity_check"),
                try Row.fetchAll(db, sql: "PRAGMA foreign_key_check").count
            )
        }
        #expect(mode == "wal")
        #expect(check == "ok")
        #expect(broken == 0)
        try database.close()
    }

    @Test("Every commit is synced, references are checked, deleted content is overwritten")
    func pragmas() async throws {
        let store = try SQLiteStore(folder: temporaryFolder())
        let values = try await store.queue.read { db in
            try ["synchronous", "foreign_keys", "secure_delete"].map { name in
                try Int.fetchOne(db, sql: "PRAGMA \(name)")
            }
        }
        #expect(values == [2, 1, 1])
        await store.close()
    }

    @Test("A discarded session's text is in none of the folder's files")
    func forgets() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        let secret = Array("the secret that alice told".utf8)
        try await store.createSession(session("alice/default"), engram: nil)
        var entry = observed(1, snapshot: true)
        entry.event.answer = secret
        entry.snapshot?.engram = secret
        try await store.append(entry)
        #expect(try holds(secret, folder: folder))
        try await store.discardSession(alice)
        #expect(try !holds(secret, folder: folder))
        await store.close()
    }
}
