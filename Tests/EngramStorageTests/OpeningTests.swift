import Engrams
import Foundation
import GRDB
import Testing

@testable import EngramStorage

@Suite("What opening a folder makes good, and what it refuses") struct OpeningTests {
    private static let secret = Array("the secret that alice told".utf8)

    /// The files of a server as a kill leaves them now, log and all.
    private func killed(_ folder: String) throws -> String {
        let copy = temporaryFolder()
        try FileManager.default.createDirectory(
            atPath: (copy as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        return copy
    }

    /// A folder of which the log has what was deleted, as after a discard that died at once.
    private func folderWithLog() async throws -> String {
        let store = try SQLiteStore(folder: temporaryFolder())
        let folder = store.queue.path.replacingOccurrences(of: "/hebb.sqlite", with: "")
        try await store.createSession(session("alice/default"), engram: nil)
        var entry = observed(1)
        entry.event.answer = Self.secret
        try await store.append(entry)
        try await store.queue.write { try $0.execute(sql: "DELETE FROM sessions") }
        let copy = try killed(folder)
        await store.close()
        #expect(try holds(Self.secret, folder: copy))
        return copy
    }

    @Test("What was deleted before a crash is in no file once the folder is open again")
    func foldsLog() async throws {
        let folder = try await folderWithLog()
        let store = try SQLiteStore(folder: folder)
        #expect(try !holds(Self.secret, folder: folder))
        await store.close()
    }

    /// Another program that reads a folder until its closure is called.
    private func reader(of folder: String) async throws -> () async throws -> Void {
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: folder + "/hebb.sqlite", configuration: configuration)
        try await other.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN; SELECT count(*) FROM sessions")
        }
        return {
            try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
            try other.close()
        }
    }

    @Test("A folder opens while another program reads it")
    func opensBesideReader() async throws {
        let folder = try await folderWithLog()
        let release = try await reader(of: folder)
        let store = try SQLiteStore(folder: folder, busyTimeoutSeconds: 0.05)
        #expect(try await store.sessionCount() == 0)
        #expect(try holds(Self.secret, folder: folder))
        try await release()
        try await store.erase()
        #expect(try !holds(Self.secret, folder: folder))
        await store.close()
    }

    @Test("A discard that could not fold its log does so when it is asked for again")
    func discardsAgain() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder, busyTimeoutSeconds: 0.05)
        try await store.createSession(session("alice/default"), engram: nil)
        var entry = observed(1)
        entry.event.answer = Self.secret
        try await store.append(entry)
        let release = try await reader(of: folder)
        try await store.discardSession(alice)
        #expect(try holds(Self.secret, folder: folder))
        try await release()
        await #expect(throws: StorageError.sessionNotFound(alice)) {
            try await store.discardSession(alice)
        }
        #expect(try !holds(Self.secret, folder: folder))
        await store.close()
    }

    @Test("A checkpoint's name that was written over is in no file")
    func describes() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        try await store.createSession(session("alice/default"), engram: nil)
        var entry = checkpointed("c1", number: 1, from: nil)
        entry.checkpoint?.record.name = String(decoding: Self.secret, as: UTF8.self)
        try await store.append(entry)
        #expect(try holds(Self.secret, folder: folder))
        _ = try await store.describeCheckpoint(
            CheckpointID(rawValue: "c1"), of: alice.user, name: "plain", note: nil)
        #expect(try !holds(Self.secret, folder: folder))
        await store.close()
    }

    @Test(
        "A migration that died before the file was written anew is finished at the next start",
        arguments: [4, 5])
    func finishesMigration(applied: Int) async throws {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        let migrator = SQLiteSchema.migrator
        try migrator.migrate(database, upTo: "3: feedback")
        try await database.writeWithoutTransaction { db in
            try db.execute(sql: "PRAGMA secure_delete = OFF; CREATE TABLE leftover (a TEXT)")
            try db.execute(
                sql: "INSERT INTO leftover VALUES (?)",
                arguments: [
                    String(repeating: String(decoding: Self.secret, as: UTF8.self), count: 9999)
                ])
            try db.execute(sql: "DROP TABLE leftover")
            try db.execute(sql: "INSERT INTO users VALUES ('alice', NULL, 1)")
        }
        try migrator.migrate(database, upTo: migrator.migrations[applied - 1])
        try database.close()
        #expect(try holds(Self.secret, folder: folder))
        let store = try SQLiteStore(folder: folder)
        #expect(try !holds(Self.secret, folder: folder))
        #expect(try await store.user(alice.user)?.created == 1)
        await store.close()
    }

    @Test("A wrong key is refused before anything is migrated")
    func wrongKey() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore.open(folder: folder, key: .random())
        await store.close()
        // As if the last migration were still to come: done again, it would fail.
        try await change(folder, "DELETE FROM grdb_migrations WHERE identifier LIKE '7:%'")
        #expect(throws: StorageError.keyWrong(path: folder)) {
            try SQLiteStore.open(folder: folder, key: .random())
        }
        #expect(throws: StorageError.keyMissing(path: folder)) { try SQLiteStore(folder: folder) }
    }

    private func change(_ folder: String, _ sql: String) async throws {
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        try await database.write { try $0.execute(sql: sql) }
        try database.close()
    }

    @Test(
        "An encrypted folder that lost what tells its key is damaged, not unencrypted",
        arguments: ["name = 'salt'", "name = 'check'", "true"])
    func lostProperties(condition: String) async throws {
        let folder = temporaryFolder()
        let key = DataKey.random()
        var store = try SQLiteStore.open(folder: folder, key: key)
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1))
        await store.close()
        let sound = try killed(folder)
        try await change(folder, "DELETE FROM properties WHERE \(condition)")
        for attempt in [key, DataKey.random(), nil] {
            do {
                _ = try SQLiteStore.open(folder: folder, key: attempt)
                Issue.record("opened")
            } catch StorageError.corrupt {}
        }
        #expect(try SQLiteStore.isEncrypted(folder: folder))
        store = try SQLiteStore.open(folder: sound, key: key)
        #expect(try await store.session(alice)?.sequence == 1)
        await store.close()
    }
}
