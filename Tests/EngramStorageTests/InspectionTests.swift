import Engrams
import Foundation
import GRDB
import Testing

@testable import EngramStorage

@Suite("A folder is inspected without a change") struct InspectionTests {
    /// All of a folder but the log's index, which SQLite makes anew.
    private func files(_ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            files[name] = name.hasSuffix("-shm") ? Data() : data
        }
        return files
    }

    private func filled(_ folder: String, key: DataKey?) async throws -> any EngramStore {
        let store = try SQLiteStore.open(folder: folder, key: key, busyTimeoutSeconds: 0.05)
        try await store.createSession(session("alice/default"), engram: [1])
        try await store.append(observed(1))
        return store
    }

    private static let overview = StoreOverview(
        sessions: 1, learningEvents: 1, eventsWithContent: 1)

    @Test("One that was closed, and one whose server was killed", arguments: [false, true])
    func unchanged(isEncrypted: Bool) async throws {
        let (folder, copy) = (temporaryFolder(), temporaryFolder())
        let key = isEncrypted ? DataKey.random() : nil
        let store = try await filled(folder, key: key)
        try FileManager.default.createDirectory(
            atPath: (copy as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        #expect(throws: StorageError.self) { try SQLiteStore.inspect(folder: folder, key: key) }
        await store.close()
        for place in [folder, copy] {
            let before = try files(place)
            let found = try SQLiteStore.inspect(folder: place, key: key)
            #expect(
                found
                    == FolderInspection(
                        overview: Self.overview, isEncrypted: isEncrypted, isOutdated: false,
                        owesErasure: false))
            if isEncrypted {
                #expect(throws: StorageError.keyMissing(path: place)) {
                    try SQLiteStore.inspect(folder: place, key: nil)
                }
                #expect(throws: StorageError.keyWrong(path: place)) {
                    try SQLiteStore.inspect(folder: place, key: .random())
                }
            }
            #expect(try SQLiteStore.isEncrypted(folder: place) == isEncrypted)
            #expect(try files(place) == before)
        }
        #expect(try files(copy)["hebb.sqlite-wal"]?.isEmpty == false)
    }

    @Test("What may be left in a log that another program reads is told, and no reason not to open")
    func readLog() async throws {
        let folder = temporaryFolder()
        let store = try await filled(folder, key: nil)
        var configuration = Configuration()
        configuration.allowsUnsafeTransactions = true
        let other = try DatabaseQueue(path: folder + "/hebb.sqlite", configuration: configuration)
        try await other.writeWithoutTransaction { db in
            try db.execute(sql: "BEGIN; SELECT count(*) FROM sessions")
        }
        // What the reader sees keeps the log, whoever closes it.
        await store.close()
        let again = try SQLiteStore(folder: folder, busyTimeoutSeconds: 0.05)
        await #expect(throws: StorageError.busy) { try await again.erase() }
        #expect(try await again.sessionCount() == 1)
        try await other.writeWithoutTransaction { try $0.execute(sql: "COMMIT") }
        try other.close()
        try await again.erase()
        await again.close()
    }

    @Test("One of an earlier version, of which it says so", arguments: [1, 3, 5, 6])
    func outdated(version: Int) async throws {
        let folder = temporaryFolder()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let database = try DatabaseQueue(path: folder + "/hebb.sqlite")
        let migrator = SQLiteSchema.migrator
        try migrator.migrate(database, upTo: migrator.migrations[version - 1])
        try database.close()
        let before = try files(folder)
        let found = try #require(try SQLiteStore.inspect(folder: folder, key: .random()))
        #expect(found.isOutdated && !found.isEncrypted && found.overview.sessions == 0)
        #expect(try files(folder) == before)
    }

    @Test("One that is not there is not made, and one that is damaged is refused")
    func nothing() throws {
        let folder = temporaryFolder()
        #expect(try SQLiteStore.inspect(folder: folder, key: nil) == nil)
        #expect(!FileManager.default.fileExists(atPath: folder))
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(repeating: 65, count: 8192)
            .write(to: URL(fileURLWithPath: folder + "/hebb.sqlite"))
        #expect(throws: StorageError.corrupt(code: 26)) {
            try SQLiteStore.inspect(folder: folder, key: nil)
        }
    }
}
