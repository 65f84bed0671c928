import Engrams
import Foundation
import GRDB
import Testing

@testable import EngramStorage

@Suite("A user who leaves") struct DepartureTests {
    /// A user with two sessions, events and checkpoints, one of these deleted.
    private func settle(_ user: String, in store: any EngramStore) async throws {
        let first = CheckpointID(rawValue: "\(user)-1")
        let record = session("\(user)/default")
        try await store.createSession(record, engram: [1, 2, 3, 4])
        try await store.append(observed(1, session: record, key: "key-\(user)", snapshot: true))
        try await store.append(
            checkpointed(first.rawValue, number: 2, from: nil, session: record))
        var third = checkpointed("\(user)-2", number: 3, from: first, session: record)
        third.event.engram = [9, 9]
        try await store.append(third)
        try await store.createSession(session("\(user)/work"), engram: nil)
        try await store.append(observed(1, session: session("\(user)/work")))
        let second = CheckpointID(rawValue: "\(user)-2")
        try await store.append(
            checkpointed("\(user)-3", number: 4, from: second, session: record))
        try await store.deleteCheckpoint(first, of: record.id.user)
    }

    @Test("takes everything along and leaves the others as they were", arguments: Driver.allCases)
    func leaves(driver: Driver) async throws {
        let store = try await driver.open()
        for user in ["alice", "bob", "zoe"] { try await settle(user, in: store) }
        let others = ["bob/default", "bob/work", "zoe/default", "zoe/work"].map { SessionID($0)! }
        var before: [Everything] = []
        for id in others { before.append(try await Everything(store, id)) }
        let deletion = try await store.deleteUser(alice.user)
        // Two checkpoints of 14 bytes each, a working state of 3; two lessons of 6 tokens with
        // their answers and payloads, an imported engram of 2.
        #expect(
            deletion
                == UserDeletion(
                    sessions: 2, checkpoints: 2, events: 5, values: 2 + 1 + (2 * 3 + 3 + 1),
                    bytes: 2 * 14 + 3 + 2 * (6 * 4 + 7 + 3) + 2))
        #expect(try await store.user(alice.user) == nil)
        #expect(try await store.history(of: alice.user).checkpoints.isEmpty)
        #expect(try await store.sessions(of: alice.user, after: nil, limit: 9).isEmpty)
        for name in ["alice/default", "alice/work"] {
            let gone = try await Everything(store, SessionID(name)!)
            #expect(gone.session == nil && gone.events.isEmpty && gone.snapshot == nil)
            #expect(gone.checkpoints.isEmpty)
        }
        for (index, id) in others.enumerated() {
            #expect(try await Everything(store, id) == before[index])
        }
        await #expect(throws: StorageError.userNotFound(alice.user)) {
            _ = try await store.deleteUser(alice.user)
        }
        // A new user who has the name begins at the beginning, with the old one's identifiers, and
        // may send the old one's keys, also such as were spent.
        try await settle("alice", in: store)
        try await store.discardSession(alice)
        #expect(try await store.isSpent(idempotencyKey: "key-alice", of: alice))
        _ = try await store.deleteUser(alice.user)
        #expect(try await !store.isSpent(idempotencyKey: "key-alice", of: alice))
        try await settle("alice", in: store)
        #expect(try await store.user(alice.user)?.checkpointsMade == 3)
        await store.close()
    }

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

    /// Users who come and learn in any order, with names of many lengths.
    private func crowd(seed: UInt64, in store: any EngramStore) async throws -> [UserID] {
        var generator = Splitmix(state: seed)
        let users = (0..<12).map { number in
            let length = Int.random(in: 0..<60, using: &generator)
            return UserID(rawValue: "quorvath\(number)\(String(repeating: "x", count: length))@a")!
        }
        var sequences: [SessionID: Int] = [:]
        for _ in 0..<400 {
            let user = users.randomElement(using: &generator)!
            let name = SessionName(rawValue: "s\(Int.random(in: 0..<3, using: &generator))")!
            let id = SessionID(user: user, name: name)
            if sequences[id] == nil {
                try await store.createSession(session(id.description), engram: [1])
            }
            let number = (sequences[id] ?? 0) + 1
            try await store.append(
                observed(
                    number, session: session(id.description), key: "\(user)-\(number)",
                    snapshot: true))
            sequences[id] = number
        }
        return users
    }

    /// Writes a text where no row is, in every page of the trees that has the room.
    /// - Returns: How often.
    private func plant(_ text: String, in folder: String) throws -> Int {
        let url = URL(fileURLWithPath: folder + "/hebb.sqlite")
        let data = [UInt8](try Data(contentsOf: url))
        let handle = try FileHandle(forWritingTo: url)
        var count = 0
        for start in stride(from: 0, to: data.count, by: 4096) {
            let bytes = Array(data[start..<start + 4096])
            guard let page = TreePage(bytes, isFirst: start == 0),
                page.unused.count > 2 * text.utf8.count
            else { continue }
            try handle.seek(toOffset: UInt64(start + page.unused.lowerBound + 1))
            try handle.write(contentsOf: Data(text.utf8))
            count += 1
        }
        try handle.close()
        return count
    }

    @Test(
        "leaves no name in any file, sealed or not, nor in what is written later",
        arguments: [UInt64(1), 2], [false, true])
    func noName(seed: UInt64, isSealed: Bool) async throws {
        let folder = temporaryFolder()
        let opened = try SQLiteStore.open(folder: folder, key: isSealed ? .random() : nil)
        let sealed = opened as? SealedStore
        #expect((sealed != nil) == isSealed)
        let store = try #require((sealed?.store ?? opened) as? SQLiteStore)
        let users = try await crowd(seed: seed, in: opened)
        let leaving = Array(users.prefix(6))
        for user in leaving { _ = try await store.deleteUser(user) }
        // SQLite leaves copies of names in few histories; here are some in every page that can have
        // one.
        try store.queue.inDatabase { try $0.emptyLog() }
        #expect(try plant("\(leaving[0])", in: folder) > 10)
        try await store.erase()
        for user in leaving { #expect(try !holds(Array("\(user)".utf8), folder: folder)) }
        // SQLite goes on from the pages as they are now.
        for user in users.suffix(6) {
            let record = session("\(user)/later")
            try await opened.createSession(record, engram: nil)
            for number in 1..<20 { try await opened.append(observed(number, session: record)) }
        }
        for user in leaving { #expect(try !holds(Array("\(user)".utf8), folder: folder)) }
        let check = try store.queue.inDatabase {
            try String.fetchAll($0, sql: "PRAGMA integrity_check")
        }
        #expect(check == ["ok"])
        for user in users.suffix(6) {
            #expect(try await opened.sessions(of: user, after: nil, limit: 9).count > 1)
            #expect(try holds(Array("\(user)".utf8), folder: folder))
        }
        await store.close()
    }

    @Test("A server that dies before it has erased does it at its next start")
    func nextStart() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        let users = try await crowd(seed: 1, in: store)
        for user in users.prefix(6) { _ = try await store.deleteUser(user) }
        let copy = temporaryFolder()
        try FileManager.default.createDirectory(
            atPath: copy, withIntermediateDirectories: true)
        for name in ["hebb.sqlite", "hebb.sqlite-wal"] {
            try FileManager.default.copyItem(
                atPath: folder + "/" + name, toPath: copy + "/" + name)
        }
        await store.close()
        #expect(try SQLiteStore.inspect(folder: copy, key: nil)?.owesErasure == true)
        let next = try SQLiteStore(folder: copy)
        for user in users.prefix(6) { #expect(try !holds(Array("\(user)".utf8), folder: copy)) }
        await next.close()
        #expect(try SQLiteStore.inspect(folder: copy, key: nil)?.owesErasure == false)
    }

    @Test("A page that is none of a tree is told, and every cell of one is known")
    func pages() throws {
        var page = [UInt8](repeating: 0, count: 4096)
        #expect(TreePage(page, isFirst: false) == nil)
        page[0] = 13
        page[5] = 0x10
        let empty = try #require(TreePage(page, isFirst: false))
        #expect(empty.unused == 8..<4096 && empty.children.isEmpty)
        // Cells that begin before their index ends; content beyond the page.
        (page[3], page[4]) = (0x10, 0)
        #expect(TreePage(page, isFirst: false) == nil)
        (page[3], page[4], page[5], page[6]) = (0, 1, 0x10, 1)
        #expect(TreePage(page, isFirst: false) == nil)
        // An inner page with one cell at 4,000 whose left page is 7, and 9 at its right.
        (page[0], page[5], page[6], page[11]) = (5, 0x0f, 0xa0, 9)
        (page[12], page[13], page[4003]) = (0x0f, 0xa0, 7)
        let inner = try #require(TreePage(page, isFirst: false))
        #expect(inner.children == [7, 9] && inner.unused == 14..<4000)
        (page[12], page[13]) = (0x0f, 0xfe)
        #expect(TreePage(page, isFirst: false) == nil)
    }
}
