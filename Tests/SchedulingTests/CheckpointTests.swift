import EngramStorage
import Engrams
import OuterCortex
import Testing

@testable import Scheduling

@Suite struct CheckpointTests {
    @Test("A checkpoint is the user's head, and the session goes on from exactly its bytes")
    func consolidates() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, lesson)
        let made = try await scheduler.checkpoint(alice, name: "first", ifMatch: nil)
        #expect(made.isHead)
        #expect(made.parent == nil)
        let blob = try #require(try await store.engram(of: made.id, of: alice.user))
        #expect(made.hash == ContentDigest.of(blob))
        #expect(made.bytes == blob.count)
        let exported = try await scheduler.exportDelta(alice, scope: .user)
        #expect(exported.file == blob)
        #expect(exported.hash == made.hash)

        var stored = try Engram(serialized: blob, name: "checkpoint")
        stored.parent = made.id
        #expect(try await scheduler.resident(alice).engram == stored)
        let state = try await scheduler.session(alice)
        #expect(state.base == made.id)
        #expect(state.revision == Revision(rawValue: 2))
    }

    @Test("The same history gives the same checkpoints, ids and all")
    func deterministic() async throws {
        func history() async throws -> [String] {
            let scheduler = makeScheduler()
            var all: [String] = []
            for text in [lesson, "The river ran on.", lesson] {
                try await scheduler.observe(alice, text)
                let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
                all += [made.id.rawValue, made.hash, made.parent?.rawValue ?? ""]
            }
            return all
        }
        #expect(try await history() == history())
    }

    @Test("A new session of the user starts from the head; an old one keeps what it stands on")
    func otherSessions() async throws {
        let scheduler = makeScheduler()
        try await scheduler.makeSession(alice)
        let before = try await scheduler.bits(alice)
        try await scheduler.makeWorkSession()
        try await scheduler.observe(work, lesson)
        let made = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        #expect(try await scheduler.bits(alice) == before)
        let fresh = try await scheduler.createSession(
            CreateSession(user: alice.user, name: SessionName(rawValue: "fresh")))
        #expect(fresh.base == made.id)
        #expect(fresh.tokensLearned == made.tokensLearned)
        #expect(try await scheduler.bits(fresh.id) == scheduler.bits(work))
    }

    @Test("Two sessions of one user consolidate into one engram that holds both")
    func addsToMovedHead() async throws {
        let scheduler = makeScheduler()
        let (one, two) = (lesson, "zebra xylophone zebra xylophone zebra xylophone zebra")
        let before = (try await scheduler.bits(alice, one), try await scheduler.bits(alice, two))
        try await scheduler.makeWorkSession()
        try await scheduler.observe(alice, one)
        try await scheduler.observe(work, two)
        let first = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let second = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        #expect(second.parent == first.id)
        #expect(second.tokensLearned > first.tokensLearned)
        #expect(try await scheduler.bits(work, one).adapted < before.0.adapted)
        #expect(try await scheduler.bits(work, two).adapted < before.1.adapted)
        let listed = try await scheduler.checkpoints(alice, page: Page())
        #expect(listed.items.map(\.isHead) == [false, true])
    }

    @Test("Sessions of one user that consolidate at once lose nobody's checkpoint")
    func concurrent() async throws {
        let scheduler = makeScheduler()
        let ids = (0..<5).map { SessionID("alice/s\($0)")! }
        for id in ids {
            _ = try await scheduler.createSession(CreateSession(user: id.user, name: id.name))
            try await scheduler.observe(id, lesson)
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in ids {
                group.addTask {
                    _ = try await scheduler.checkpoint(id, name: nil, ifMatch: nil)
                }
            }
            try await group.waitForAll()
        }
        let listed = try await scheduler.checkpoints(ids[0], page: Page()).items
        #expect(listed.count == 5)
        // A line without a fork, each the parent of the next.
        #expect(listed.map(\.parent) == [nil] + listed.dropLast().map(\.id))
        #expect(listed.filter(\.isHead).map(\.id) == [listed[4].id])
    }

    @Test("A restore makes the checkpoint the session and the head again")
    func restores() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let first = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let bits = try await scheduler.bits(alice)
        try await scheduler.observe(alice, lesson)
        let second = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        try await scheduler.observe(alice, lesson)
        let state = try await scheduler.restore(alice, checkpoint: first.id, ifMatch: nil)
        #expect(state.base == first.id)
        #expect(state.tokensLearned == first.tokensLearned)
        #expect(try await scheduler.bits(alice) == bits)
        let listed = try await scheduler.checkpoints(alice, page: Page()).items
        #expect(listed.map(\.isHead) == [true, false])
        let used = ServiceError.checkpointInUse(first.id)
        await #expect(throws: used) {
            try await scheduler.deleteCheckpoint(alice, checkpoint: first.id)
        }
        try await scheduler.deleteCheckpoint(alice, checkpoint: second.id)
        #expect(try await scheduler.checkpoints(alice, page: Page()).items.map(\.id) == [first.id])
        await #expect(throws: ServiceError.checkpointNotFound(second.id)) {
            _ = try await scheduler.restore(alice, checkpoint: second.id, ifMatch: nil)
        }
    }

    @Test("Checkpoints are listed page by page")
    func paging() async throws {
        let scheduler = makeScheduler()
        var ids: [CheckpointID] = []
        for _ in 0..<3 {
            try await scheduler.observe(alice, lesson)
            ids.append(try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id)
        }
        let first = try await scheduler.checkpoints(alice, page: Page(limit: 2))
        #expect(first.items.map(\.id) == Array(ids[..<2]))
        #expect(first.hasMore)
        let rest = try await scheduler.checkpoints(
            alice, page: Page(limit: 2, after: ids[1].rawValue))
        #expect(rest.items.map(\.id) == [ids[2]])
        #expect(!rest.hasMore)
    }

    @Test("The default session consolidates by itself when it has learned enough; others do not")
    func automatic() async throws {
        let store = InMemoryStore()
        let measuring = makeScheduler()
        try await measuring.observe(alice, lesson)
        // More than one lesson, less than two.
        let limit = try await measuring.session(alice).tokensLearned + 1
        let scheduler = makeScheduler(store) { $0.automaticCheckpointTokens = limit }
        try await scheduler.makeWorkSession()
        var results: [UInt64] = []
        for _ in 0..<3 {
            results.append(try await scheduler.observe(alice, lesson).revision.rawValue)
            try await scheduler.observe(work, lesson)
        }
        let made = try await store.checkpoints(of: alice.user, after: nil, limit: 9)
        #expect(made.map(\.session) == [.default])
        // The answer tells the revision that a client may go on from: the checkpoint's.
        #expect(results == [1, 3, 4])
        let kinds = try await store.events(of: alice, after: 0, limit: 9).map(\.kind)
        #expect(kinds.count { $0 == .checkpoint } == 1)
        #expect(kinds.count { $0 == .observe } == 3)
        #expect(try await scheduler.session(alice).revision.rawValue == results.last)
        #expect(try await store.session(work)?.base == nil)
    }

    @Test("Export and import carry an engram bit by bit; the other user gets the same score")
    func roundTrip() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let adapted = try await scheduler.bits(alice)
        let exported = try await scheduler.exportDelta(alice, scope: .total)
        let state = try await scheduler.importDelta(bob, file: exported.file, ifMatch: nil)
        #expect(state.revision == Revision(rawValue: 1))
        #expect(try await scheduler.bits(bob) == adapted)
        #expect(try await scheduler.exportDelta(bob, scope: .total).file == exported.file)
    }

    @Test("An export's scope is the session's delta, the user's engram, or both")
    func scopes() async throws {
        let scheduler = makeScheduler()
        func tokens(_ scope: DeltaScope) async throws -> Int {
            let file = try await scheduler.exportDelta(alice, scope: scope).file
            return try Engram(serialized: file, name: "export").tokensLearned
        }
        #expect(try await tokens(.user) == 0)
        let one = try await scheduler.observe(alice, lesson)
        let learned = try await scheduler.session(alice).tokensLearned
        #expect(learned <= one.tokens)
        #expect(try await tokens(.session) == learned)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(try await tokens(.user) == learned)
        #expect(try await tokens(.session) == 0)
        try await scheduler.observe(alice, lesson)
        let both = try await scheduler.session(alice).tokensLearned
        #expect(try await tokens(.total) == both)
        #expect(try await tokens(.session) == both - learned)
        #expect(try await tokens(.user) == learned)
    }

    @Test("A file that is no engram of this core is refused with a reason; nothing changes")
    func refusedImports() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let hash = try await scheduler.hash(alice)
        let good = try await scheduler.exportDelta(alice, scope: .total).file
        var other = cortex.identity
        other.core = ContentDigest.none
        let foreign = try Engram.empty(identity: other).serialized(as: .checkpoint)
        for file in [[], [0, 1, 2], Array(good.dropLast(8)), foreign] {
            await #expect {
                _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
            } throws: { error in
                guard case ServiceError.refused = error else { return false }
                return true
            }
        }
        #expect(try await scheduler.hash(alice) == hash)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 1))
    }
}
