import EngramStorage
import Engrams
import OuterCortex
import Testing

@testable import Scheduling

@Suite struct RetentionTests {
    /// A scheduler whose every lesson makes an automatic checkpoint.
    private func keeping(_ count: Int, in store: any EngramStore = InMemoryStore()) -> Scheduler {
        makeScheduler(store) {
            $0.automaticCheckpointTokens = 1
            $0.automaticCheckpointsKept = count
        }
    }

    private func all(_ scheduler: Scheduler) async throws -> [CheckpointState] {
        try await scheduler.checkpoints(alice, page: Page()).items
    }

    @Test("The newest automatic checkpoints stay, and the head whatever is asked", arguments: 0...3)
    func newest(count: Int) async throws {
        let scheduler = keeping(count)
        for _ in 0..<5 { try await scheduler.observe(alice, lesson) }
        let left = try await all(scheduler)
        #expect(left.count == max(1, count))
        #expect(left.allSatisfy { $0.isAutomatic })
        #expect(left.last?.isHead == true)
        #expect(try await scheduler.session(alice).base == left.last?.id)
    }

    @Test("Named, noted and asked-for checkpoints stay, and what another session stands on")
    func kept() async throws {
        let scheduler = keeping(1)
        var made: [CheckpointID] = []
        func learn() async throws {
            try await scheduler.observe(alice, lesson)
            made.append(try #require(try await all(scheduler).last).id)
        }
        try await learn()
        _ = try await scheduler.describeCheckpoint(
            alice, checkpoint: made[0], name: "first", note: nil)
        try await learn()
        _ = try await scheduler.describeCheckpoint(
            alice, checkpoint: made[1], name: nil, note: "a note")
        let asked = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        #expect(!asked.isAutomatic)
        try await learn()
        // Stands on the checkpoint that was made last.
        try await scheduler.makeWorkSession()
        for _ in 0..<3 { try await learn() }
        let left = try await all(scheduler)
        #expect(left.map(\.id) == [made[0], made[1], asked.id, made[2], made[5]])

        // Without name and note it is one of the many again.
        _ = try await scheduler.describeCheckpoint(
            alice, checkpoint: made[0], name: "", note: nil)
        try await learn()
        #expect(try await all(scheduler).contains { $0.id == made[0] } == false)
    }

    @Test("What was pruned is not needed to come back after a crash")
    func recovery() async throws {
        let store = InMemoryStore()
        let scheduler = keeping(1, in: store)
        for _ in 0..<4 { try await scheduler.observe(alice, lesson) }
        let hash = try await scheduler.hash(alice)
        #expect(try await keeping(1, in: store).hash(alice) == hash)
    }

    @Test("An event is forgotten exactly although the checkpoints after it were pruned")
    func forgetting() async throws {
        let texts = ["The quorvath hums at dusk.", lesson, "zebra xylophone zebra", lesson]
        let scheduler = keeping(1)
        var events: [EventID] = []
        for text in texts { events.append(try await scheduler.observe(alice, text).event) }
        #expect(try await all(scheduler).count == 1)
        _ = try await scheduler.forget(alice, event: events[0], ifMatch: nil)
        // The same history without the first text: its checkpoints are where they were.
        let twin = makeScheduler()
        for text in [nil] + texts.dropFirst().map(Optional.some) {
            if let text { try await twin.observe(alice, text) }
            _ = try await twin.checkpoint(alice, name: nil, ifMatch: nil)
        }
        #expect(try await scheduler.hash(alice) == twin.hash(alice))
    }

    @Test("After a merge the one is kept from which to rebuild, should who was merged be discarded")
    func forgettingAfterMerge() async throws {
        let texts = ["One.", "Two.", "The quorvath hums at dusk.", lesson]
        let (scheduler, twin) = (keeping(1), makeScheduler())
        var events: [EventID] = []
        for one in [scheduler, twin] {
            try await one.makeWorkSession()
            try await one.observe(work, lesson)
            for (index, text) in texts.enumerated() {
                if index == 1 {
                    let merged = MergeRequest(terms: [.init(.session(work.name))])
                    _ = try await one.merge(alice, merged)
                }
                if one === scheduler {
                    events.append(try await one.observe(alice, text).event)
                } else {
                    if index != 2 { try await one.observe(alice, text) }
                    _ = try await one.checkpoint(alice, name: nil, ifMatch: nil)
                }
            }
            try await one.discard(work, ifMatch: nil)
        }
        // The first after the merge, and the head.
        #expect(try await all(scheduler).map(\.id.rawValue) == ["ckpt-2", "ckpt-4"])
        _ = try await scheduler.forget(alice, event: events[2], ifMatch: nil)
        #expect(try await scheduler.hash(alice) == twin.hash(alice))
    }

    @Test("A repeated request is told the revision of the first answer, with its checkpoint")
    func repeatedRequests() async throws {
        let scheduler = keeping(1)
        func observe() async throws -> ObserveResult {
            try await scheduler.observe(alice, lesson, key: "k")
        }
        func judge() async throws -> FeedbackResult {
            try await scheduler.feedback(alice, "cmpl-1", [1], key: "f")
        }
        try await scheduler.answer(alice, "cmpl-1")
        let learned = try await observe()
        let judged = try await judge()
        #expect(learned.revision.rawValue == 2 && !learned.replayed)
        for _ in 0..<3 {
            let (again, verdict) = (try await observe(), try await judge())
            #expect(again.replayed && again.revision == learned.revision)
            #expect(verdict.replayed && verdict.revision == judged.revision)
            // Prunes the checkpoints of both.
            try await scheduler.observe(alice, "and more of it")
        }
        #expect(try await all(scheduler).count == 1)
        // One that somebody asked for afterwards is none of the request's.
        let other = makeScheduler()
        let first = try await other.observe(alice, lesson, key: "k")
        _ = try await other.checkpoint(alice, name: nil, ifMatch: nil)
        let again = try await other.observe(alice, lesson, key: "k")
        #expect(again.replayed && again.revision == first.revision)
    }

    @Test("A checkpoint's name and note are given, changed and removed by whom it belongs to")
    func descriptions() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let made = try await scheduler.checkpoint(
            alice, name: "one", note: "the first", ifMatch: nil)
        #expect(made.name == "one" && made.note == "the first" && !made.isAutomatic)
        func state() async throws -> CheckpointState {
            try await scheduler.checkpoint(made.id, of: alice)
        }
        #expect(try await state().note == "the first")
        var changed = try await scheduler.describeCheckpoint(
            alice, checkpoint: made.id, name: nil, note: "another")
        #expect(changed.name == "one" && changed.note == "another" && changed.isHead)
        changed = try await scheduler.describeCheckpoint(
            alice, checkpoint: made.id, name: "", note: nil)
        #expect(changed.name == nil && changed.note == "another")
        #expect(try await all(scheduler).map(\.note) == ["another"])
        #expect(try await state().hash == made.hash)

        let long = String(repeating: "ä", count: 1001)
        for (name, note) in [(nil, long), (long, nil)] as [(String?, String?)] {
            await #expect {
                _ = try await scheduler.describeCheckpoint(
                    alice, checkpoint: made.id, name: name, note: note)
            } throws: { error in
                guard case ServiceError.invalidParameter = error else { return false }
                return true
            }
        }
        #expect(try await state().note == "another")
        _ = try await scheduler.session(bob)
        await #expect(throws: ServiceError.checkpointNotFound(made.id)) {
            _ = try await scheduler.describeCheckpoint(
                bob, checkpoint: made.id, name: "mine", note: nil)
        }
        await #expect(throws: ServiceError.checkpointNotFound(made.id)) {
            _ = try await scheduler.checkpoint(made.id, of: bob)
        }
    }

    @Test("Who has seen an older revision neither consolidates nor rolls back")
    func compareAndSwap() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let made = try await scheduler.checkpoint(alice, name: nil, ifMatch: Revision(rawValue: 1))
        let conflict = ServiceError.revisionConflict(
            expected: Revision(rawValue: 1), found: Revision(rawValue: 2))
        await #expect(throws: conflict) {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: Revision(rawValue: 1))
        }
        await #expect(throws: conflict) {
            _ = try await scheduler.restore(
                alice, checkpoint: made.id, ifMatch: Revision(rawValue: 1))
        }
        #expect(try await all(scheduler).count == 1)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 2))
    }

    @Test("A delta that is added to a moved head keeps what both lessons say, once each")
    func addition() async throws {
        let scheduler = makeScheduler()
        try await scheduler.makeWorkSession()
        try await scheduler.observe(alice, lesson)
        try await scheduler.observe(work, "zebra xylophone zebra xylophone zebra xylophone")
        let delta = try await scheduler.resident(work).engram
        let first = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        let head = try await scheduler.archive.engram(standingOn: first.id, of: alice.user)
        _ = try await scheduler.checkpoint(work, name: nil, ifMatch: nil)
        let sum = try await scheduler.resident(work).engram
        func weights(_ engram: Engram) -> [[Int32]: Float] {
            Dictionary(
                uniqueKeysWithValues: engram.sites.features.sorted().map {
                    ([$0.latent, $0.synapse.token], $0.synapse.weight)
                })
        }
        let (a, b) = (weights(head), weights(delta))
        let all = weights(sum)
        #expect(all.count > a.count)
        // What speaks is gain times weight: the head's weights go on under the delta's gain.
        #expect(sum.sites.gains == delta.sites.gains)
        let volume = head.sites.gains.feature / delta.sites.gains.feature
        #expect(abs(volume - 1) > 0.01)
        for (key, weight) in all {
            let expected = volume * (a[key] ?? 0) + (b[key] ?? 0)
            // Two roundings to a grid, and the bound of the safe zone.
            #expect(abs(weight - max(-8, min(8, expected))) < 0.05 * (abs(expected) + 0.1))
        }
        #expect(sum.tokensLearned == head.tokensLearned + delta.tokensLearned)
    }
}
