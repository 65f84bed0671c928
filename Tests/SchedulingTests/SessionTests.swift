import EngramStorage
import Engrams
import ModelFormats
import Testing

@testable import Scheduling

@Suite struct SessionTests {
    @Test("Only a session named default is made on first use")
    func firstUse() async throws {
        let scheduler = makeScheduler()
        let state = try await scheduler.session(alice)
        #expect(state.revision == .zero)
        #expect(state.base == nil)
        #expect(state.learn == .none)
        await #expect(throws: ServiceError.sessionNotFound(work)) {
            _ = try await scheduler.session(work)
        }
        await #expect(throws: ServiceError.sessionNotFound(work)) {
            try await scheduler.observe(work, lesson)
        }
        await #expect(throws: ServiceError.sessionNotFound(work)) {
            _ = try await scheduler.complete(work, completion())
        }
        await #expect(throws: ServiceError.sessionNotFound(bob)) {
            try await scheduler.discard(bob, ifMatch: nil)
        }
        #expect(await scheduler.statistics().sessions == 0)
        try await scheduler.observe(alice, lesson)
        #expect(await scheduler.statistics().sessions == 1)
    }

    @Test("No read writes, be it the first of its session")
    func readsWriteNothing() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        func readAll(_ id: SessionID) async throws {
            _ = try await scheduler.sessions(of: id.user, page: Page())
            _ = try await scheduler.session(id)
            _ = try await scheduler.features(id, top: 3)
            _ = try await scheduler.safety(id)
            _ = try await scheduler.bits(id)
            _ = try await scheduler.checkpoints(id, page: Page())
            _ = try await scheduler.diff(id, from: .frozen, to: .session, top: 3)
            _ = try await scheduler.events(id, page: Page(), text: true)
            for scope in [DeltaScope.session, .user, .total] {
                _ = try await scheduler.exportDelta(id, scope: scope)
                _ = try await scheduler.exportRounded(id, scope: scope)
            }
            // An engram with nothing in it is refused.
            _ = try? await scheduler.exportAdapter(
                id, AdapterRequest(scope: .total, format: .peft, allowsPartial: true))
            for mode in [CompletionMode.adapted, .frozen, .compare] {
                _ = try await Collected(
                    try await scheduler.complete(id, completion(mode: mode)))
            }
        }
        store.fail(with: .readOnly)
        try await readAll(alice)
        #expect(await scheduler.statistics().sessions == 0)
        #expect(try await store.user(alice.user) == nil)

        // Of a user with a head, the session that is not there yet stands on it.
        store.fail(with: nil)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, lesson)
        let head = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        store.fail(with: .readOnly)
        try await readAll(alice)
        #expect(try await scheduler.session(alice).base == head.id)
        #expect(try await scheduler.bits(alice) == scheduler.bits(work))
        #expect(await scheduler.statistics().sessions == 1)
    }

    @Test("A user has no more sessions than one may have, and others are not held up by it")
    func quota() async throws {
        let scheduler = makeScheduler { $0.sessionsPerUserMaximum = 2 }
        try await scheduler.makeWorkSession()
        try await scheduler.observe(alice, lesson)
        func create(_ name: String) async throws {
            _ = try await scheduler.createSession(
                CreateSession(user: alice.user, name: SessionName(rawValue: name)))
        }
        await #expect(throws: ServiceError.sessionQuota(limit: 2)) { try await create("third") }
        await #expect(throws: ServiceError.sessionExists(work)) { try await create("work") }
        try await scheduler.observe(bob, lesson)
        try await scheduler.discard(work, ifMatch: nil)
        try await create("third")
        try await scheduler.discard(alice, ifMatch: nil)
        try await create("fourth")
        await #expect(throws: ServiceError.sessionQuota(limit: 2)) {
            try await scheduler.observe(alice, lesson)
        }
        // Reading it takes no room.
        _ = try await scheduler.bits(alice)
    }

    @Test("Many first uses at once make one session")
    func concurrentFirstUse() async throws {
        let scheduler = makeScheduler()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await scheduler.observe(alice, lesson) } }
            try await group.waitForAll()
        }
        #expect(await scheduler.statistics().sessions == 1)
    }

    @Test("A session is made once, with a name of its own when none is given")
    func creation() async throws {
        let scheduler = makeScheduler()
        let user = alice.user
        let made = try await scheduler.createSession(
            CreateSession(user: user, name: work.name, learn: .both))
        #expect(made.id == work)
        #expect(made.learn == .both)
        await #expect(throws: ServiceError.sessionExists(work)) {
            _ = try await scheduler.createSession(CreateSession(user: user, name: work.name))
        }
        let unnamed = try await scheduler.createSession(CreateSession(user: user, name: nil))
        #expect(unnamed.id.user == user)
        let gone = CheckpointID(rawValue: "gone")
        await #expect(throws: ServiceError.checkpointNotFound(gone)) {
            _ = try await scheduler.createSession(
                CreateSession(user: user, name: nil, from: .checkpoint(gone)))
        }
    }

    @Test("Lists come page by page")
    func listing() async throws {
        let scheduler = makeScheduler()
        for name in ["alice", "bob", "carol"] {
            try await scheduler.makeSession(SessionID(name + "/default")!)
        }
        let first = try await scheduler.sessions(of: nil, page: Page(limit: 2))
        #expect(first.items.map(\.id.user.rawValue) == ["alice", "bob"])
        #expect(first.hasMore)
        let second = try await scheduler.sessions(
            of: nil, page: Page(limit: 2, after: first.items[1].id.description))
        #expect(second.items.map(\.id.user.rawValue) == ["carol"])
        #expect(!second.hasMore)
        let mine = try await scheduler.sessions(of: bob.user, page: Page())
        #expect(mine.items.map(\.id) == [bob])
        for page in [Page(limit: 0), Page(limit: 1001), Page(limit: 1, after: "a/b/c")] {
            await #expect(throws: ServiceError.self) {
                _ = try await scheduler.sessions(of: nil, page: page)
            }
        }
    }

    @Test("A discarded session is gone, and a new default starts from the head")
    func discard() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let hash = try await scheduler.bits(alice)
        try await scheduler.observe(alice, "something else, to be forgotten")
        try await scheduler.discard(alice, ifMatch: Revision(rawValue: 3))
        let state = try await scheduler.session(alice)
        #expect(state.base == made.id)
        #expect(state.revision == .zero)
        #expect(try await scheduler.bits(alice) == hash)
    }

    @Test("A reset goes to the head, to a checkpoint or to the frozen core; the head stays")
    func resetTargets() async throws {
        let scheduler = makeScheduler()
        try await scheduler.makeWorkSession()
        let frozen = try await scheduler.bits(work)
        try await scheduler.observe(work, lesson)
        let first = try await scheduler.checkpoint(work, name: "one", ifMatch: nil)
        let afterFirst = try await scheduler.bits(work)
        try await scheduler.observe(work, lesson)
        let second = try await scheduler.checkpoint(work, name: "two", ifMatch: nil)
        let afterSecond = try await scheduler.bits(work)
        try await scheduler.observe(work, "The river. The river. The river.")

        var state = try await scheduler.reset(work, to: .head, ifMatch: nil)
        #expect(state.base == second.id)
        #expect(try await scheduler.bits(work) == afterSecond)
        state = try await scheduler.reset(work, to: .checkpoint(first.id), ifMatch: nil)
        #expect(state.base == first.id)
        #expect(try await scheduler.bits(work) == afterFirst)
        state = try await scheduler.reset(work, to: .frozen, ifMatch: nil)
        #expect(state.base == nil)
        #expect(try await scheduler.bits(work) == frozen)
        let listed = try await scheduler.checkpoints(work, page: Page())
        #expect(listed.items.map(\.isHead) == [false, true])
        #expect(listed.items.map(\.name) == ["one", "two"])
        #expect(listed.items.map(\.parent) == [nil, first.id])
    }

    @Test("What one user learns, exports or checkpoints is not another's")
    func separation() async throws {
        let scheduler = makeScheduler()
        let before = try await scheduler.bits(bob)
        try await scheduler.observe(alice, lesson)
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await scheduler.bits(bob) == before)
        #expect(try await scheduler.checkpoints(bob, page: Page()).items.isEmpty)
        let missing = ServiceError.checkpointNotFound(made.id)
        await #expect(throws: missing) {
            _ = try await scheduler.restore(bob, checkpoint: made.id, ifMatch: nil)
        }
        await #expect(throws: missing) {
            _ = try await scheduler.reset(bob, to: .checkpoint(made.id), ifMatch: nil)
        }
        await #expect(throws: missing) {
            try await scheduler.deleteCheckpoint(bob, checkpoint: made.id)
        }
    }
}
