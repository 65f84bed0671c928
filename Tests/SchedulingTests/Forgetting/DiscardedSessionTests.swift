import EngramStorage
import Engrams
import OuterCortex
import Synchronization
import Testing

@testable import Scheduling

/// What may have come through a session that has been discarded is not said to be forgotten.
@Suite("Forgetting, and sessions that have been discarded") struct DiscardedSessionTests {
    private let secret = "The quorvath hums at dusk."
    private let aside = SessionID("alice/aside")!

    /// A clock that people can set back.
    private final class Clock: Sendable {
        private let time: Mutex<Double>

        init(at time: Double) { self.time = Mutex(time) }

        func set(to time: Double) { self.time.withLock { $0 = time } }

        /// A scheduler that goes by this clock.
        func scheduler(_ store: any EngramStore) -> Scheduler {
            Scheduler(cortex: cortex, store: store) { self.time.withLock { $0 } }
        }
    }

    private func make(_ id: SessionID, in scheduler: Scheduler) async throws {
        _ = try await scheduler.createSession(CreateSession(user: id.user, name: id.name))
    }

    private func merge(_ names: [SessionID], into id: SessionID, _ scheduler: Scheduler)
        async throws
    {
        _ = try await scheduler.merge(
            id, MergeRequest(terms: names.map { .init(.session($0.name)) }))
    }

    /// Whether forgetting is refused because of a discarded session, and has changed nothing.
    private func isRefused(
        _ scheduler: Scheduler, _ event: EventID, of id: SessionID
    ) async throws -> Bool {
        let store = scheduler.store
        let before = try await store.history(of: id.user)
        do {
            _ = try await scheduler.forget(id, event: event, ifMatch: nil)
            return false
        } catch ServiceError.cannotForget(event, let reason) {
            #expect(reason.contains("has been discarded"))
            #expect(try await store.history(of: id.user) == before)
            return true
        }
    }

    @Test("A merge of which one session is gone still came from the other")
    func otherTerms() async throws {
        let scheduler = makeScheduler()
        try await make(work, in: scheduler)
        try await make(aside, in: scheduler)
        let event = try await scheduler.observe(work, secret).event
        try await scheduler.observe(aside, secret)
        try await merge([work, aside], into: alice, scheduler)
        try await scheduler.discard(aside, ifMatch: nil)
        let state = try await scheduler.workingState(alice)
        #expect(try await isRefused(scheduler, event, of: work))
        #expect(try await scheduler.workingState(alice) == state)
        // With nothing left that came of the merge it is forgotten.
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        _ = try await scheduler.forget(work, event: event, ifMatch: nil)
        #expect(try await scheduler.session(work).tokensLearned == 0)
    }

    @Test("A session that is gone may have brought what it was made from into a merge")
    func unknownTerm() async throws {
        let scheduler = makeScheduler()
        // Begins with the frozen core, so that the merge alone brings it the text.
        try await scheduler.makeSession(alice)
        try await make(work, in: scheduler)
        let event = try await scheduler.observe(work, secret).event
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        try await make(aside, in: scheduler)
        try await merge([aside], into: alice, scheduler)
        try await scheduler.discard(aside, ifMatch: nil)
        #expect(try await isRefused(scheduler, event, of: work))
        // An import takes the merge's place as well.
        try await scheduler.observe(bob, lesson)
        let file = try await scheduler.exportDelta(bob, scope: .total).file
        _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
        let hash = try await scheduler.hash(alice)
        _ = try await scheduler.forget(work, event: event, ifMatch: nil)
        #expect(try await scheduler.hash(alice) == hash)
    }

