import EngramStorage
import Engrams
import Foundation
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

@Suite struct RecoveryTests {
    /// Every kind of event that changes an engram.
    /// - Returns: The working state after each.
    @discardableResult
    private func live(_ scheduler: Scheduler) async throws -> [[UInt8]] {
        var states: [[UInt8]] = []
        func note() async throws { states.append(try await scheduler.workingState(alice)) }
        try await scheduler.observe(alice, lesson)
        try await note()
        let file = try await scheduler.exportDelta(alice, scope: .total).file
        let first = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        try await note()
        _ = try await Collected(try await scheduler.complete(alice, completion(learn: .both)))
        try await note()
        _ = try await scheduler.observe(
            alice, ObserveRequest(content: .text("The rain. The rain."), reward: -0.5))
        try await note()
        try await scheduler.answer(alice, "cmpl-1", count: 2)
        for rewards in [[1], [0.5], [1, -1]] {
            try await scheduler.feedback(alice, "cmpl-1", rewards)
            try await note()
        }
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await note()
        try await scheduler.observe(alice, "The river ran on and on and on.")
        try await note()
        _ = try await scheduler.restore(alice, checkpoint: first.id, ifMatch: nil)
        try await note()
        try await scheduler.observe(alice, "The river ran on.")
        try await note()
        _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
        try await note()
        _ = try await scheduler.merge(
            alice,
            MergeRequest(terms: [
                .init(.checkpoint(first.id)), .init(.session(alice.name), scope: .delta),
            ]))
        try await note()
        try await scheduler.observe(alice, lesson)
        try await note()
        return states
    }

    @Test("After a kill the session is there to the last bit, and goes on as if nothing was")
    func killed() async throws {
        let folder = temporaryFolder()
        let store = try SQLiteStore(folder: folder)
        let scheduler = makeScheduler(store)
        try await live(scheduler)
        let bits = try await scheduler.bits(alice)
        let bytes = try await scheduler.workingState(alice)

        let copy = temporaryFolder()
        try FileManager.default.createDirectory(
            atPath: (copy as NSString).deletingLastPathComponent,
            withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: folder, toPath: copy)
        let reopened = makeScheduler(try SQLiteStore(folder: copy))
        #expect(try await reopened.workingState(alice) == bytes)
        #expect(try await reopened.bits(alice) == bits)
        #expect(try await reopened.session(alice).revision == scheduler.session(alice).revision)

        try await scheduler.observe(alice, "And the heron flew.")
        try await reopened.observe(alice, "And the heron flew.")
        #expect(try await reopened.workingState(alice) == scheduler.workingState(alice))
        await reopened.shutdown()
        await scheduler.shutdown()
    }

    @Test("After every event, the journal done again from nothing gives the same bytes")
    func replaysAll() async throws {
        let store = InMemoryStore()
        let states = try await live(makeScheduler(store))
        // The same store without its working states: events and checkpoints only.
        let bare = InMemoryStore()
        try await bare.createSession(
            SessionRecord(
                id: alice, base: nil, origin: nil, learn: "none", created: 0, updated: 0),
            engram: nil)
        let events = try await store.events(of: alice, after: 0, limit: 99)
        // Forgetting changes the past; it has tests of its own.
        #expect(Set(events.map(\.kind)) == Set(EventKind.allCases).subtracting([.forget]))
        #expect(events.count == states.count)
        for (event, state) in zip(events, states) {
            var record = try #require(try await bare.session(alice))
            record.sequence = event.sequence
            record.tokensLearned = try Engram(serialized: state, name: "state").tokensLearned
            var entry = JournalEntry(event: event, session: record)
            if event.kind == .checkpoint, let target = event.target {
                let made = try #require(try await store.checkpoint(target, of: alice.user))
                let blob = try #require(try await store.engram(of: target, of: alice.user))
                entry.checkpoint = .init(record: made, engram: blob)
            }
            try await bare.append(entry)
            #expect(try await makeScheduler(bare).workingState(alice) == state)
        }
        #expect(try await bare.snapshot(of: alice) == nil)
    }

    @Test(
        "Neither the interval of working states nor the memory changes a byte",
        arguments: [1, 2, 3, 100])
    func snapshotsAndEviction(interval: Int) async throws {
        let roomy = makeScheduler()
        let tight = makeScheduler {
            $0.snapshotEvents = interval
            $0.residentBytesMaximum = 1
        }
        for turn in 0..<7 {
            let text = "Turn \(turn): the heron stood in the reeds."
            try await roomy.observe(alice, text)
            try await tight.observe(alice, text)
            // Another session takes the only place.
            try await tight.observe(bob, text)
        }
        #expect(await tight.statistics().residentEngrams == 1)
        #expect(try await tight.workingState(alice) == roomy.workingState(alice))
    }

    @Test("A shutdown keeps every working state, so that nothing is left to do again")
    func shutdown() async throws {
        let folder = temporaryFolder()
        let scheduler = makeScheduler(try SQLiteStore(folder: folder))
        try await scheduler.observe(alice, lesson)
        try await scheduler.observe(alice, lesson)
        let bytes = try await scheduler.workingState(alice)
        await scheduler.shutdown()
        #expect(await scheduler.health() == .draining)
        await #expect(throws: ServiceError.draining) { try await scheduler.observe(alice, lesson) }
        await #expect(throws: ServiceError.draining) {
            _ = try await scheduler.complete(alice, completion())
        }

        let store = try SQLiteStore(folder: folder)
        let kept = try #require(try await store.snapshot(of: alice))
        #expect(kept == SnapshotRecord(sequence: 2, engram: bytes))
        await store.close()
    }

    @Test("A shutdown lets a request that runs finish")
    func drains() async throws {
        let scheduler = makeScheduler()
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        let learning = Task { try await scheduler.observe(alice, lesson) }
        #expect(await eventually { await scheduler.statistics().queueDepth == 1 })
        let ending = Task { await scheduler.shutdown() }
        #expect(await eventually { await scheduler.health() == .draining })
        roadblock.open()
        #expect(try await learning.value.revision == Revision(rawValue: 1))
        await ending.value
    }

    @Test("A session's few first events are not done again on another core")
    func coreChanged() async throws {
        let store = InMemoryStore()
        try await makeScheduler(store).observe(alice, lesson)
        let folder = try TinyCore.make(seed: 77)
        defer { TinyCore.remove(folder) }
        let scheduler = Scheduler(cortex: try Cortex(folder: folder), store: store)
        await #expect {
            try await scheduler.score(alice, ScoreRequest(text: "The heron flew."))
        } throws: { error in
            guard case ServiceError.refused = error else { return false }
            return true
        }
    }

    @Test("A session learned on another core is refused, not misread")
    func otherCore() async throws {
        let store = InMemoryStore()
        var identity = cortex.identity
        identity.core = ContentDigest.none
        let foreign = try Engram.empty(identity: identity).serialized(as: .workingState)
        let record = SessionRecord(
            id: alice, base: nil, origin: nil, learn: "none", created: 0, updated: 0)
        try await store.createSession(record, engram: foreign)
        await #expect {
            try await makeScheduler(store).observe(alice, lesson)
        } throws: { error in
            guard case ServiceError.refused = error else { return false }
            return true
        }
    }
}
