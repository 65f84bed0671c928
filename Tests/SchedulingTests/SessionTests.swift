import EngramStorage
import Engrams
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
        #expect(await scheduler.statistics().sessions == 1)
    }

    @Test("Many first uses at once make one session")
    func concurrentFirstUse() async throws {
        let scheduler = makeScheduler()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { _ = try await scheduler.bits(alice) } }
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
            _ = try await scheduler.session(SessionID(name)!)
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
