import EngramStorage
import Engrams
import Testing

@testable import Scheduling

@Suite struct MergeTests {
    private let other = "zebra xylophone zebra xylophone zebra xylophone zebra"

    /// A checkpoint that knows one text, beside a session `alice` that knows another; `work` knows
    /// nothing.
    private func taught(_ scheduler: Scheduler) async throws -> CheckpointID {
        try await scheduler.observe(alice, lesson)
        let first = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil).id
        _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        try await scheduler.observe(alice, other)
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, from: .frozen))
        return first
    }

    private func merge(
        _ scheduler: Scheduler, _ id: SessionID, _ terms: [MergeRequest.Term],
        mode: MergeRequest.Mode = .replace, rescale: MergeRescale = .sqrt
    ) async throws -> MergeResult {
        try await scheduler.merge(
            id, MergeRequest(terms: terms, mode: mode, rescale: rescale))
    }

    @Test("A merge of a checkpoint and a session knows both texts, and is there after a restart")
    func both() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let checkpoint = try await taught(scheduler)
        let before = (
            try await scheduler.bits(work, lesson), try await scheduler.bits(work, other)
        )
        let result = try await merge(
            scheduler, work,
            [.init(.checkpoint(checkpoint)), .init(.session(alice.name))])
        #expect(try await scheduler.bits(work, lesson).adapted < before.0.adapted)
        #expect(try await scheduler.bits(work, other).adapted < before.1.adapted)
        #expect(result.session.revision == Revision(rawValue: 1))
        let state = try await scheduler.workingState(work)
        #expect(try await makeScheduler(store).workingState(work) == state)
        let event = try #require(try await store.events(of: work, after: 0, limit: 9).first)
        #expect(event.kind == .merge)
        #expect(event.engram == nil)
    }

    @Test("Sites that a merge leaves out are left out again after a restart and a forgetting")
    func without() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let checkpoint = try await taught(scheduler)
        var request = MergeRequest(
            terms: [.init(.checkpoint(checkpoint)), .init(.session(alice.name))],
            without: [.sequences, .episodes])
        _ = try await scheduler.merge(work, request)
        let merged = try await scheduler.resident(work).engram
        #expect(merged.ownersWords == OwnersWords() && !merged.sites.features.isEmpty)
        #expect(
            try await makeScheduler(store).workingState(work)
                == merged.serialized(as: .workingState))
        let lesson = try #require(try await store.events(of: alice, after: 0, limit: 1).first)
        _ = try await scheduler.forget(alice, event: lesson.id, ifMatch: nil)
        #expect(try await scheduler.resident(work).engram.ownersWords == OwnersWords())
        // What the session has itself stays: the terms come without.
        request.mode = .add
        let own = try await scheduler.resident(alice).engram.sites.sequences.count
        _ = try await scheduler.merge(alice, request)
        #expect(try await scheduler.resident(alice).engram.sites.sequences.count == own)
    }

    @Test("An export says how much of it is words, and leaves out what it is told to")
    func exports() async throws {
        let scheduler = makeScheduler()
        let checkpoint = try await taught(scheduler)
        _ = try await scheduler.restore(alice, checkpoint: checkpoint, ifMatch: nil)
        try await scheduler.observe(alice, other)
        for scope in [DeltaScope.session, .user, .total] {
            let whole = try await scheduler.exportDelta(alice, scope: scope)
            #expect(whole.ownersWords.sequences > 20)
            let part = try await scheduler.exportDelta(
                alice, scope: scope, without: [.sequences])
            #expect(part.ownersWords.sequences == 0)
            let engram = try Engram(serialized: part.file, name: "part")
            #expect(engram.sites.sequences.isEmpty && !engram.sites.features.isEmpty)
            let again = try Engram(serialized: whole.file, name: "whole").without([.sequences])
            #expect(try again.serialized(as: .checkpoint) == part.file)
            let rounded = try await scheduler.exportRounded(
                alice, scope: scope, without: [.sequences])
            #expect(rounded.ownersWords.sequences == 0)
        }
        let listed = try await scheduler.checkpoints(alice, page: Page()).items
        let head = try await scheduler.exportDelta(alice, scope: .user)
        #expect(listed.first { $0.isHead }?.hash == head.hash)
    }

    @Test("Adding a checkpoint and taking it away again leaves what was there, but for rounding")
    func addAndSubtract() async throws {
        let scheduler = makeScheduler()
        let checkpoint = try await taught(scheduler)
        let before = try await scheduler.bits(alice, other).adapted
        _ = try await merge(scheduler, alice, [.init(.checkpoint(checkpoint))], mode: .add)
        let sum = try await scheduler.bits(alice, other).adapted
        _ = try await merge(
            scheduler, alice, [.init(.checkpoint(checkpoint), scale: -1)], mode: .add)
        let after = try await scheduler.bits(alice, other).adapted
        #expect(sum != before)
        #expect(abs(after - before) < 0.02 * before)
    }

    @Test("A delta is what a session holds beyond its checkpoint")
    func scope() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, from: .frozen))
        // Nothing beyond the checkpoint yet: the delta is empty.
        _ = try await merge(
            scheduler, work, [.init(.session(alice.name), scope: .delta)])
        #expect(try await scheduler.resident(work).engram.sites.features.isEmpty)
        _ = try await merge(scheduler, work, [.init(.session(alice.name))])
        #expect(try await !scheduler.resident(work).engram.sites.features.isEmpty)
    }

    @Test("What is not there, or out of range, is refused and nothing changes")
    func refusals() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let state = try await scheduler.workingState(alice)
        let nobody = CheckpointID(rawValue: "ckpt-99")
        await #expect(throws: ServiceError.checkpointNotFound(nobody)) {
            _ = try await merge(scheduler, alice, [.init(.checkpoint(nobody))])
        }
        await #expect(throws: ServiceError.sessionNotFound(work)) {
            _ = try await merge(scheduler, alice, [.init(.session(work.name))])
        }
        for terms: [MergeRequest.Term] in [
            [], [.init(.session(alice.name), scale: 0)],
            [.init(.session(alice.name), scale: .nan)],
            [.init(.session(alice.name), scale: 17)],
            Array(repeating: .init(.session(alice.name)), count: 65),
        ] {
            await #expect(throws: ServiceError.self) {
                _ = try await merge(scheduler, alice, terms)
            }
        }
        await #expect(
            throws: ServiceError.revisionConflict(
                expected: .zero, found: Revision(rawValue: 1))
        ) {
            _ = try await scheduler.merge(
                alice, MergeRequest(terms: [.init(.session(alice.name))], ifMatch: .zero))
        }
        #expect(try await scheduler.workingState(alice) == state)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 1))
    }
}
