import EngramStorage
import Engrams
import OuterCortex
import Testing

@testable import Scheduling

@Suite("A reset") struct RollbackTests {
    private let secret = "The password of the house is xylophone zebra quartz."
    private let more = "And so on."
    private let news = "Kiwis jump over lazy frogs, and frogs do not mind it."

    /// What a session that knows nothing makes of a text.
    private func unknown(_ scheduler: Scheduler, _ text: String) async throws -> Double {
        try await scheduler.bits(bob, text).frozen
    }

    /// A head that knows the secret, and `alice`, which was reset away from it.
    private func rolledBack(_ scheduler: Scheduler) async throws -> CheckpointID {
        try await scheduler.observe(alice, secret)
        let head = try await scheduler.checkpoint(alice, name: "secret", ifMatch: nil).id
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, news)
        return head
    }

    /// Whether an engram has a context of the secret that no other text here has.
    private func knowsSecret(_ engram: Engram) async throws -> Bool {
        func contexts(_ text: String) async throws -> Set<ContextKey> {
            let scheduler = makeScheduler()
            try await scheduler.observe(bob, text)
            let sites = try await scheduler.resident(bob).engram.sites
            return Set(sites.sequences.sorted().map(\.key))
        }
        var own = try await contexts(secret)
        for text in [news, lesson, more] { own.subtract(try await contexts(text)) }
        return engram.sites.sequences.sorted().contains { own.contains($0.key) }
    }

    @Test("is kept by the next checkpoint: it is what the session is, and no more")
    func kept() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let old = try await rolledBack(scheduler)
        let before = try await scheduler.session(alice)
        #expect(before.base == nil && before.superseded == old)
        let total = try await scheduler.resident(alice).engram
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(made.superseded == old && made.parent == old && made.isHead)
        let engram = try await scheduler.resident(alice).engram
        #expect(engram.sites == total.consolidated(within: cortex.zone).sites)
        #expect(try await !knowsSecret(engram))
        #expect(try await scheduler.session(alice).superseded == nil)
        // And so it stays, in memory and on disk, for this session and for new ones.
        let restarted = makeScheduler(store)
        _ = try await restarted.checkpoint(alice, name: nil, ifMatch: nil)
        _ = try await restarted.createSession(CreateSession(user: work.user, name: work.name))
        for id in [alice, work] {
            #expect(try await !knowsSecret(restarted.resident(id).engram))
            #expect(try await restarted.bits(id, news).adapted < unknown(restarted, news))
        }
    }

    @Test("is kept by an automatic checkpoint, and by one after a restart")
    func automatic() async throws {
        let store = InMemoryStore()
        _ = try await rolledBack(makeScheduler(store) { $0.automaticCheckpointTokens = nil })
        let scheduler = makeScheduler(store) { $0.automaticCheckpointTokens = 1 }
        #expect(try await scheduler.session(alice).superseded != nil)
        try await scheduler.observe(alice, more)
        let listed = try await scheduler.checkpoints(alice, page: Page()).items
        #expect(listed.map(\.isAutomatic) == [false, true])
        #expect(try await !knowsSecret(scheduler.resident(alice).engram))
    }

    @Test("to an older checkpoint keeps what that one knows")
    func toOlder() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, news)
        let first = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id
        try await scheduler.observe(alice, secret)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        _ = try await scheduler.reset(alice, to: .checkpoint(first), ifMatch: nil)
        try await scheduler.observe(alice, more)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await !knowsSecret(scheduler.resident(alice).engram))
        #expect(try await scheduler.bits(alice, news).adapted < unknown(scheduler, news))
    }

    @Test("moves no head: until it is kept, new sessions start from what was")
    func temporary() async throws {
        let scheduler = makeScheduler()
        let head = try await rolledBack(scheduler)
        try await scheduler.makeWorkSession()
        #expect(try await scheduler.session(work).base == head)
        #expect(try await knowsSecret(scheduler.resident(work).engram))
        // Nor does a session that comes in the place of one that was reset and discarded.
        try await scheduler.discard(alice, ifMatch: nil)
        #expect(try await scheduler.session(alice).base == head)
        #expect(try await scheduler.session(alice).superseded == nil)
        // And who goes back has rolled nothing back.
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        #expect(try await scheduler.reset(alice, to: .head, ifMatch: nil).superseded == nil)
    }

    @Test("loses nothing that other sessions kept since, and they bring nothing of the old back")
    func others() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, secret)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        try await scheduler.makeWorkSession()
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, news)
        try await scheduler.observe(work, lesson)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await !knowsSecret(scheduler.resident(alice).engram))
        for text in [news, lesson] {
            let frozen = try await unknown(scheduler, text)
            #expect(try await scheduler.bits(alice, text).adapted < frozen)
        }
        // `work` stands on the old head yet.
        #expect(try await knowsSecret(scheduler.resident(work).engram))
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        #expect(try await !knowsSecret(scheduler.resident(work).engram))
    }

    @Test("of two sessions: each keeps what it learned, also where the old had known the same")
    func twice() async throws {
        let scheduler = makeScheduler()
        for text in [secret, news] { try await scheduler.observe(alice, text) }
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        try await scheduler.makeWorkSession()
        for id in [alice, work] { _ = try await scheduler.reset(id, to: .frozen, ifMatch: nil) }
        try await scheduler.observe(work, lesson)
        try await scheduler.observe(alice, news)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        let alone = try await scheduler.bits(alice, news).adapted
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await !knowsSecret(scheduler.resident(alice).engram))
        #expect(try await scheduler.bits(alice, news).adapted < 1.1 * alone)
        #expect(
            try await scheduler.bits(alice, lesson).adapted < unknown(scheduler, lesson))
    }

    @Test("needs the head that it superseded until it is kept: that cannot be deleted or pruned")
    func inUse() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store) { $0.automaticCheckpointsKept = 0 }
        let old = try await rolledBack(scheduler)
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, from: .frozen))
        try await scheduler.observe(work, lesson)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        await #expect(throws: ServiceError.checkpointInUse(old)) {
            try await scheduler.deleteCheckpoint(alice, checkpoint: old)
        }
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        try await scheduler.deleteCheckpoint(alice, checkpoint: old)
    }

    @Test("takes nothing away in a session that was made from the frozen core")
    func fromFrozen() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, secret)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, from: .frozen))
        try await scheduler.observe(work, news)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        #expect(try await knowsSecret(scheduler.resident(work).engram))
    }

    @Test("forgotten is a reset that never was: what it took away is there again")
    func forgotten() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        _ = try await rolledBack(scheduler)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let reset = try #require(
            try await store.events(of: alice, after: 0, limit: 9).first { $0.kind == .reset })
        _ = try await scheduler.forget(alice, event: reset.id, ifMatch: nil)
        #expect(try await knowsSecret(scheduler.resident(alice).engram))
        let made = try await scheduler.checkpoints(alice, page: Page()).items
        #expect(made.map(\.superseded) == [nil, nil])
    }

    @Test("A checkpoint that replaced the head adds its own part to a merge, and takes nothing off")
    func delta() async throws {
        let scheduler = makeScheduler()
        _ = try await rolledBack(scheduler)
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id
        let total = try await scheduler.resident(alice).engram.sites.sequences
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, from: .frozen))
        _ = try await scheduler.merge(
            work,
            MergeRequest(terms: [.init(.checkpoint(made), scope: .delta)], rescale: .none))
        #expect(try await scheduler.resident(work).engram.sites.sequences == total)
    }

    @Test("An import or a merge in a session's place is kept as it is, with what others added")
    func replacements() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, secret)
        let old = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id
        try await scheduler.makeWorkSession()
        try await scheduler.observe(bob, news)
        let file = try await scheduler.exportDelta(bob, scope: .total).file
        #expect(
            try await scheduler.importDelta(alice, file: file, ifMatch: nil).superseded == old)
        try await scheduler.observe(work, lesson)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await !knowsSecret(scheduler.resident(alice).engram))
        let bits = try await scheduler.bits(alice, lesson)
        #expect(bits.adapted < bits.frozen)
    }
}
