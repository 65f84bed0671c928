import EngramStorage
import Engrams
import Testing

@Suite("A store's checkpoints, as people describe them and as they are pruned")
struct CheckpointNoteTests {
    private func store(_ driver: Driver, automatic: [Bool]) async throws -> any EngramStore {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        var head: CheckpointID?
        for (index, isAutomatic) in automatic.enumerated() {
            var entry = checkpointed("c\(index + 1)", number: index + 1, from: head)
            entry.checkpoint?.record.isAutomatic = isAutomatic
            if isAutomatic { entry.checkpoint?.record.name = nil }
            try await store.append(entry)
            head = entry.event.target
        }
        return store
    }

    private func ids(_ store: any EngramStore) async throws -> [String] {
        try await store.checkpoints(of: alice.user, after: nil, limit: 99).map(\.id.rawValue)
    }

    @Test("A name and a note are written, left alone and removed", arguments: Driver.allCases)
    func describes(driver: Driver) async throws {
        let store = try await store(driver, automatic: [false, true])
        let id = CheckpointID(rawValue: "c1")
        let before = try #require(try await store.checkpoint(id, of: alice.user))
        #expect(!before.isAutomatic && before.note == nil)
        var expected = before
        expected.note = "ünïcode\n'; DROP TABLE"
        #expect(
            try await store.describeCheckpoint(
                id, of: alice.user, name: nil, note: expected.note) == expected)
        expected.name = "other"
        _ = try await store.describeCheckpoint(id, of: alice.user, name: "other", note: nil)
        #expect(try await store.checkpoint(id, of: alice.user) == expected)
        expected.note = nil
        _ = try await store.describeCheckpoint(id, of: alice.user, name: nil, note: "")
        #expect(try await store.checkpoint(id, of: alice.user) == expected)
        #expect(try await store.checkpoint(.init(rawValue: "c2"), of: alice.user)?.note == nil)
        let unknown = CheckpointID(rawValue: "c9")
        await #expect(throws: StorageError.checkpointNotFound(unknown)) {
            _ = try await store.describeCheckpoint(unknown, of: alice.user, name: "x", note: nil)
        }
        await store.close()
    }

    @Test(
        "Pruning takes the oldest automatic ones that nobody described and nothing stands on",
        arguments: Driver.allCases)
    func prunes(driver: Driver) async throws {
        let store = try await store(driver, automatic: [true, true, false, true, true, true])
        _ = try await store.describeCheckpoint(
            .init(rawValue: "c2"), of: alice.user, name: nil, note: "mine")
        try await store.createSession(
            session("alice/work", base: .init(rawValue: "c4")), engram: nil)
        // c6 is the newest and the head; c4 is somebody's base; c2 has a note; c3 was asked for.
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 1) == 2)
        #expect(try await ids(store) == ["c2", "c3", "c4", "c6"])
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 1) == 0)
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 0) == 0)
        #expect(try await store.pruneCheckpoints(of: UserID(rawValue: "bob")!, keeping: 0) == 0)
        #expect(try await ids(store) == ["c2", "c3", "c4", "c6"])
        await store.close()
    }

    @Test(
        "Pruning leaves the one from which alone later events can be done again",
        arguments: Driver.allCases)
    func anchors(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        var head: CheckpointID?
        // Events 1 and 3 have no content; c2, c4, c6 and c8 stand between the others.
        for number in stride(from: 1, through: 7, by: 2) {
            try await learn(number, in: store, from: &head) { $0.keepsContent = number > 3 }
        }
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 0) == 2)
        #expect(try await ids(store) == ["c4", "c8"])
        // Without its session nothing before a checkpoint is on record.
        try await store.discardSession(alice)
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 0) == 0)
        #expect(try await ids(store) == ["c4", "c8"])
        await store.close()
    }

    @Test(
        "Pruning leaves one after each event that may be impossible to do again",
        arguments: Driver.allCases)
    func everyAnchor(driver: Driver) async throws {
        var store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        var head: CheckpointID?
        for number in stride(from: 1, through: 11, by: 2) {
            try await learn(number, in: store, from: &head) {
                if number % 4 == 3, number < 11 { $0.kind = .merge }
            }
        }
        // Events 3 and 7 merged; c12 is the head.
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 0) == 3)
        #expect(try await ids(store) == ["c4", "c8", "c12"])
        await store.close()

        store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        head = nil
        for number in stride(from: 1, through: 13, by: 2) {
            try await learn(number, in: store, from: &head) {
                $0.keepsContent = ![1, 5, 7].contains(number)
            }
        }
        // Between events 5 and 7 nothing could be rebuilt.
        #expect(try await store.pruneCheckpoints(of: alice.user, keeping: 0) == 4)
        #expect(try await ids(store) == ["c2", "c8", "c14"])
        await store.close()
    }

    /// An event, changed as asked, and an automatic checkpoint after it.
    private func learn(
        _ number: Int, in store: any EngramStore, from head: inout CheckpointID?,
        _ change: (inout EventRecord) -> Void
    ) async throws {
        var event = observed(number)
        event.session.base = head
        change(&event.event)
        try await store.append(event)
        var entry = checkpointed("c\(number + 1)", number: number + 1, from: head)
        entry.checkpoint?.record.isAutomatic = true
        entry.checkpoint?.record.name = nil
        try await store.append(entry)
        head = entry.event.target
    }
}
