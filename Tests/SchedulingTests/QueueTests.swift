import EngramStorage
import Engrams
import Synchronization
import Testing

@testable import Scheduling

@Suite struct QueueTests {
    @Test("A full queue refuses at once, and takes the next when somebody is done")
    func full() async throws {
        let scheduler = makeScheduler { $0.queueCapacity = 2 }
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        let waiting = (0..<2).map { _ in Task { try await scheduler.bits(alice) } }
        #expect(await eventually { await scheduler.statistics().queueDepth == 2 })
        let full = ServiceError.queueFull(capacity: 2, retryAfterSeconds: 1)
        await #expect(throws: full) { try await scheduler.observe(alice, lesson) }
        await #expect(throws: full) { _ = try await scheduler.bits(alice) }
        await #expect(throws: full) { _ = try await scheduler.complete(alice, completion()) }
        roadblock.open()
        for task in waiting { _ = try await task.value }
        #expect(try await scheduler.observe(alice, lesson).revision == Revision(rawValue: 1))
        #expect(await scheduler.statistics().queueDepth == 0)
    }

    @Test("A flood of one session's writers is refused beyond its share, and keeps nobody else out")
    func flood() async throws {
        let scheduler = makeScheduler { $0.queueCapacity = 8 }
        try await scheduler.makeWorkSession()
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        let refused = Tally()
        let flood = (0..<64).map { _ in
            Task {
                do {
                    try await scheduler.observe(alice, lesson)
                } catch ServiceError.shareFull(let id, _, let seconds) {
                    #expect(id == alice.description || id == alice.user.description)
                    #expect(seconds >= 1)
                    refused.add()
                }
            }
        }
        // One works and six stand in line; the others are told to come again.
        #expect(await eventually { refused.count == 57 })
        #expect(await scheduler.gate.leases.waiting(for: .session(alice)) == 6)
        // Her other session and everybody else find room as if she were alone.
        let others = [work, bob, SessionID("carol")!].map { id in
            Task { try await scheduler.complete(id, completion()) }
        }
        roadblock.open()
        for other in others { _ = try await Collected(try await other.value) }
        for task in flood { try await task.value }
        #expect(refused.count == 57)
        #expect(try await scheduler.session(alice).revision == Revision(rawValue: 7))
        #expect(await scheduler.statistics().queueDepth == 0)
    }

    @Test("Writers of one session are served in the order they came")
    func order() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        var tasks: [Task<ObserveResult, any Error>] = []
        for number in 1...5 {
            tasks.append(
                Task { try await scheduler.observe(alice, "writer", key: "\(number)") })
            #expect(await eventually { await scheduler.statistics().queueDepth == number })
            // In line, not only let in.
            #expect(
                await eventually {
                    await scheduler.gate.leases.waiting(for: .session(alice)) == number - 1
                })
        }
        roadblock.open()
        for task in tasks { _ = try await task.value }
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.idempotencyKey) == ["1", "2", "3", "4", "5"])
    }

    @Test("A writer that is cancelled in line leaves it, and the others go on")
    func leavesLine() async throws {
        let store = InMemoryStore()
        let scheduler = makeScheduler(store)
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        var tasks: [Task<ObserveResult, any Error>] = []
        for number in 1...3 {
            tasks.append(
                Task { try await scheduler.observe(alice, "writer", key: "\(number)") })
            #expect(
                await eventually {
                    await scheduler.gate.leases.waiting(for: .session(alice)) == number - 1
                })
        }
        tasks[1].cancel()
        await #expect(throws: CancellationError.self) { _ = try await tasks[1].value }
        roadblock.open()
        _ = try await (tasks[0].value, tasks[2].value)
        let events = try await store.events(of: alice, after: 0, limit: 9)
        #expect(events.map(\.idempotencyKey) == ["1", "3"])
    }

    @Test("A writer that is cancelled while it learns changes nothing")
    func cancelledLearning() async throws {
        let scheduler = makeScheduler()
        let before = try await scheduler.bits(alice)
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        let task = Task { try await scheduler.observe(alice, lesson) }
        #expect(await eventually { await scheduler.statistics().queueDepth == 1 })
        task.cancel()
        roadblock.step()
        await #expect(throws: CancellationError.self) { _ = try await task.value }
        roadblock.open()
        #expect(try await scheduler.bits(alice) == before)
        #expect(try await scheduler.session(alice).revision == .zero)
    }

    @Test("A reader beside a writer sees the state before, and does not wait for the writer's turn")
    func readersOverlap() async throws {
        let scheduler = makeScheduler()
        let before = try await scheduler.bits(alice)
        let roadblock = Roadblock()
        await roadblock.set(up: scheduler)
        let writer = Task { try await scheduler.observe(alice, lesson) }
        #expect(await eventually { await scheduler.statistics().queueDepth == 1 })
        let reader = Task { try await scheduler.score(alice, ScoreRequest(text: lesson)) }
        #expect(await eventually { await scheduler.statistics().queueDepth == 2 })
        roadblock.open()
        let seen = try await reader.value
        #expect(seen.revision == .zero)
        #expect(seen.bitsPerByte == before)
        _ = try await writer.value
        #expect(try await scheduler.bits(alice).adapted < before.adapted)
    }

    @Test("The figures for the metrics add up")
    func statistics() async throws {
        let scheduler = makeScheduler()
        let observed = try await scheduler.observe(alice, lesson)
        let scored = try await scheduler.score(bob, ScoreRequest(text: lesson))
        let statistics = await scheduler.statistics()
        #expect(statistics.observedTokens == observed.tokens)
        #expect(statistics.scoredTokens == scored.tokens)
        #expect(statistics.learningEvents == 1)
        #expect(statistics.sessions == 1)
        #expect(statistics.residentEngrams == 1)
        #expect(statistics.residentEngramBytes > 0)
        #expect(statistics.busySeconds > 0)
        #expect(statistics.queueCapacity == 64)
    }
}

@Suite("How long people waited") struct LatencyTests {
    @Test("An answer counts once for its first token, and once for each that follows")
    func answers() async throws {
        let scheduler = makeScheduler()
        try await scheduler.answer(alice, "one", maxTokens: 12)
        let before = await scheduler.statistics()
        let latency = before.latency
        #expect(latency.firstToken.counts.reduce(0, +) == 1)
        // A first piece may hold several.
        let others = latency.interToken.counts.reduce(0, +)
        #expect((1..<before.generatedTokens).contains(others))
        #expect(latency.firstToken.sum > 0 && latency.interToken.sum > 0)
        #expect(latency.queue.counts.reduce(0, +) == 1)
        #expect(latency.batch.counts.reduce(0, +) == before.corePasses)
        try await scheduler.answer(alice, "three", maxTokens: 5, count: 3)
        let after = await scheduler.statistics().latency
        #expect(after.firstToken.counts.reduce(0, +) == 4)
        #expect(after.queue.counts.reduce(0, +) == 4)
    }

    @Test("A figure falls in the first bucket that holds it, and beyond the last in one more")
    func buckets() {
        var histogram = Histogram(bounds: [1, 2])
        for value in [0.5, 1, 1.5, 2, 3] { histogram.add(value) }
        histogram.add(2, times: 4)
        #expect(histogram.counts == [2, 6, 1] && histogram.sum == 16)
    }
}
