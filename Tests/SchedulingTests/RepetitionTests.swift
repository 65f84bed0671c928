import EngramStorage
import Engrams
import Foundation
import ModelFormats
import Testing

@testable import Scheduling

@Suite("A repeated request") struct RepetitionTests {
    private func request(_ key: String?, learn: LearnMode? = .both) -> CompleteRequest {
        var request = completion(learn: learn, topLogprobs: 2)
        request.idempotencyKey = key
        request.completion = AnswerID(completion: CompletionID(rawValue: "cmpl-1"))
        return request
    }

    private func complete(
        _ scheduler: Scheduler, _ request: CompleteRequest
    ) async throws -> Collected {
        try await Collected(scheduler.complete(alice, request))
    }

    @Test("after its event was forgotten, or discarded with the session, learns nothing again")
    func spent() async throws {
        let folder = temporaryFolder()
        for store in [InMemoryStore(), try SQLiteStore(folder: folder)] as [any EngramStore] {
            let scheduler = makeScheduler(store)
            let learned = try await scheduler.observe(alice, lesson, key: "k")
            try await scheduler.observe(alice, "more", key: "l")
            _ = try await scheduler.forget(alice, event: learned.event, ifMatch: nil)
            let hash = try await scheduler.hash(alice)
            for server in [scheduler, makeScheduler(store)] {
                for text in [lesson, "another text"] {
                    await #expect(throws: ServiceError.idempotencyKeySpent) {
                        try await server.observe(alice, text, key: "k")
                    }
                }
                #expect(try await server.hash(alice) == hash)
                #expect(try await server.observe(alice, "more", key: "l").replayed)
            }
            try await scheduler.discard(alice, ifMatch: nil)
            for key in ["k", "l"] {
                await #expect(throws: ServiceError.idempotencyKeySpent) {
                    try await scheduler.observe(alice, "more", key: key)
                }
            }
            #expect(try await scheduler.session(alice).tokensLearned == 0)
            // Another key teaches it, and in another session the key is another one.
            #expect(try await !scheduler.observe(alice, lesson, key: "m").replayed)
            #expect(try await !scheduler.observe(bob, lesson, key: "k").replayed)
            await store.close()
        }
    }

    @Test("that completes and learns gets the first answer, whole, and teaches nothing")
    func completes() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let first = try await complete(scheduler, request("k"))
        #expect(first.order.first == "piece" && first.summary?.event != nil)
        let hash = try await scheduler.hash(alice)
        var later = request("k")
        later.ifMatch = .zero
        later.completion = AnswerID(completion: CompletionID(rawValue: "cmpl-2"))
        for server in [scheduler, makeScheduler(store)] {
            let again = try await complete(server, later)
            #expect(again.repeats?.rawValue == "cmpl-1")
            #expect(again.texts == first.texts && again.reasons == first.reasons)
            #expect(again.logprobs == first.logprobs && first.logprobs > 0)
            #expect(again.summary?.replayed == true && first.summary?.replayed == false)
            #expect(again.summary?.event == first.summary?.event)
            #expect(again.summary?.revisionAfter == first.summary?.revisionAfter)
            #expect(try await server.hash(alice) == hash)
        }
        #expect(try await store.events(of: alice, after: 0, limit: 9).count == 1)
        var other = request("k")
        other.maxTokens += 1
        await #expect(throws: ServiceError.idempotencyKeyReused) {
            _ = try await complete(scheduler, other)
        }
        // The lease is free again, and without a key, or learning nothing, all is as ever.
        #expect(try await complete(scheduler, request(nil)).summary?.replayed == false)
        #expect(try await complete(scheduler, request("k", learn: LearnMode.none)).repeats == nil)
    }

    @Test("of a completion that was forgotten is refused, and none of its text is left")
    func forgottenCompletion() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let first = try await complete(scheduler, request("k"))
        let event = try #require(first.summary?.event)
        _ = try await scheduler.forget(alice, event: event, ifMatch: nil)
        #expect(try await store.event(event, of: alice)?.answer == nil)
        await #expect(throws: ServiceError.idempotencyKeySpent) {
            _ = try await complete(scheduler, request("k"))
        }
    }

    @Test("is told that its answer was not kept, where no text is")
    func deltas() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store) { $0.journal = .deltas }
        let event = try #require(try await complete(scheduler, request("k")).summary?.event)
        #expect(try await store.event(event, of: alice)?.answer == nil)
        await #expect(throws: ServiceError.answerNotKept(event)) {
            _ = try await complete(scheduler, request("k"))
        }
        #expect(try await store.events(of: alice, after: 0, limit: 9).count == 1)
    }

    @Test(
        "is known by a key of printable ASCII",
        arguments: ["", "\u{FFFD}", "Schlüssel", "a\nb", String(repeating: "k", count: 256)])
    func keys(key: String) async throws {
        let scheduler = makeScheduler()
        await #expect(throws: ServiceError.self) {
            try await scheduler.observe(alice, lesson, key: key)
        }
        await #expect(throws: ServiceError.self) { _ = try await complete(scheduler, request(key)) }
        #expect(try await scheduler.session(alice).events == 0)
    }
}
