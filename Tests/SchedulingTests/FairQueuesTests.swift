import Dispatch
import Engrams
import Testing

@testable import Scheduling

@Suite struct FairQueuesTests {
    @Test("Parties take turns, and what is one party's stays in order")
    func turns() {
        var turns = Turns<String, Int>()
        #expect(turns.next() == nil)
        for item in 1...3 { turns.add(item, of: "a") }
        turns.add(10, of: "b")
        #expect(turns.next() == 1)
        turns.add(20, of: "c")
        turns.add(11, of: "b")
        #expect((0..<6).map { _ in turns.next() } == [10, 2, 20, 11, 3, nil])
        turns.add(4, of: "a")
        #expect(turns.next() == 4)
    }

    @Test("One user's pile of work holds up another's by one piece, and short work not at all")
    func fairness() async throws {
        let queues = FairQueues()
        let done = Tally()
        let gate = DispatchSemaphore(value: 0)
        let blocker = Task { try await queues.run(for: alice.user, in: .long) { gate.wait() } }
        let pile = await submitted(50) {
            try await queues.run(for: alice.user, in: .long) { done.add() }
        }
        let other = Task {
            try await queues.run(for: bob.user, in: .long) { done.count }
        }
        try await Task.sleep(for: .milliseconds(50))
        #expect(try await queues.run(for: bob.user, in: .short) { done.count } == 0)
        gate.signal()
        try await blocker.value
        #expect(try await other.value <= 1)
        for task in pile { try await task.value }
        #expect(done.count == 50)
    }

    /// Tasks that have all begun, and had time to hand their work in.
    private func submitted(
        _ count: Int, _ body: @escaping @Sendable () async throws -> Void
    ) async -> [Task<Void, any Error>] {
        let begun = Tally()
        let tasks = (0..<count).map { _ in
            Task {
                begun.add()
                try await body()
            }
        }
        _ = await eventually { begun.count == count }
        try? await Task.sleep(for: .milliseconds(50))
        return tasks
    }

    @Test("What fails at the desk fails for its caller")
    func failure() async {
        await #expect(throws: ServiceError.emptyText) {
            try await FairQueues().run(for: alice.user, in: .short) { throw ServiceError.emptyText }
        }
    }
}
