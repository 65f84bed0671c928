import EngramStorage
import Engrams
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

@Suite struct LearningTests {
    @Test("What was observed is predicted better, and a reset undoes it to the last digit")
    func learnsAndResets() async throws {
        let scheduler = makeScheduler()
        let before = try await scheduler.bits(alice)
        #expect(before.frozen == before.adapted)
        let result = try await scheduler.observe(alice, lesson)
        #expect(result.bytes == lesson.utf8.count)
        #expect(result.tokens == cortex.tokenizer.encode(lesson).count)
        #expect(result.revision == Revision(rawValue: 1))
        #expect(!result.replayed)
        let after = try await scheduler.bits(alice)
        #expect(after.frozen == before.frozen)
        #expect(after.adapted < before.adapted)
        let state = try await scheduler.reset(alice, to: .head, ifMatch: nil)
        #expect(state.revision == Revision(rawValue: 2))
        #expect(state.tokensLearned == 0)
        #expect(try await scheduler.bits(alice) == before)
    }

    @Test("The journal tells what each text cost when it was learned, until it is forgotten")
    func measuredEvents() async throws {
        let scheduler = makeScheduler()
        let first = try await scheduler.observe(alice, lesson)
        let second = try await scheduler.observe(alice, lesson, key: "k")
        #expect(second.bitsPerByte.adapted < first.bitsPerByte.adapted)
        let page = Page()
        let told = try await scheduler.events(alice, page: page, text: false).items
        #expect(told.map(\.bitsPerByte) == [first.bitsPerByte, second.bitsPerByte])
        _ = try await scheduler.forget(alice, event: first.event, ifMatch: nil)
        let left = try await scheduler.events(alice, page: page, text: false).items
        #expect(left.map(\.bitsPerByte) == [nil, second.bitsPerByte, nil])
    }

