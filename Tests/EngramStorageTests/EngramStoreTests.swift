import EngramStorage
import Engrams
import Foundation
import Testing

@Suite struct EngramStoreTests {
    @Test("An event comes back as it was written, bit for bit", arguments: Driver.allCases)
    func roundTrip(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        let entry = observed(1, key: "k", snapshot: true)
        try await store.append(entry)
        var imported = observed(2)
        imported.event.kind = .import
        imported.event.engram = (0...255).map { UInt8($0) }
        imported.event.reward = nil
        imported.event.answer = nil
        imported.event.tokens = []
        try await store.append(imported)

        let all = try await Everything(store)
        #expect(all.events == [entry.event, imported.event])
        #expect(all.session == imported.session)
        #expect(all.snapshot == entry.snapshot)
        #expect(all.user == UserRecord(id: alice.user, head: nil, created: 1))
        #expect(try await store.event(of: alice, idempotencyKey: "k") == entry.event)
        #expect(try await store.event(of: alice, idempotencyKey: "K") == nil)
        await store.close()
    }

    @Test("A session's events are numbered without gap or repetition", arguments: Driver.allCases)
    func gapFree(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1))
        for number in [0, 1, 3] {
            await #expect(throws: StorageError.sequenceGap(expected: 2, found: number)) {
                try await store.append(observed(number))
            }
        }
        try await store.append(observed(2))
        #expect(try await store.events(of: alice, after: 0, limit: 9).map(\.sequence) == [1, 2])
        #expect(try await store.events(of: alice, after: 1, limit: 9).map(\.sequence) == [2])
        #expect(try await store.events(of: alice, after: 0, limit: 1).map(\.sequence) == [1])
        await store.close()
    }

    @Test("An idempotency key is unique within its session only", arguments: Driver.allCases)
    func idempotencyKeys(driver: Driver) async throws {
        let store = try await driver.open()
        let other = session("alice/work")
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.createSession(other, engram: nil)
        let first = observed(1, key: "k")
        try await store.append(first)
        await #expect(throws: StorageError.idempotencyKeyExists(first.event.id)) {
            try await store.append(observed(2, key: "k"))
        }
        try await store.append(observed(1, session: other, key: "k"))
        try await store.append(observed(2))
        try await store.append(observed(3))
        await store.close()
    }

    @Test("A refused transaction changes nothing", arguments: Driver.allCases)
    func atomicity(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1, key: "k", snapshot: true))
        try await store.append(checkpointed("c1", number: 2, from: nil))
        let before = try await Everything(store)
        let c1 = CheckpointID(rawValue: "c1")

        // The head is checked after the checkpoint's row has been written.
        await #expect(throws: StorageError.headMoved(expected: nil, found: c1)) {
            try await store.append(checkpointed("c2", number: 3, from: nil))
        }
        await #expect(throws: StorageError.checkpointExists(c1)) {
            try await store.append(checkpointed("c1", number: 3, from: c1))
        }
        // The base is checked after the head has been moved.
        var lost = checkpointed("c2", number: 3, from: c1)
        lost.session.base = CheckpointID(rawValue: "gone")
        await #expect(throws: StorageError.checkpointNotFound(CheckpointID(rawValue: "gone"))) {
            try await store.append(lost)
        }
        var repeated = observed(3)
        repeated.event.id = before.events[0].id
        await #expect(throws: StorageError.eventExists(repeated.event.id)) {
            try await store.append(repeated)
        }
        await #expect(throws: StorageError.sessionNotFound(SessionID("bob/default")!)) {
            try await store.append(observed(1, session: session("bob/default")))
        }
        #expect(try await Everything(store) == before)
        await store.close()
    }

    @Test("A checkpoint and the head it becomes are written together", arguments: Driver.allCases)
    func checkpoints(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        let first = checkpointed("c1", number: 1, from: nil)
        let second = checkpointed("c2", number: 2, from: first.checkpoint!.record.id)
        try await store.append(first)
        try await store.append(second)
        let (c1, c2) = (first.checkpoint!.record, second.checkpoint!.record)
        #expect(try await store.user(alice.user)?.head == c2.id)
        #expect(try await store.checkpoint(c1.id, of: alice.user) == c1)
        #expect(try await store.engram(of: c1.id, of: alice.user) == first.checkpoint!.engram)
        #expect(try await store.checkpoints(of: alice.user, after: nil, limit: 9) == [c1, c2])
        #expect(try await store.checkpoints(of: alice.user, after: c1.id, limit: 9) == [c2])
        #expect(try await store.checkpoints(of: alice.user, after: nil, limit: 1) == [c1])

        let bob = UserID(rawValue: "bob")!
        #expect(try await store.checkpoint(c1.id, of: bob) == nil)
        #expect(try await store.engram(of: c1.id, of: bob) == nil)
        #expect(try await store.checkpoints(of: bob, after: nil, limit: 9).isEmpty)
        await #expect(throws: StorageError.checkpointNotFound(c1.id)) {
            try await store.checkpoints(of: bob, after: c1.id, limit: 9)
        }
        await #expect(throws: StorageError.checkpointNotFound(c1.id)) {
            try await store.deleteCheckpoint(c1.id, of: bob)
        }
        await store.close()
    }

    @Test("A checkpoint that a head or a session stands on stays", arguments: Driver.allCases)
    func checkpointsInUse(driver: Driver) async throws {
        let store = try await driver.open()
        let c1 = CheckpointID(rawValue: "c1")
        let c2 = CheckpointID(rawValue: "c2")
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(checkpointed("c1", number: 1, from: nil))
        try await store.createSession(session("alice/old", base: c1), engram: nil)
        try await store.append(checkpointed("c2", number: 2, from: c1))
        for id in [c1, c2] {
            await #expect(throws: StorageError.checkpointInUse(id)) {
                try await store.deleteCheckpoint(id, of: alice.user)
            }
        }
        // Nor may one go that a session's next checkpoint is to replace.
        var entry = observed(1, session: session("alice/old", base: c1))
        entry.session.superseded = CheckpointID(rawValue: "c0")
        await #expect(throws: StorageError.checkpointNotFound(CheckpointID(rawValue: "c0"))) {
            try await store.append(entry)
        }
        (entry.session.base, entry.session.superseded) = (nil, c1)
        try await store.append(entry)
        #expect(try await store.session(entry.session.id)?.superseded == c1)
        await #expect(throws: StorageError.checkpointInUse(c1)) {
            try await store.deleteCheckpoint(c1, of: alice.user)
        }
        try await store.discardSession(SessionID("alice/old")!)
        try await store.deleteCheckpoint(c1, of: alice.user)
        #expect(try await store.engram(of: c1, of: alice.user) == nil)
        // Its child still names it as its parent.
        #expect(try await store.checkpoint(c2, of: alice.user)?.parent == c1)
        await #expect(throws: StorageError.checkpointNotFound(c1)) {
            try await store.createSession(session("alice/new", base: c1), engram: nil)
        }
        await store.close()
    }

    @Test(
        "A discarded session leaves nothing but its user's checkpoints",
        arguments: Driver.allCases)
    func discard(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1, key: "k", snapshot: true))
        try await store.append(checkpointed("c1", number: 2, from: nil))
        try await store.discardSession(alice)
        let left = try await Everything(store)
        #expect(left.session == nil)
        #expect(left.events.isEmpty)
        #expect(left.snapshot == nil)
        #expect(left.checkpoints.map(\.id.rawValue) == ["c1"])
        #expect(left.user?.head?.rawValue == "c1")
        await #expect(throws: StorageError.sessionNotFound(alice)) {
            try await store.discardSession(alice)
        }
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1, key: "k"))
        await store.close()
    }

    @Test("Sessions are listed in order, page after page", arguments: Driver.allCases)
    func paging(driver: Driver) async throws {
        let store = try await driver.open()
        for name in ["bob/b", "alice/z", "bob/a", "alice/default", "Zoe/default"] {
            try await store.createSession(session(name), engram: nil)
        }
        await #expect(throws: StorageError.sessionExists(SessionID("bob/a")!)) {
            try await store.createSession(session("bob/a"), engram: nil)
        }
        func page(_ user: String?, after: String?, limit: Int) async throws -> [String] {
            try await store.sessions(
                of: user.flatMap(UserID.init(rawValue:)), after: after.flatMap { SessionID($0) },
                limit: limit
            ).map(\.id.description)
        }
        #expect(
            try await page(nil, after: nil, limit: 9)
                == ["Zoe/default", "alice/default", "alice/z", "bob/a", "bob/b"])
        #expect(
            try await page(nil, after: "alice/default", limit: 2) == ["alice/z", "bob/a"])
        #expect(try await page("bob", after: nil, limit: 1) == ["bob/a"])
        #expect(try await page("bob", after: "bob/a", limit: 9) == ["bob/b"])
        #expect(try await page("nobody", after: nil, limit: 9).isEmpty)
        #expect(try await store.sessionCount() == 5)
        await store.close()
    }

    @Test("An older snapshot never replaces a later one", arguments: Driver.allCases)
    func snapshots(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        for number in 1...3 { try await store.append(observed(number)) }
        try await store.keep(SnapshotRecord(sequence: 2, engram: [2]), of: alice)
        try await store.keep(SnapshotRecord(sequence: 1, engram: [1]), of: alice)
        #expect(try await store.snapshot(of: alice) == SnapshotRecord(sequence: 2, engram: [2]))
        await #expect(throws: StorageError.sequenceGap(expected: 3, found: 4)) {
            try await store.keep(SnapshotRecord(sequence: 4, engram: [4]), of: alice)
        }
        try await store.keep(
            SnapshotRecord(sequence: 1, engram: [1]), of: SessionID("bob/default")!)
        await store.close()
    }

    @Test("Of two writers of one number exactly one succeeds", arguments: Driver.allCases)
    func concurrentWriters(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        let successes = await withTaskGroup(of: Bool.self) { group in
            for writer in 0..<16 {
                group.addTask {
                    var entry = observed(1)
                    entry.event.id = EventID(rawValue: "w\(writer)")
                    return (try? await store.append(entry)) != nil
                }
            }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        #expect(successes == 1)
        await store.close()
    }

    @Test("A cancelled task still gets the true outcome of its write", arguments: Driver.allCases)
    func cancellation(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            try await store.append(observed(1))
        }
        try await task.value
        #expect(try await store.session(alice)?.sequence == 1)
        await store.close()
    }

    @Test("A closed store refuses every call", arguments: Driver.allCases)
    func closed(driver: Driver) async throws {
        let store = try await driver.open()
        await store.close()
        await store.close()
        await #expect(throws: StorageError.closed) { try await store.session(alice) }
        await #expect(throws: StorageError.closed) {
            try await store.createSession(session("alice/default"), engram: nil)
        }
    }
}
