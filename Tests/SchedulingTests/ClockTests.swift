import EngramStorage
import Engrams
import Foundation
import Synchronization
import Testing

@testable import Scheduling

@Suite("A clock that is wrong") struct ClockTests {
    @Test(
        "What is learned under it can be read again, goes on and can be forgotten",
        arguments: [
            253_402_300_799, 253_402_300_800, 1e18, 1e300, .infinity, -1, -1e300, .nan, 0,
        ] as [Double])
    func anyClock(clock: Double) async throws {
        let folder = temporaryFolder()
        let time = Mutex(clock)
        func serve(_ body: (Scheduler, SQLiteStore) async throws -> Void) async throws {
            let store = try SQLiteStore(folder: folder)
            let scheduler = Scheduler(cortex: cortex, store: store) { time.withLock { $0 } }
            try await body(scheduler, store)
            await store.close()
        }
        var hash = ""
        try await serve { scheduler, _ in
            try await scheduler.makeWorkSession()
            try await scheduler.observe(alice, lesson)
            try await scheduler.observe(work, lesson)
            _ = try await scheduler.checkpoint(alice, name: "kept", ifMatch: nil)
            try await scheduler.observe(alice, "The river ran on and on.")
            hash = try await scheduler.hash(alice)
        }
        // Set right again, or not.
        for later in [clock, 1_800_000_000] {
            time.withLock { $0 = later }
            try await serve { scheduler, store in
                let sessions = try await scheduler.sessions(of: nil, page: Page()).items
                #expect(sessions.map(\.id) == [alice, work])
                #expect(try await scheduler.hash(alice) == hash)
                let events = try await store.events(of: alice, after: 0, limit: 99)
                for event in events { #expect(RecordBounds.times.contains(event.created)) }
                #expect(events.map(\.created) == events.map(\.created).sorted())
                #expect(Set(events.map(\.created)).count == events.count)
                let learned = try await scheduler.observe(alice, "The rain ran on.")
                _ = try await scheduler.forget(alice, event: learned.event, ifMatch: nil)
                #expect(try await scheduler.hash(alice) == hash)
                #expect(try await scheduler.event(alice, event: learned.event).forgottenBy != nil)
            }
        }
    }
}