    @Test("A frozen score, token by token, is the frozen figure twice")
    func perToken() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let frozen = try await scheduler.score(
            alice, ScoreRequest(text: "the reeds", perToken: true, frozenOnly: true))
        #expect(frozen.bitsPerByte.adapted == frozen.bitsPerByte.frozen)
        let tokens = try #require(frozen.perToken)
        #expect(tokens.map(\.text).joined() == "the reeds")
        let sum = tokens.reduce(0) { $0 + $1.frozen }
        #expect(abs(sum / 9 - frozen.bitsPerByte.frozen) < 1e-9)
        let adapted = try await scheduler.score(
            alice, ScoreRequest(text: "the reeds", perToken: true))
        #expect(adapted.perToken?.map(\.frozen) == tokens.map(\.frozen))
        #expect(adapted.bitsPerByte.adapted != adapted.bitsPerByte.frozen)
    }

    @Test("Ids of tokens teach the same as their text")
    func tokens() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        _ = try await scheduler.observe(
            bob, ObserveRequest(content: .tokens(cortex.tokenizer.encode(lesson))))
        #expect(try await scheduler.hash(alice) == scheduler.hash(bob))
    }

    @Test("A repeated request with one key learns once and gets the same answer")
    func idempotency() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let first = try await scheduler.observe(alice, lesson, key: "k")
        let hash = try await scheduler.hash(alice)
        try await scheduler.observe(alice, "more")
        // Its revision is long past, but it is the same request.
        var again = try await scheduler.observe(alice, lesson, key: "k", ifMatch: .zero)
        #expect(again.replayed)
        again.replayed = false
        #expect(again == first)
        await #expect(throws: ServiceError.idempotencyKeyReused) {
            try await scheduler.observe(alice, "another text", key: "k")
        }
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.sequence) == [1, 2])
        // Another session's key is another key, and its own lesson.
        let other = try await scheduler.observe(bob, lesson, key: "k")
        #expect(!other.replayed)
        #expect(try await scheduler.hash(bob) == hash)
    }

    @Test("Of many concurrent requests with one key one learns")
    func concurrentIdempotency() async throws {
        let scheduler = makeScheduler()
        let results = try await withThrowingTaskGroup(of: ObserveResult.self) { group in
            for _ in 0..<8 {
                group.addTask { try await scheduler.observe(alice, lesson, key: "k") }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.count { !$0.replayed } == 1)
        #expect(Set(results.map(\.event)).count == 1)
    }

    @Test("A revision that is not the session's is refused and nothing is learned")
    func ifMatch() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        let hash = try await scheduler.hash(alice)
        let (zero, one) = (Revision.zero, Revision(rawValue: 1))
        let conflict = ServiceError.revisionConflict(expected: zero, found: one)
        await #expect(throws: conflict) {
            try await scheduler.observe(alice, lesson, ifMatch: zero)
        }
        await #expect(throws: conflict) {
            _ = try await scheduler.complete(alice, completion(learn: .both, ifMatch: zero))
        }
        await #expect(throws: conflict) {
            _ = try await scheduler.reset(alice, to: .frozen, ifMatch: zero)
        }
        await #expect(throws: conflict) {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: zero)
        }
        await #expect(throws: conflict) { try await scheduler.discard(alice, ifMatch: zero) }
        #expect(try await scheduler.hash(alice) == hash)
        #expect(try await scheduler.observe(alice, lesson, ifMatch: one).revision > one)
    }

    @Test("Two writers of one session are serialised: the outcome is one after the other")
    func serialised() async throws {
        let busy = makeScheduler()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 { group.addTask { try await busy.observe(alice, lesson) } }
            try await group.waitForAll()
        }
        let quiet = makeScheduler()
        for _ in 0..<6 { try await quiet.observe(alice, lesson) }
        #expect(try await busy.workingState(alice) == quiet.workingState(alice))
    }

    @Test("A busy server and a quiet one come to the same bytes")
    func determinism() async throws {
        let texts = ["The heron stood.", lesson, "It rained on the river.", lesson + lesson]
        let quiet = makeScheduler()
        for text in texts { try await quiet.observe(alice, text) }

        let busy = makeScheduler { $0.residentBytesMaximum = 1 }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for user in 0..<6 {
                let other = SessionID("user\(user)")!
                group.addTask {
                    for text in texts.reversed() {
                        try await busy.observe(other, text)
                        _ = try await Collected(
                            try await busy.complete(other, completion(learn: .both)))
                    }
                }
            }
            group.addTask { for text in texts { try await busy.observe(alice, text) } }
            try await group.waitForAll()
        }
        #expect(try await busy.workingState(alice) == quiet.workingState(alice))
    }

    @Test(
        "A store that fails leaves session, score and journal as they were",
        arguments: [StorageError.diskFull, .readOnly, .failed(code: 10)])
    func storeFails(error: StorageError) async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, lesson)
        let hash = try await scheduler.hash(alice)
        store.fail(with: error)
        let expected =
            error == .diskFull
            ? ServiceError.storageFull(reason: error.description)
            : .storage(reason: error.description)
        await #expect(throws: expected) { try await scheduler.observe(alice, lesson, key: "k") }
        await #expect(throws: expected) {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        }
        await #expect(throws: expected) {
            _ = try await scheduler.reset(alice, to: .frozen, ifMatch: nil)
        }
        await #expect(throws: expected) {
            _ = try await Collected(
                try await scheduler.complete(alice, completion(learn: .both)))
        }
        store.fail(with: nil)
        #expect(try await scheduler.hash(alice) == hash)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 1))
        #expect(try await store.events(of: alice, after: 0, limit: 9).count == 1)
        let learned = try await scheduler.observe(alice, lesson, key: "k")
        #expect(!learned.replayed)
    }

    @Test("Bad content is refused with its numbers")
    func badContent() async throws {
        let scheduler = makeScheduler { $0.textBytesMaximum = 20 }
        await #expect(throws: ServiceError.emptyText) { try await scheduler.observe(alice, "") }
        await #expect(throws: ServiceError.emptyText) { _ = try await scheduler.bits(alice, "") }
        await #expect(throws: ServiceError.textTooLarge(bytes: 21, limit: 20)) {
            try await scheduler.observe(alice, String(repeating: "a", count: 21))
        }
        for wrong in [Int32(-1), Int32(TinyCore.vocabularySize)] {
            let expected = ServiceError.tokenOutOfRange(
                found: Int(wrong), vocabularySize: TinyCore.vocabularySize)
            await #expect(throws: expected) {
                _ = try await scheduler.observe(
                    alice, ObserveRequest(content: .tokens([TokenID(rawValue: wrong)])))
            }
        }
        for reward in [Float.nan, 1.5, -Float.infinity] {
            await #expect(throws: ServiceError.self) {
                _ = try await scheduler.observe(
                    alice, ObserveRequest(content: .text("a"), reward: reward))
            }
        }
        #expect(try await scheduler.session(alice).revision == .zero)
    }
}
