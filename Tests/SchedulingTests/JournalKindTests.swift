import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

@Suite struct JournalKindTests {
    private func deltas(_ store: any EngramStore) -> Scheduler {
        makeScheduler(store) { $0.journal = .deltas }
    }

    /// Every way to bring something to learn.
    private func teach(_ scheduler: Scheduler) async throws {
        try await scheduler.observe(alice, lesson, key: "first")
        let file = try await scheduler.exportDelta(alice, scope: .total).file
        _ = try await Collected(try await scheduler.complete(alice, completion(learn: .both)))
        try await scheduler.answer(alice, "cmpl-1")
        try await scheduler.feedback(alice, "cmpl-1", [1], key: "verdict")
        _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        try await scheduler.observe(alice, "The river ran on and on.")
        _ = try await scheduler.importDelta(alice, file: file, ifMatch: nil)
        try await scheduler.observe(alice, lesson)
    }

    /// A rule that remembers positions, too.
    private func remembering() throws -> Cortex {
        var rule = cortex.rule
        rule.episode.capacity = 400
        rule.episode.minimumSurprise = 0
        rule.episode.isPersisted = true
        rule.tensors = RuleTensors(keyProjection: .identity(size: TinyCore.hiddenSize))
        return try cortex.with(rule: rule)
    }

    @Test("Without text nothing goes into what spells it, whatever comes; the rest learns")
    func spellsNothing() async throws {
        let cortex = try remembering()
        var configuration = SchedulerConfiguration()
        let with = Scheduler(cortex: cortex, store: InMemoryStore(), configuration: configuration)
        configuration.journal = .deltas
        let store = InMemoryStore()
        let without = Scheduler(cortex: cortex, store: store, configuration: configuration)
        try await teach(with)
        let words = try await with.resident(alice).engram.ownersWords
        #expect(words.episodes > 50 && words.sequences > 50)
        let file = try await with.exportDelta(alice, scope: .total).file

        let before = try await without.bits(alice)
        try await without.observe(alice, lesson)
        #expect(try await without.bits(alice).adapted < before.adapted)
        try await teach(without)
        _ = try await without.importDelta(alice, file: file, ifMatch: nil)
        let transferred = try await without.transferDelta(alice, file: file, ifMatch: nil)
        let counts = transferred.report.sites.filter {
            ["episodes", "sequences"].contains($0.name)
        }
        #expect(counts.count == 2 && counts.allSatisfy { $0.after == 0 })
        try await without.observe(alice, lesson)
        try await without.makeWorkSession()
        _ = try await without.merge(work, MergeRequest(terms: [.init(.session(alice.name))]))
        for id in [alice, work] {
            let engram = try await without.resident(id).engram
            #expect(engram.ownersWords == OwnersWords())
            #expect(!engram.sites.features.isEmpty)
        }
        for checkpoint in try await without.checkpoints(alice, page: Page()).items {
            let blob = try #require(try await store.engram(of: checkpoint.id, of: alice.user))
            #expect(try Engram(serialized: blob, name: "kept").ownersWords == OwnersWords())
        }
    }

    @Test("No text and no imported file is kept, and each learning event says so")
    func keepsNothing() async throws {
        let store = InMemoryStore()
        let scheduler = deltas(store)
        try await teach(scheduler)
        let events = try await store.events(of: alice, after: 0, limit: 99)
        #expect(events.count == 7)
        #expect(events.allSatisfy { $0.tokens.isEmpty && $0.engram == nil })
        #expect(events.allSatisfy { $0.keepsContent != $0.kind.bringsContent })
        #expect(try await store.snapshot(of: alice)?.sequence == 7)
        let learned = events.filter { $0.kind == .observe }
        #expect(learned.allSatisfy { $0.tokenCount > 0 })
    }

