import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

@Suite struct FeedbackTests {
    private func isMissing(_ error: any Error) -> Bool {
        if case ServiceError.completionNotFound = error { return true }
        return false
    }

    @Test("A liked answer becomes likelier, as one durable event")
    func likes() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let text = try #require(try await scheduler.answer(alice, "cmpl-1")[0])
        #expect(try await scheduler.session(alice).revision == .zero)
        let before = try await scheduler.bits(alice, "The heron" + text)
        let result = try await scheduler.feedback(alice, "cmpl-1", [1])
        #expect(result.revision == Revision(rawValue: 1))
        #expect(result.tokens == 12)
        #expect(result.learnedTokens == 12)
        #expect(result.streak == 1)
        #expect(!result.replayed)
        let answer = try #require(result.answers.first)
        #expect(answer.advantage == 1)
        #expect(answer.logprobAfter > answer.logprobBefore)
        #expect(try await scheduler.bits(alice, "The heron" + text).adapted < before.adapted)

        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.kind) == [.feedback])
        #expect(events.map(\.id) == [result.event])
        let prompt = cortex.tokenizer.encode("The heron")
        #expect(events[0].tokens.prefix(prompt.count) == prompt.map(\.rawValue)[...])
        #expect(events[0].tokens.count == prompt.count + 12)
        #expect(events[0].tokenCount == 12)
        #expect(await scheduler.statistics().feedbackEvents == 1)
        #expect(await scheduler.statistics().learningEvents == 1)
    }

    @Test("What is unknown, another's or of another session is not found, and nothing changes")
    func notFound() async throws {
        let scheduler = makeScheduler()
        try await scheduler.makeWorkSession()
        try await scheduler.answer(alice, "cmpl-1")
        let hash = try await scheduler.hash(alice)
        for (session, id) in [(alice, "cmpl-2"), (bob, "cmpl-1"), (work, "cmpl-1")] {
            await #expect {
                try await scheduler.feedback(session, id, [1])
            } throws: {
                isMissing($0)
            }
        }
        // The second choice of a completion that has one; with the first, which is there.
        await #expect {
            try await scheduler.feedback(alice, "cmpl-1", [1, 0])
        } throws: {
            isMissing($0)
        }
        #expect(try await scheduler.hash(alice) == hash)
        #expect(try await scheduler.session(alice).revision == .zero)
        #expect(await scheduler.statistics().feedbackEvents == 0)
    }

    @Test("The completions longest not used are dropped, by number and by tokens")
    func eviction() async throws {
        let few = makeScheduler { $0.completionsRememberedMaximum = 2 }
        for id in ["cmpl-1", "cmpl-2"] { try await few.answer(alice, id) }
        try await few.feedback(alice, "cmpl-1", [1])
        try await few.answer(bob, "cmpl-3")
        await #expect {
            try await few.feedback(alice, "cmpl-2", [1])
        } throws: {
            isMissing($0)
        }
        try await few.feedback(alice, "cmpl-1", [1])

        let prompt = cortex.tokenizer.encode("The heron").count
        let short = makeScheduler { $0.completionTokensRememberedMaximum = prompt + 12 }
        try await short.answer(alice, "cmpl-1")
        try await short.feedback(alice, "cmpl-1", [1])
        try await short.answer(alice, "cmpl-2", maxTokens: 1)
        await #expect {
            try await short.feedback(alice, "cmpl-1", [1])
        } throws: {
            isMissing($0)
        }
    }

    @Test("A discarded session's answers are forgotten with it")
    func discarded() async throws {
        let scheduler = makeScheduler()
        try await scheduler.makeSession(alice)
        try await scheduler.answer(alice, "cmpl-1")
        try await scheduler.answer(bob, "cmpl-2")
        try await scheduler.discard(alice, ifMatch: nil)
        await #expect {
            try await scheduler.feedback(alice, "cmpl-1", [1])
        } throws: {
            isMissing($0)
        }
        try await scheduler.feedback(bob, "cmpl-2", [1])
        #expect(await scheduler.host.answers.count == 1)
    }

    @Test("A repeated request learns once, also when the completion is forgotten since")
    func idempotency() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.answer(alice, "cmpl-1")
        let first = try await scheduler.feedback(alice, "cmpl-1", [1], key: "k")
        let hash = try await scheduler.hash(alice)
        for repeated in [scheduler, makeScheduler(store)] {
            var again = try await repeated.feedback(alice, "cmpl-1", [1], key: "k")
            #expect(again.replayed)
            again.replayed = false
            #expect(again == first)
            #expect(try await repeated.hash(alice) == hash)
            for (id, reward) in [("cmpl-1", 0.5), ("cmpl-2", 1)] {
                await #expect(throws: ServiceError.idempotencyKeyReused) {
                    try await repeated.feedback(alice, id, [reward], key: "k")
                }
            }
            await #expect(throws: ServiceError.idempotencyKeyReused) {
                try await repeated.observe(alice, lesson, key: "k")
            }
        }
    }

    @Test("Another revision than the expected one is refused")
    func ifMatch() async throws {
        let scheduler = makeScheduler()
        try await scheduler.answer(alice, "cmpl-1")
        let one = Revision(rawValue: 1)
        await #expect(throws: ServiceError.revisionConflict(expected: one, found: .zero)) {
            try await scheduler.feedback(alice, "cmpl-1", [1], ifMatch: one)
        }
        #expect(try await scheduler.feedback(alice, "cmpl-1", [1], ifMatch: .zero).revision == one)
    }

    @Test(
        "Rewards out of range, no verdict, one answer twice or too many are refused",
        arguments: [[2], [-1.001], [.nan], [], [Double](repeating: 1, count: 65)])
    func refuses(rewards: [Double]) async throws {
        let scheduler = makeScheduler()
        try await scheduler.answer(alice, "cmpl-1")
        await #expect {
            try await scheduler.feedback(alice, "cmpl-1", rewards)
        } throws: { error in
            guard case ServiceError.invalidParameter = error else { return false }
            return true
        }
        let verdict = FeedbackRequest.Verdict(
            answer: AnswerID(completion: CompletionID(rawValue: "cmpl-1")), reward: 1)
        await #expect {
            try await scheduler.feedback(alice, FeedbackRequest(verdicts: [verdict, verdict]))
        } throws: { error in
            guard case ServiceError.invalidParameter = error else { return false }
            return true
        }
    }

    @Test("A group is judged relative to itself; equal rewards teach nothing and are on record")
    func groups() async throws {
        let scheduler = makeScheduler()
        try await scheduler.answer(alice, "cmpl-1", count: 2)
        let hash = try await scheduler.hash(alice)
        let equal = try await scheduler.feedback(alice, "cmpl-1", [1, 1])
        #expect(equal.answers.map(\.advantage) == [0, 0])
        #expect(equal.learnedTokens == 0)
        #expect(equal.tokens == 24)
        #expect(equal.revision == Revision(rawValue: 1))
        #expect(try await scheduler.session(alice).tokensLearned == 0)
        for answer in equal.answers { #expect(answer.logprobAfter == answer.logprobBefore) }
        let better = try await scheduler.feedback(alice, "cmpl-1", [0.2, 0.4])
        #expect(better.answers.map(\.advantage).map { ($0 * 1e9).rounded() / 1e9 } == [-1, 1])
        #expect(better.streak == 0)
        let gains = better.answers.map { $0.logprobAfter - $0.logprobBefore }
        #expect(gains[1] > gains[0])
        #expect(try await scheduler.hash(alice) != hash)
    }

    @Test("A streak raises the gain, outlives a restart, and ends with a reset")
    func streaks() async throws {
        let store = InMemoryStore()
        let first = makeScheduler(store)
        func like(_ scheduler: Scheduler, _ reward: Double = 1) async throws -> FeedbackResult {
            try await scheduler.answer(alice, "cmpl-1")
            return try await scheduler.feedback(alice, "cmpl-1", [reward])
        }
        #expect(try await like(first).gain == 1)
        #expect(try await like(first).gain == 1.25)
        try await first.observe(alice, "Another text comes between.")
        _ = try await first.checkpoint(alice, name: nil, ifMatch: nil)
        let second = makeScheduler(store)
        let third = try await like(second)
        #expect(third.streak == 3)
        #expect(third.gain == 1.5)
        #expect(try await like(second, -1).streak == -1)
        _ = try await second.reset(alice, to: .head, ifMatch: nil)
        #expect(try await like(second, -1).streak == -1)
    }

    @Test("The gain of a streak reaches what is learned")
    func gain() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        try await scheduler.answer(alice, "cmpl-1")
        for _ in 0..<2 { try await scheduler.feedback(alice, "cmpl-1", [0.5]) }
        let tokens = try await store.events(of: alice, after: 0, limit: 1)[0].tokens
        let prompt = cortex.tokenizer.encode("The heron")
        let answer = tokens.dropFirst(prompt.count).map { TokenID(rawValue: $0) }
        var engram = cortex.emptyEngram()
        for drive in [0.5, 0.5 * 1.25] {
            let task = cortex.startFeedback(
                [JudgedAnswer(prompt: prompt, answer: answer, drive: drive)], from: engram)
            while !task.advance() {}
            try engram.commit(task.result.proposal, within: cortex.zone)
        }
        #expect(try await scheduler.workingState(alice) == engram.serialized(as: .workingState))
    }

    @Test("Both answers of a comparison can be judged, the frozen core's too")
    func compare() async throws {
        let scheduler = makeScheduler()
        try await scheduler.observe(alice, lesson)
        try await scheduler.answer(alice, "cmpl-1", mode: .compare)
        let result = try await scheduler.feedback(alice, "cmpl-1", [-1, 1])
        #expect(result.answers[1].logprobAfter > result.answers[1].logprobBefore)
    }

    @Test("An answer that a stop string ended is learned as its reader saw it")
    func stopped() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let whole = try #require(
            try await scheduler.answer(alice, "cmpl-1", maxTokens: 30)[0])
        let stop = String(whole.unicodeScalars.dropFirst(12).prefix(3))
        let shown = try #require(
            try await scheduler.answer(alice, "cmpl-2", maxTokens: 30, stop: [stop])[0])
        #expect(shown.utf8.count < whole.utf8.count)
        try await scheduler.feedback(alice, "cmpl-2", [1])
        let events = try await store.events(of: alice, after: 0, limit: 9)
        let prompt = cortex.tokenizer.encode("The heron").count
        let learned = events[0].tokens.dropFirst(prompt).map { TokenID(rawValue: $0) }
        #expect(cortex.tokenizer.decode(learned) == shown)
    }

    @Test("A record that does not fit its event's tokens is not read")
    func record() {
        func record(_ lengths: [(Int, Int)]) -> FeedbackRecord {
            FeedbackRecord(
                answers: lengths.map {
                    .init(promptTokens: $0.0, answerTokens: $0.1, reward: 1, advantage: 2)
                }, streak: 1, gain: 1.5)
        }
        let judged = record([(1, 2), (0, 1)]).judged([7, 8, 9, 5])
        #expect(judged?.map(\.prompt) == [[TokenID(7)], []])
        #expect(judged?.map(\.answer) == [[TokenID(8), TokenID(9)], [TokenID(5)]])
        #expect(judged?.map(\.drive) == [3, 3])
        #expect(record([(1, 2)]).judged([7, 8]) == nil)
        #expect(record([(1, 1)]).judged([7, 8, 9]) == nil)
        #expect(record([(-1, 4)]).judged([7, 8, 9]) == nil)
        #expect(record([(3, .max)]).judged([7, 8, 9]) == nil)
    }
}

