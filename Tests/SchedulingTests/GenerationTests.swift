import EngramStorage
import Engrams
import ModelFormats
import OuterCortex
import Testing
import TinyCore

@testable import Scheduling

@Suite struct GenerationTests {
    @Test("An answer comes in pieces, ends with its reason and then with the figures")
    func streams() async throws {
        let scheduler = makeScheduler()
        let answer = try await Collected(
            try await scheduler.complete(
                alice, completion(maxTokens: 9, topLogprobs: 2, temperature: 0)))
        #expect(answer.order.suffix(2) == ["choice", "finished"])
        let summary = try #require(answer.summary)
        #expect(summary.promptTokens == cortex.tokenizer.encode("The heron").count)
        #expect(summary.completionTokens == answer.logprobs)
        #expect(summary.learnedTokens == 0)
        #expect(summary.event == nil)
        #expect(summary.revisionAfter == summary.revision)
        #expect(try await scheduler.session(alice).revision == .zero)
        let statistics = await scheduler.statistics()
        #expect(statistics.generatedTokens == summary.completionTokens)
        #expect(statistics.queueDepth == 0)
    }

    @Test("One seed gives one answer; n answers come from seeds one after the other")
    func seeds() async throws {
        let scheduler = makeScheduler()
        let one = try await Collected(try await scheduler.complete(alice, completion()))
        let again = try await Collected(try await scheduler.complete(alice, completion()))
        #expect(one.texts == again.texts)
        var request = completion(count: 6)
        let many = try await Collected(try await scheduler.complete(alice, request))
        #expect(many.texts[0] == one.texts[0])
        #expect(many.reasons.keys.sorted() == Array(0..<6))
        request = completion()
        request.seed = 12
        let sixth = try await Collected(try await scheduler.complete(alice, request))
        #expect(sixth.texts[0] == many.texts[5])
        #expect(Set(many.texts.values).count > 1)
    }

    @Test("Compare gives the adapted answer and the frozen one from the same seed")
    func compares() async throws {
        let scheduler = makeScheduler()
        for _ in 0..<4 { try await scheduler.observe(alice, lesson) }
        func texts(_ mode: CompletionMode, count: Int = 1) async throws -> [Int: String] {
            try await Collected(
                try await scheduler.complete(
                    alice, completion(maxTokens: 20, mode: mode, count: count))
            ).texts
        }
        let compared = try await texts(.compare, count: 2)
        let adapted = try await texts(.adapted, count: 2)
        let frozen = try await texts(.frozen, count: 2)
        for index in 0..<2 {
            #expect(compared[2 * index] == adapted[index])
            #expect(compared[2 * index + 1] == frozen[index])
        }
        #expect(adapted != frozen)
    }

