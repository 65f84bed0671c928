import EngramStorage
import Engrams
import Testing

@testable import Scheduling

/// A disk that takes events, but no engram any more.
@Suite struct NearlyFullDiskTests {
    @Test("What failed rests twice as long each time, until it succeeds or the bound is reached")
    func backoff() {
        let start = ContinuousClock.now
        func after(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }
        var rest = Backoff(seconds: 2...60)
        #expect(!rest.isWaiting(at: start))
        for wait in [2.0, 4, 8, 16, 32, 60, 60] {
            rest.failed(at: start)
            #expect(rest.isWaiting(at: after(wait - 0.01)))
            #expect(!rest.isWaiting(at: after(wait)))
        }
        for _ in 0..<100 { rest.failed(at: start) }
        #expect(!rest.isWaiting(at: after(60)))
        rest.succeeded()
        #expect(!rest.isWaiting(at: start))
        rest.failed(at: start)
        #expect(!rest.isWaiting(at: after(2)))
    }

    @Test(
        "Learning goes on from memory, and checkpoints and working states are not tried each time")
    func goesOn() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store) {
            $0.automaticCheckpointTokens = 20
            $0.snapshotEvents = 4
            $0.storageRestSeconds = 3_600...7_200
        }
        let quiet = makeScheduler { $0.automaticCheckpointTokens = nil }
        _ = try await scheduler.resident(alice)
        let loads = store.loads
        store.leaveRoom(for: 100)
        for number in 1...40 {
            let text = "The heron stood in reed number \(number)."
            let learned = try await scheduler.observe(alice, text)
            #expect(learned.revision == Revision(rawValue: UInt64(number)))
            try await quiet.observe(alice, text)
        }
        #expect(store.refusals == 1)
        #expect(store.loads == loads)
        #expect(try await scheduler.workingState(alice) == quiet.workingState(alice))
        // An explicit checkpoint is tried whenever it is asked for, and loses nothing.
        await #expect(throws: ServiceError.self) {
            _ = try await scheduler.checkpoint(alice, name: nil, ifMatch: nil)
        }
        #expect(store.refusals == 2 && store.loads == loads)
        // What is on disk makes the same again.
        #expect(
            try await makeScheduler(store).workingState(alice) == quiet.workingState(alice))
    }

    @Test("When there is room again, the checkpoint that was due is made")
    func recovers() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store) {
            $0.automaticCheckpointTokens = 20
            $0.storageRestSeconds = 0.05...0.1
        }
        _ = try await scheduler.resident(alice)
        store.leaveRoom(for: 100)
        try await scheduler.observe(alice, lesson)
        #expect(store.refusals == 1)
        store.leaveRoom(for: .max)
        #expect(
            try await eventually {
                try await scheduler.observe(alice, "The heron stood.")
                return try await scheduler.checkpoints(alice, page: Page()).items.count == 1
            })
    }

    @Test("After a failure that leaves it open what was written, the store is read again")
    func uncertain() async throws {
        let store = FaultyStore()
        let scheduler = makeScheduler(store)
        try await scheduler.observe(alice, lesson)
        for (error, reads) in [(StorageError.diskFull, 0), (.inputOutput(code: 10), 1)] {
            let loads = store.loads
            store.fail(with: error)
            await #expect(throws: ServiceError.self) { try await scheduler.observe(alice, lesson) }
            store.fail(with: nil)
            _ = try await scheduler.bits(alice)
            #expect(store.loads == loads + reads, "\(error)")
        }
    }
}