    @Test("Without text nothing of one is in the folder's files")
    func notOnDisk() async throws {
        let folder = temporaryFolder()
        let scheduler = deltas(try SQLiteStore(folder: folder))
        let secret = "Seven violet lanterns hang above the ferry house."
        try await scheduler.observe(alice, secret)
        let tokens = cortex.tokenizer.encode(secret).map { UInt32(bitPattern: $0.rawValue) }
        let traces = [
            Data(secret.utf8),
            Data(tokens[2..<10].flatMap { token in withUnsafeBytes(of: token) { Array($0) } }),
        ]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            let file = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
            for trace in traces { #expect(file.range(of: trace) == nil) }
        }
        await scheduler.shutdown()
    }

    @Test("Without text a session recovers after a kill, and knows its requests again")
    func recovers() async throws {
        let store = InMemoryStore()
        let scheduler = deltas(store)
        try await teach(scheduler)
        let first = try await scheduler.observe(alice, lesson, key: "first")
        #expect(first.replayed)
        let reopened = deltas(store)
        #expect(try await reopened.workingState(alice) == scheduler.workingState(alice))
        var again = try await reopened.observe(alice, lesson, key: "first")
        #expect(again.event == first.event && again.replayed)
        again = try await reopened.observe(alice, lesson)
        #expect(!again.replayed)
        await #expect(throws: ServiceError.idempotencyKeyReused) {
            try await reopened.observe(alice, "Another text.", key: "first")
        }
    }

    @Test("A server that changes what it keeps goes on with the sessions that are there")
    func switches() async throws {
        let store = InMemoryStore()
        let first = makeScheduler(store)
        try await first.observe(alice, lesson)
        let before = try await first.resident(alice).engram.sites.sequences
        let second = deltas(store)
        try await second.observe(alice, "The river ran on and on, and the heron flew.")
        // What was learned with its text stays, as it was.
        let after = try await second.resident(alice).engram.sites.sequences
        #expect(!before.isEmpty && after == before)
        let third = makeScheduler(store)
        try await third.observe(alice, lesson)
        let kept = try await store.events(of: alice, after: 0, limit: 9).map(\.keepsContent)
        #expect(kept == [true, false, true])
        let reopened = makeScheduler(store)
        #expect(try await reopened.workingState(alice) == third.workingState(alice))
    }

    @Test("What needs an event again that was not kept is refused by its name")
    func refusesReplay() async throws {
        let (store, bare) = (InMemoryStore(), InMemoryStore())
        try await deltas(store).observe(alice, lesson)
        let event = try #require(try await store.events(of: alice, after: 0, limit: 1).first)
        // The same session, its working state lost.
        try await bare.createSession(
            SessionRecord(
                id: alice, base: nil, origin: nil, learn: "none", created: 0, updated: 0),
            engram: nil)
        let record = try #require(try await store.session(alice))
        try await bare.append(JournalEntry(event: event, session: record))
        await #expect(throws: ServiceError.contentNotKept(event.id)) {
            try await makeScheduler(bare).observe(alice, lesson)
        }
    }

    @Test("Encryption changes no byte of what is learned or exported")
    func encryption() async throws {
        let folder = temporaryFolder()
        let key = DataKey.random()
        let (plain, sealed) = (
            makeScheduler(), makeScheduler(try SQLiteStore.open(folder: folder, key: key))
        )
        try await teach(plain)
        try await teach(sealed)
        #expect(try await sealed.workingState(alice) == plain.workingState(alice))
        #expect(
            try await sealed.exportDelta(alice, scope: .total).file
                == plain.exportDelta(alice, scope: .total).file)
        let list = Page(limit: 9)
        let hashes = try await sealed.checkpoints(alice, page: list).items.map(\.hash)
        #expect(try await plain.checkpoints(alice, page: list).items.map(\.hash) == hashes)
        await sealed.shutdown()
        let reopened = makeScheduler(try SQLiteStore.open(folder: folder, key: key))
        #expect(try await reopened.workingState(alice) == plain.workingState(alice))
        await reopened.shutdown()
    }
}