    @Test(
        "A completion teaches what it is told to, as one event",
        arguments: [LearnMode.user, .prompt, .completion, .both])
    func learns(mode: LearnMode) async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let answer = try await Collected(
            try await scheduler.complete(alice, completion(maxTokens: 10, learn: mode)))
        let summary = try #require(answer.summary)
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.id) == [summary.event])
        #expect(events.map(\.kind) == [.completion])
        #expect(summary.revision == .zero)
        #expect(summary.revisionAfter == Revision(rawValue: 1))
        #expect(summary.learnedTokens > 0)
        let prompt = cortex.tokenizer.encode("The heron").map(\.rawValue)
        let learned = events[0].tokens
        switch mode {
        case .prompt, .user: #expect(learned == prompt)
        case .completion: #expect(learned.count == summary.completionTokens)
        case .both, .none:
            #expect(learned.prefix(prompt.count).elementsEqual(prompt))
            #expect(learned.count == prompt.count + summary.completionTokens)
        }
        // The same as observing those tokens.
        _ = try await scheduler.observe(
            bob, ObserveRequest(content: .tokens(learned.map { TokenID(rawValue: $0) })))
        #expect(try await scheduler.hash(bob) == scheduler.hash(alice))
    }

    @Test("A prompt that teaches is text; one that is only continued may be a template's")
    func controlTokens() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let text = "The<|endoftext|> heron"
        let letters = cortex.tokenizer.encode(text)
        let parsed = cortex.tokenizer.encode(text, parsingSpecialTokens: true)
        #expect(letters.count > parsed.count && parsed.contains(TokenID(0)))
        func promptTokens(_ parses: Bool?, _ learn: LearnMode) async throws -> Int? {
            var request = completion(text, maxTokens: 2, learn: learn)
            request.parsesSpecialTokens = parses
            return try await Collected(try await scheduler.complete(alice, request))
                .summary?.promptTokens
        }
        for learn in [LearnMode.none, .completion] {
            #expect(try await promptTokens(nil, learn) == parsed.count)
            #expect(try await promptTokens(true, learn) == parsed.count)
            #expect(try await promptTokens(false, learn) == letters.count)
        }
        for learn in [LearnMode.prompt, .both] {
            #expect(try await promptTokens(nil, learn) == letters.count)
            #expect(try await promptTokens(false, learn) == letters.count)
            await #expect(throws: ServiceError.self) { _ = try await promptTokens(true, learn) }
        }
        for event in try await store.events(of: alice, after: 0, limit: 99) {
            #expect(!event.tokens.prefix(letters.count).contains(0))
        }
        // The session's own mode counts too.
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, learn: .prompt))
        let answer = try await Collected(
            try await scheduler.complete(work, completion(text, maxTokens: 2)))
        #expect(answer.summary?.promptTokens == letters.count)
        // Ids are what they are.
        var request = completion(maxTokens: 2, learn: .prompt)
        request.prompt = .tokens(parsed)
        _ = try await Collected(try await scheduler.complete(work, request))
        let learned = try await store.events(of: work, after: 0, limit: 99).last
        #expect(learned?.tokens == parsed.map(\.rawValue))
    }

    @Test("A session made to learn does so unless a request says otherwise")
    func sessionDefault() async throws {
        let scheduler = makeScheduler()
        _ = try await scheduler.createSession(
            CreateSession(user: work.user, name: work.name, learn: .prompt))
        var answer = try await Collected(try await scheduler.complete(work, completion()))
        #expect(answer.summary?.event != nil)
        answer = try await Collected(
            try await scheduler.complete(work, completion(learn: LearnMode.none)))
        #expect(answer.summary?.event == nil)
    }

    @Test("A client that goes away stops its generation within a token; nothing is learned")
    func cancelled() async throws {
        let scheduler = makeScheduler { $0.decodeBurstMaximum = 1 }
        _ = try await scheduler.session(alice)
        // Every token waits for a slice of the roadblock.
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        var stream: AsyncThrowingStream<CompletionEvent, any Error>? =
            try await scheduler.complete(
                alice, completion(maxTokens: 50, learn: .both, temperature: 0))
        var iterator = stream?.makeAsyncIterator()
        let stepping = roadblock.keepStepping()
        let first = try await iterator?.next()
        stepping.cancel()
        await stepping.value
        #expect(first != nil)
        // The consumer goes: both its handles on the stream.
        iterator = nil
        stream = nil
        #expect(
            await eventually {
                roadblock.step()
                return await scheduler.statistics().cancelledGenerations == 1
            })
        roadblock.open()
        #expect(await eventually { await scheduler.statistics().queueDepth == 0 })
        #expect(await scheduler.statistics().generatedTokens == 0)
        #expect(try await scheduler.session(alice).revision == .zero)
        // The lease is free again.
        #expect(try await scheduler.observe(alice, lesson).revision == Revision(rawValue: 1))
    }

    @Test("A stop string ends the answer, is not shown and not learned")
    func stops() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let free = try await Collected(
            try await scheduler.complete(alice, completion(maxTokens: 20, temperature: 0)))
        let whole = try #require(free.texts[0])
        try #require(whole.unicodeScalars.count > 4)
        let stop = String(String.UnicodeScalarView(whole.unicodeScalars.dropFirst(2).prefix(2)))
        let stopped = try await Collected(
            try await scheduler.complete(
                alice, completion(maxTokens: 20, learn: .completion, stop: [stop], temperature: 0)))
        #expect(stopped.reasons[0] == .stop)
        let shown = stopped.texts[0] ?? ""
        #expect(!shown.contains(stop))
        let learned = try await store.events(of: alice, after: 0, limit: 9).first?.tokens ?? []
        #expect(cortex.tokenizer.decode(learned.map { TokenID(rawValue: $0) }) == shown)
    }

    @Test("A token's start is its place in the answer, and it is among the likeliest reported")
    func reportedTokens() async throws {
        let scheduler = makeScheduler()
        var shown = 0
        for seed in 0..<20 as Range<UInt64> {
            var request = completion(maxTokens: 24, topLogprobs: 1, temperature: 2)
            request.seed = seed
            var text = ""
            var tokens: [AnswerToken] = []
            for try await case .piece(let piece) in try await scheduler.complete(alice, request) {
                text += piece.text
                tokens += piece.logprobs
            }
            let scalars = Array(text.unicodeScalars)
            #expect(tokens.map(\.start) == tokens.map(\.start).sorted())
            for token in tokens {
                #expect(token.top.contains { $0.bytes == token.token.bytes })
                #expect((1...2).contains(token.top.count))
                guard let own = String(validating: token.token.bytes, as: UTF8.self) else {
                    continue
                }
                shown += 1
                #expect(scalars[token.start...].starts(with: own.unicodeScalars))
            }
        }
        #expect(shown > 50)
    }

    @Test("What a completion cannot be is refused before the stream begins")
    func refused() async throws {
        let scheduler = makeScheduler { $0.textBytesMaximum = 200 }
        let long = String(repeating: "q", count: TinyCore.contextLength)
        await #expect(
            throws: ServiceError.contextExceeded(
                promptTokens: TinyCore.contextLength, maxTokens: 12,
                contextLength: TinyCore.contextLength)
        ) {
            _ = try await scheduler.complete(alice, completion(long))
        }
        await #expect(throws: ServiceError.textTooLarge(bytes: 201, limit: 200)) {
            _ = try await scheduler.complete(
                alice, completion(String(repeating: "q", count: 201)))
        }
        for request in [
            completion(maxTokens: -1), completion(count: 0), completion(count: 17),
            completion(topLogprobs: 21), completion(temperature: -1),
            completion(temperature: .nan),
            completion(stop: [String](repeating: "x", count: 5)),
            completion(stop: ["x", String(repeating: "é", count: 513)]),
        ] {
            await #expect {
                _ = try await scheduler.complete(alice, request)
            } throws: { error in
                guard case ServiceError.invalidParameter = error else { return false }
                return true
            }
        }
        #expect(await scheduler.statistics().queueDepth == 0)
    }

    @Test("An answer ends where the context does, and an empty prompt is one")
    func contextEnds() async throws {
        let scheduler = makeScheduler()
        let answer = try await Collected(
            try await scheduler.complete(alice, completion("", maxTokens: 1000, temperature: 0)))
        let summary = try #require(answer.summary)
        #expect(summary.promptTokens == 0)
        #expect(summary.completionTokens < TinyCore.contextLength)
        let nothing = try await Collected(
            try await scheduler.complete(alice, completion("", maxTokens: 0, learn: .both)))
        #expect(nothing.summary?.event == nil)
        #expect(nothing.reasons[0] == .length)
    }
}
