import Engrams
import OuterCortex
import Synchronization
import Testing

@testable import Scheduling

@Suite struct CortexThreadTests {
    private let alice = SessionID("alice")!
    private let bob = SessionID("bob")!

    private func makeThread() -> CortexThread {
        CortexThread(decodeBurstMaximum: 2, stackBytes: 1 << 20)
    }

    /// Work of so many slices.
    private func work(slices: Int) -> CortexWork<Int> {
        var done = 0
        return CortexWork {
            done += 1
            return done == slices ? .done(done) : .more(.bulk)
        }
    }

    @Test("Work runs to its end and hands over its output")
    func output() async throws {
        let thread = makeThread()
        defer { thread.stop() }
        #expect(try await thread.run(for: alice) { work(slices: 5) } == 5)
        #expect(thread.load.busy > .zero)
    }

    @Test("An error in the making or in a slice comes back, and the thread goes on")
    func errors() async throws {
        let thread = makeThread()
        defer { thread.stop() }
        await #expect(throws: ServiceError.emptyText) {
            try await thread.run(for: alice) { () -> CortexWork<Int> in
                throw ServiceError.emptyText
            }
        }
        await #expect(throws: ServiceError.loading) {
            try await thread.run(for: alice) {
                CortexWork<Int> { throw ServiceError.loading }
            }
        }
        #expect(try await thread.run(for: bob) { work(slices: 1) } == 1)
    }

    @Test("Cancelled work stops before its next slice")
    func cancellation() async throws {
        let thread = makeThread()
        defer { thread.stop() }
        let slices = Mutex(0)
        let (started, signal) = AsyncStream<Void>.makeStream()
        let task = Task {
            try await thread.run(for: alice) {
                CortexWork<Int> {
                    slices.withLock { $0 += 1 }
                    signal.yield()
                    return .more(.decode)
                }
            }
        }
        for await _ in started { break }
        task.cancel()
        await #expect(throws: CancellationError.self) { try await task.value }
        let seen = slices.withLock { $0 }
        // Another piece of work, begun and ended after it.
        #expect(try await thread.run(for: alice) { work(slices: 3) } == 3)
        #expect(slices.withLock { $0 } == seen)
    }

    @Test("Work cancelled before it was submitted never begins")
    func cancelledEarly() async throws {
        let thread = makeThread()
        defer { thread.stop() }
        let task = Task {
            withUnsafeCurrentTask { $0?.cancel() }
            return try await thread.run(for: alice) { () -> CortexWork<Int> in
                Issue.record("it began")
                return work(slices: 1)
            }
        }
        await #expect(throws: CancellationError.self) { try await task.value }
    }

    @Test("A stopped thread fails what has not ended and takes no more")
    func stopping() async throws {
        let thread = makeThread()
        let (started, signal) = AsyncStream<Void>.makeStream()
        let endless = Task {
            try await thread.run(for: alice) {
                CortexWork<Int> {
                    signal.yield()
                    return .more(.bulk)
                }
            }
        }
        for await _ in started { break }
        thread.stop()
        await #expect(throws: ServiceError.draining) { try await endless.value }
        await #expect(throws: ServiceError.draining) {
            try await thread.run(for: alice) { work(slices: 1) }
        }
    }

    /// Who did slices, in order, from when both are there.
    private final class Log: Sendable {
        private let state = Mutex<(isOpen: Bool, names: [String])>((false, []))

        var names: [String] { state.withLock { $0.names } }

        func open() { state.withLock { $0.isOpen = true } }

        func work(_ name: String, slices: Int) -> CortexWork<Int> {
            var done = 0
            return CortexWork { [self] in
                let counts = state.withLock { state in
                    if state.isOpen { state.names.append(name) }
                    return state.isOpen
                }
                if counts { done += 1 }
                return done == slices ? .done(done) : .more(.bulk)
            }
        }
    }

    @Test("Long work of one session does not hold up another's")
    func interleaving() async throws {
        // Every slice takes as long: a machine that is busy elsewhere would charge for its pauses.
        let ticks = Mutex(0)
        let clock: @Sendable () -> Duration = {
            ticks.withLock { ticks in
                ticks += 1
                return .milliseconds(ticks)
            }
        }
        let thread = CortexThread(
            decodeBurstMaximum: 2, stackBytes: 1 << 20,
            budget: SliceBudget(.milliseconds(10), now: clock))
        defer { thread.stop() }
        let log = Log()
        let long = Task { try await thread.run(for: alice) { log.work("long", slices: 50) } }
        let short = Task {
            try await thread.run(for: bob) {
                log.open()
                return log.work("short", slices: 2)
            }
        }
        _ = try await (long.value, short.value)
        let last = try #require(log.names.lastIndex(of: "short"))
        #expect(last < 8)
    }
}