    @Test("What was learned after such a merge is forgotten as ever")
    func later() async throws {
        let scheduler = makeScheduler()
        try await make(work, in: scheduler)
        try await make(aside, in: scheduler)
        try await scheduler.observe(aside, lesson)
        try await merge([aside], into: alice, scheduler)
        try await scheduler.discard(aside, ifMatch: nil)
        let before = (
            try await scheduler.workingState(alice), try await scheduler.workingState(work)
        )
        for id in [alice, work] {
            let event = try await scheduler.observe(id, secret).event
            _ = try await scheduler.forget(id, event: event, ifMatch: nil)
        }
        #expect(try await scheduler.workingState(alice) == before.0)
        #expect(try await scheduler.workingState(work) == before.1)
    }

    @Test("A deleted checkpoint's origin is known although a forgotten reset has moved it")
    func movedBase() async throws {
        let scheduler = makeScheduler()
        let clean = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id
        let event = try await scheduler.observe(alice, secret).event
        let taught = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, from: .checkpoint(taught)))
        _ = try await scheduler.reset(work, to: .checkpoint(clean), ifMatch: nil)
        _ = try await scheduler.restore(alice, checkpoint: clean, ifMatch: nil)
        try await scheduler.observe(work, lesson)
        let deleted = try await scheduler.checkpoint(work, name: nil, ifMatch: nil).id
        try await scheduler.observe(work, lesson)
        let head = try await scheduler.checkpoint(work, name: nil, ifMatch: nil).id
        try await scheduler.deleteCheckpoint(alice, checkpoint: deleted)
        let reset = try await scheduler.events(work, page: Page(), text: false).items[0]
        #expect(reset.kind == "reset")
        let receipt = try await scheduler.forget(work, event: reset.id, ifMatch: nil)
        #expect(receipt.checkpoints.map(\.checkpoint) == [head])
        try await scheduler.discard(work, ifMatch: nil)
        // Without the reset `deleted` came from `taught`, and the head from `deleted`.
        #expect(try await isRefused(scheduler, event, of: alice))
    }

    @Test("A clock that is set back hides no checkpoint that came after the event")
    func checkpointAfterSetBack() async throws {
        let store = InMemoryStore()
        let clock = Clock(at: 1000)
        let event = try await clock.scheduler(store).observe(alice, secret).event
        clock.set(to: 500)
        // Started anew: what is on record tells how late it is.
        let scheduler = clock.scheduler(store)
        try await make(work, in: scheduler)
        try await merge([alice], into: work, scheduler)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        try await scheduler.discard(work, ifMatch: nil)
        #expect(try await isRefused(scheduler, event, of: alice))
    }

    @Test("A clock that is set back makes no later session pass for the one that was merged")
    func sessionAfterSetBack() async throws {
        let clock = Clock(at: 1000)
        let scheduler = clock.scheduler(InMemoryStore())
        try await make(work, in: scheduler)
        try await scheduler.observe(work, lesson)
        let event = try await scheduler.observe(alice, secret).event
        try await merge([work], into: alice, scheduler)
        try await scheduler.discard(work, ifMatch: nil)
        clock.set(to: 500)
        try await make(work, in: scheduler)
        try await scheduler.observe(work, "another text")
        #expect(try await isRefused(scheduler, event, of: alice))
    }

    @Test("A user's moments grow where the clock does not, and follow it otherwise")
    func moments() async throws {
        let store = InMemoryStore()
        let clock = Clock(at: 1000)
        let first = clock.scheduler(store)
        try await first.observe(alice, lesson)
        try await first.observe(alice, lesson)
        clock.set(to: 500)
        let second = clock.scheduler(store)
        try await second.observe(alice, lesson)
        try await second.observe(bob, lesson)
        clock.set(to: 2000)
        try await second.observe(alice, lesson)
        let events = try await store.events(of: alice, after: 0, limit: 9).map(\.created)
        #expect(zip(events, events.dropFirst()).allSatisfy { $0 < $1 })
        #expect(events.map { $0.rounded() } == [1000, 1000, 1000, 2000])
        let other = try await store.events(of: bob, after: 0, limit: 9).map(\.created)
        #expect(other.map { $0.rounded() } == [500])
    }
}
