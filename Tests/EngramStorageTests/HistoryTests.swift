import EngramStorage
import Engrams
import Testing

@Suite("A user's past in the store") struct HistoryTests {
    private let side = SessionID("alice/side")!

    private func forgetting(_ number: Int, in session: SessionID = alice) -> JournalEntry {
        var entry = observed(
            number, session: EngramStorageTests.session(session.description), snapshot: true)
        entry.event.id = EventID(rawValue: "\(session)#forget\(number)")
        entry.event.kind = .forget
        entry.event.tokens = []
        return entry
    }

    @Test(
        "A rewrite takes an event's content away and changes the rest together",
        arguments: Driver.allCases)
    func rewrites(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.createSession(session("alice/side"), engram: nil)
        try await store.append(observed(1, key: "k"))
        try await store.append(observed(2, key: "l"))
        try await store.append(checkpointed("ckpt-1", number: 3, from: nil))
        let first = try await store.events(of: alice, after: 0, limit: 2)
        var made = try #require(
            try await store.checkpoint(CheckpointID(rawValue: "ckpt-1"), of: alice.user))
        made.hash = "other"
        made.superseded = nil
        made.tokensLearned = 1
        let entries = [forgetting(4), forgetting(1, in: side)]
        try await store.rewrite(
            HistoryRewrite(
                forgotten: first[0].id, forgottenBy: entries[0].event.id,
                events: [.init(id: first[1].id, tokenCount: 2, payload: [7])],
                checkpoints: [.init(record: made, engram: [9])], entries: entries))
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(
            events[0]
                == EventRecord(
                    id: first[0].id, session: alice, sequence: 1, kind: .observe,
                    forgottenBy: entries[0].event.id, created: first[0].created))
        var revised = first[1]
        revised.tokenCount = 2
        revised.payload = [7]
        #expect(events[1] == revised)
        #expect(events[3] == entries[0].event)
        #expect(try await store.event(first[0].id, of: alice) == events[0])
        #expect(try await store.event(first[0].id, of: side) == nil)
        #expect(try await store.event(of: alice, idempotencyKey: "k") == nil)
        #expect(try await store.isSpent(idempotencyKey: "k", of: alice))
        #expect(try await !store.isSpent(idempotencyKey: "l", of: alice))
        #expect(try await !store.isSpent(idempotencyKey: "k", of: side))
        #expect(try await store.checkpoint(made.id, of: alice.user) == made)
        #expect(try await store.engram(of: made.id, of: alice.user) == [9])
        #expect(try await store.session(side)?.sequence == 1)
        let stored = try #require(try await store.stored(alice))
        #expect(stored.snapshot == entries[0].snapshot)
        #expect(stored.record == (try await store.session(alice)))
        #expect(stored.events.isEmpty)
        try await store.erase()
        await store.close()
    }

    @Test("Of a deleted checkpoint a rewrite changes the origin alone", arguments: Driver.allCases)
    func rewritesDeleted(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(observed(1))
        let first = CheckpointID(rawValue: "ckpt-1")
        try await store.append(checkpointed("ckpt-1", number: 2, from: nil))
        try await store.append(checkpointed("ckpt-2", number: 3, from: first))
        try await store.deleteCheckpoint(first, of: alice.user)
        var expected = try await store.history(of: alice.user).checkpoints
        var record = expected[0].record
        record.base = CheckpointID(rawValue: "ckpt-0")
        record.superseded = CheckpointID(rawValue: "ckpt-00")
        expected[0].record = record
        record.hash = "other"
        let event = try await store.events(of: alice, after: 0, limit: 1)[0].id
        var entry = forgetting(4)
        entry.session.base = CheckpointID(rawValue: "ckpt-2")
        try await store.rewrite(
            HistoryRewrite(
                forgotten: event, forgottenBy: entry.event.id, events: [],
                checkpoints: [.init(record: record, engram: [9])], entries: [entry]))
        #expect(try await store.history(of: alice.user).checkpoints == expected)
        #expect(try await store.engram(of: first, of: alice.user) == nil)
        await store.close()
    }

    @Test("A refused rewrite changes nothing", arguments: Driver.allCases)
    func atomic(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.createSession(session("alice/side"), engram: nil)
        try await store.append(observed(1))
        try await store.append(checkpointed("ckpt-1", number: 2, from: nil))
        let before = try await Everything(store)
        let made = try #require(before.checkpoints.first)
        let good = HistoryRewrite(
            forgotten: before.events[0].id, forgottenBy: EventID(rawValue: "f"), events: [],
            checkpoints: [.init(record: made, engram: [9])], entries: [forgetting(3)])
        var gap = good
        gap.entries.append(forgetting(2, in: side))
        var noEvent = good
        noEvent.forgotten = EventID(rawValue: "none")
        var noRevision = good
        noRevision.events = [.init(id: EventID(rawValue: "none"), tokenCount: 0, payload: nil)]
        var noCheckpoint = good
        noCheckpoint.checkpoints[0].record.id = CheckpointID(rawValue: "none")
        for (rewrite, error) in [
            (gap, StorageError.sequenceGap(expected: 1, found: 2)),
            (noEvent, .eventNotFound(EventID(rawValue: "none"))),
            (noRevision, .eventNotFound(EventID(rawValue: "none"))),
            (noCheckpoint, .checkpointNotFound(CheckpointID(rawValue: "none"))),
        ] {
            await #expect(throws: error) { try await store.rewrite(rewrite) }
            #expect(try await Everything(store) == before)
        }
        try await store.rewrite(good)
        await store.close()
    }

    @Test(
        "A deleted checkpoint stays in the history and nowhere else", arguments: Driver.allCases)
    func deleted(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/default"), engram: nil)
        try await store.append(checkpointed("ckpt-1", number: 1, from: nil))
        let first = CheckpointID(rawValue: "ckpt-1")
        try await store.append(checkpointed("ckpt-2", number: 2, from: first))
        try await store.deleteCheckpoint(first, of: alice.user)
        #expect(try await store.checkpoint(first, of: alice.user) == nil)
        #expect(try await store.engram(of: first, of: alice.user) == nil)
        let listed = try await store.checkpoints(of: alice.user, after: first, limit: 9)
        #expect(listed.map(\.id.rawValue) == ["ckpt-2"])
        let history = try await store.history(of: alice.user)
        #expect(history.checkpoints.map(\.isDeleted) == [true, false])
        #expect(history.checkpoints.map(\.record.sequence) == [1, 2])
        #expect(history.checkpoints[0].record.name == nil)
        #expect(try await store.user(alice.user)?.checkpointsMade == 2)
        await #expect(throws: StorageError.checkpointNotFound(first)) {
            try await store.deleteCheckpoint(first, of: alice.user)
        }
        await #expect(throws: StorageError.checkpointNotFound(first)) {
            try await store.createSession(session("alice/new", base: first), engram: nil)
        }
        // Its number is never given again.
        await #expect(throws: StorageError.checkpointExists(first)) {
            try await store.append(
                checkpointed("ckpt-1", number: 3, from: CheckpointID(rawValue: "ckpt-2")))
        }
        await store.close()
    }

    @Test(
        "The history outlines every event, and forgets the journal of who has been discarded",
        arguments: Driver.allCases)
    func history(driver: Driver) async throws {
        let store = try await driver.open()
        try await store.createSession(session("alice/side"), engram: nil)
        try await store.createSession(session("alice/default"), engram: [1])
        try await store.createSession(session("bob/default"), engram: nil)
        try await store.append(observed(1))
        var merge = observed(2)
        merge.event.kind = .merge
        merge.event.tokens = []
        try await store.append(merge)
        try await store.append(checkpointed("ckpt-1", number: 3, from: nil))
        var history = try await store.history(of: alice.user)
        #expect(history.sessions.map(\.record.id) == [alice, side])
        #expect(history.sessions.map(\.snapshotSequence) == [3, nil])
        let events = history.sessions[0].events
        #expect(events.map(\.kind) == [.observe, .merge, .checkpoint])
        #expect(events.allSatisfy { $0.keepsContent })
        #expect(events.map(\.tokenCount) == [6, 6, 0])
        #expect(events[2].target?.rawValue == "ckpt-1")
        #expect(events[0].payload == [0, 255, 1])
        #expect(!history.checkpoints[0].hasUnknownSources)
        try await store.discardSession(alice)
        try await store.createSession(session("alice/default"), engram: nil)
        history = try await store.history(of: alice.user)
        #expect(history.sessions[0].events.isEmpty)
        #expect(history.checkpoints[0].record.sequence == nil)
        #expect(history.checkpoints[0].hasUnknownSources)
        #expect(try await store.stored(SessionID("alice/none")!) == nil)
        await store.close()
    }
}
