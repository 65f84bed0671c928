import Engrams
import OuterCortex
import Testing

@testable import Scheduling

@Suite("Memory for contexts") struct ContextMemoryTests {
    private func user(_ name: String) -> UserID { UserID(rawValue: name)! }

    @Test("Work begins while there is room, and in its turn when there is again")
    func turns() {
        var memory = ContextMemory(byteLimit: 100)
        #expect(memory.enter(1, of: user("a"), bytes: 60) == [1])
        #expect(memory.enter(2, of: user("b"), bytes: 60) == [])
        // A smaller one does not overtake.
        #expect(memory.enter(3, of: user("c"), bytes: 10) == [])
        #expect(memory.enter(4, of: user("c"), bytes: 0) == [4])
        #expect(memory.waitingCount == 2 && memory.isWaiting(3) && memory.reserved == 60)
        #expect(memory.leave(1) == [2, 3])
        #expect(memory.reserved == 70 && memory.waitingCount == 0)
        #expect(memory.leave(2) == [] && memory.leave(3) == [] && memory.leave(4) == [])
        #expect(memory.reserved == 0)
    }

    @Test("Who has the least comes next; one who waits no longer gives way")
    func fairness() {
        var memory = ContextMemory(byteLimit: 100)
        #expect(memory.enter(1, of: user("a"), bytes: 50) == [1])
        #expect(memory.enter(2, of: user("a"), bytes: 50) == [2])
        #expect(memory.enter(3, of: user("a"), bytes: 50) == [])
        #expect(memory.enter(4, of: user("a"), bytes: 50) == [])
        #expect(memory.enter(5, of: user("b"), bytes: 80) == [])
        // Half of it is free, and b comes first and needs more.
        #expect(memory.leave(1) == [])
        #expect(memory.leave(5) == [3])
        #expect(memory.leave(4) == [] && !memory.isWaiting(4))
        #expect(memory.leave(2) == [] && memory.leave(3) == [] && memory.reserved == 0)
    }

    /// What one context of a text takes.
    private func bytes(_ tokens: Int) -> Int {
        cortex.contextBytes(tokens: tokens, with: cortex.emptyEngram())
    }

    @Test("Work that finds no room waits for others to end; cancelled, it never begins")
    func waiting() async throws {
        let thread = CortexThread(
            decodeBurstMaximum: 2, stackBytes: 1 << 20, memory: .init(byteLimit: 100))
        defer { thread.stop() }
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let first = Task {
            try await thread.run(for: alice, memory: 60) {
                begin.yield()
                return CortexWork<Int> { .more(.bulk) }
            }
        }
        for await _ in begun { break }
        func start(_ output: Int) -> Task<Int, any Error> {
            Task {
                try await thread.run(for: bob, memory: 60) { CortexWork { .done(output) } }
            }
        }
        let (second, third) = (start(2), start(3))
        while thread.taskCount < 3 { await Task.yield() }
        #expect(try await thread.run(for: bob) { CortexWork { .done(4) } } == 4)
        while thread.load.waitingForMemory != 2 { await Task.yield() }
        third.cancel()
        await #expect(throws: CancellationError.self) { try await third.value }
        first.cancel()
        await #expect(throws: CancellationError.self) { try await first.value }
        #expect(try await second.value == 2)
        await #expect(throws: ServiceError.contextTooLarge(bytes: 101, limit: 100)) {
            try await thread.run(for: bob, memory: 101) { CortexWork { .done(5) } }
        }
    }

    @Test("More than there is for all is refused before anything happens")
    func refusals() async throws {
        let scheduler = makeScheduler { $0.contextBytesMaximum = bytes(20) }
        await #expect(throws: ServiceError.self) { try await scheduler.observe(alice, lesson) }
        try await scheduler.observe(alice, "A heron.")
        await #expect(
            throws: ServiceError.contextTooLarge(bytes: bytes(57), limit: bytes(20))
        ) {
            try await scheduler.complete(alice, completion("The heron", maxTokens: 50))
        }
        let answer = try await scheduler.answer(alice, "a", prompt: "A", maxTokens: 4)
        #expect(answer.count == 1)
        #expect(await scheduler.statistics().contexts.reservedBytes == 0)
    }

    @Test("Many answers end though memory is for one at a time, with the texts that each has alone")
    func oneAtATime() async throws {
        func texts(_ limit: Int) async throws -> [[Int: String]] {
            let scheduler = makeScheduler { $0.contextBytesMaximum = limit }
            return try await withThrowingTaskGroup(of: (Int, [Int: String]).self) { group in
                for index in 0..<6 {
                    group.addTask {
                        let id = SessionID(index % 2 == 0 ? "alice/s\(index)" : "bob/s\(index)")!
                        _ = try await scheduler.createSession(
                            CreateSession(user: id.user, name: id.name))
                        return (
                            index,
                            try await scheduler.answer(
                                id, "a\(index)", prompt: "The heron \(index)", maxTokens: 8)
                        )
                    }
                }
                var all = [[Int: String]](repeating: [:], count: 6)
                for try await (index, text) in group { all[index] = text }
                return all
            }
        }
        #expect(try await texts(bytes(30)) == texts(.max))
    }

    @Test("A conversation goes on with its context; another user's does not, nor a deleted one's")
    func nextTurns() async throws {
        let scheduler = makeScheduler()
        let prompt = "The heron stood in the reeds."
        try await scheduler.observe(alice, "A heron.")
        try await scheduler.observe(bob, "A heron.")
        try await scheduler.answer(alice, "a", prompt: prompt)
        #expect(await scheduler.statistics().contexts.hits == 0)
        try await scheduler.answer(alice, "b", prompt: prompt + " It")
        let contexts = await scheduler.statistics().contexts
        #expect(contexts.hits == 1 && contexts.hitTokens >= 16)
        #expect(contexts.idle == 2 && contexts.idleBytes > 0 && contexts.pageBytes > 0)
        try await scheduler.answer(bob, "c", prompt: prompt)
        #expect(await scheduler.statistics().contexts.hits == 1)
        _ = try await scheduler.deleteUser(alice.user)
        try await scheduler.answer(alice, "d", prompt: prompt)
        #expect(await scheduler.statistics().contexts.hits == 1)
    }
}