@Suite struct CompletionMemoryTests {
    private let prompt = [TokenID(1), TokenID(2)]

    @Test("Answers to several prompts of one completion are told apart by their choice")
    func choices() {
        var memory = CompletionMemory(completionLimit: 9, tokenLimit: 99)
        let id = CompletionID(rawValue: "c")
        memory.remember(
            id, of: alice, prompt: prompt, answers: [[TokenID(3)], [TokenID(4)]], firstChoice: 0)
        memory.remember(id, of: alice, prompt: [], answers: [[TokenID(5)]], firstChoice: 2)
        #expect(memory.count == 1)
        #expect(memory.tokenCount == 5)
        let found = (0..<4).map { memory.use(AnswerID(completion: id, choice: $0), of: alice) }
        #expect(found.map { $0?.answer } == [[TokenID(3)], [TokenID(4)], [TokenID(5)], nil])
        #expect(found.map { $0?.prompt } == [prompt, prompt, [], nil])
        #expect(memory.use(AnswerID(completion: id), of: bob) == nil)
        memory.forget(alice)
        #expect(memory.count == 0 && memory.tokenCount == 0)
    }

    @Test("It never holds more than its bounds, whatever comes")
    func bounds() {
        var memory = CompletionMemory(completionLimit: 3, tokenLimit: 20)
        for index in 0..<50 {
            let answer = [TokenID](repeating: TokenID(1), count: index % 30)
            memory.remember(
                CompletionID(rawValue: "\(index)"), of: index.isMultiple(of: 2) ? alice : bob,
                prompt: prompt, answers: [answer], firstChoice: 0)
            #expect(memory.count <= 3)
            #expect(memory.tokenCount <= 20)
        }
        let last = AnswerID(completion: CompletionID(rawValue: "49"))
        #expect(memory.use(last, of: bob) == nil, "an answer larger than the bound is not kept")
    }
}
