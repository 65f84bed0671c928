import EngramStorage
import Engrams
import Foundation
import Testing

@Suite("Access keys, in every driver") struct AccessKeyTests {
    private func key(_ id: String, user: String = "alice", created: Double = 1) -> AccessKeyRecord {
        AccessKeyRecord(
            id: id, user: UserID(rawValue: user)!, digest: "digest of \(id)",
            settings: Array("settings of \(id)".utf8), created: created)
    }

    @Test(
        "Keys come back as they were written, in the order they were made",
        arguments: Driver.allCases)
    func roundTrip(driver: Driver) async throws {
        let store = try await driver.open()
        #expect(try await store.accessKeys() == [])
        var late = key("a", user: "ada@x.org", created: 2.5)
        late.settings = (0...255).map { UInt8($0) }
        late.usage = [0, 255]
        late.lastUsed = 3.25
        for record in [late, key("c"), key("b")] { try await store.addAccessKey(record) }
        #expect(try await store.accessKeys() == [key("b"), key("c"), late])
        await store.close()
    }

    @Test(
        "An id is taken once; what is not there is neither changed nor deleted",
        arguments: Driver.allCases)
    func refusals(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.addAccessKey(key("a"))
        await #expect(throws: StorageError.accessKeyExists("a")) {
            try await store.addAccessKey(key("a", user: "bob"))
        }
        await #expect(throws: StorageError.accessKeyNotFound("b")) {
            try await store.changeAccessKey("b", of: alice.user, settings: [1])
        }
        await #expect(throws: StorageError.accessKeyNotFound("b")) {
            try await store.deleteAccessKey("b", of: alice.user)
        }
        var unstorable = key("d")
        unstorable.digest = "a\u{0}b"
        await #expect(throws: StorageError.unstorable(place: "accessKeys.digest")) {
            try await store.addAccessKey(unstorable)
        }
        #expect(try await store.accessKeys() == [key("a")])
        await store.close()
    }

    @Test(
        "Settings and use are written apart; use of a key that is gone is passed over",
        arguments: Driver.allCases)
    func changes(driver: Driver) async throws {
        let store = try await driver.open()
        for id in ["a", "b"] { try await store.addAccessKey(key(id)) }
        try await store.changeAccessKey("a", of: alice.user, settings: [7])
        try await store.noteUse(of: [
            AccessKeyUse(id: "gone", of: alice.user, lastUsed: 9, usage: []),
            AccessKeyUse(id: "a", of: alice.user, lastUsed: 8.5, usage: [1, 2]),
        ])
        var changed = key("a")
        changed.settings = [7]
        changed.lastUsed = 8.5
        changed.usage = [1, 2]
        #expect(try await store.accessKeys() == [changed, key("b")])
        await #expect(throws: StorageError.unstorable(place: "accessKeys.lastUsed")) {
            try await store.noteUse(of: [
                AccessKeyUse(id: "b", of: alice.user, lastUsed: 3, usage: []),
                AccessKeyUse(id: "a", of: alice.user, lastUsed: .nan, usage: []),
            ])
        }
        #expect(try await store.accessKeys() == [changed, key("b")])
        try await store.deleteAccessKey("a", of: alice.user)
        #expect(try await store.accessKeys() == [key("b")])
        await store.close()
    }

    @Test(
        "Who leaves takes their keys along, also one who never had a session",
        arguments: Driver.allCases)
    func departure(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        for (id, user) in [("a", "alice"), ("b", "bob"), ("c", "alice")] {
            try await store.addAccessKey(key(id, user: user))
        }
        _ = try await store.deleteUser(alice.user)
        #expect(try await store.accessKeys() == [key("b", user: "bob")])
        let none = UserDeletion(
            sessions: 0, checkpoints: 0, events: 0, values: 0, bytes: 0)
        #expect(try await store.deleteUser(UserID(rawValue: "bob")!) == none)
        #expect(try await store.accessKeys() == [])
        await #expect(throws: StorageError.userNotFound(UserID(rawValue: "bob")!)) {
            _ = try await store.deleteUser(UserID(rawValue: "bob")!)
        }
        await store.close()
    }

    @Test("Keys outlive their process, and the name of one whose user left is in no file")
    func durability() async throws {
        let folder = temporaryFolder()
        var store = try SQLiteStore(folder: folder)
        try await store.addAccessKey(key("a", user: "somebody-who-leaves"))
        try await store.addAccessKey(key("b"))
        await store.close()
        store = try SQLiteStore(folder: folder)
        #expect(try await store.accessKeys().map(\.id) == ["a", "b"])
        #expect(try holds(Array("somebody-who-leaves".utf8), folder: folder))
        _ = try await store.deleteUser(UserID(rawValue: "somebody-who-leaves")!)
        try await store.erase()
        #expect(try !holds(Array("somebody-who-leaves".utf8), folder: folder))
        await store.close()
    }
}
