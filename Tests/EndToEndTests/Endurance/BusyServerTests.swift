import Foundation
import Synchronization
import Testing
import TinyCore

/// The same history gives the same bytes, whatever else happens on the server.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct BusyServerTests {
    @Test("A history gives the same bytes quiet, among 16 busy users, and across kill -9")
    func histories() async throws {
        let core = try TinyCore.make(seed: 12)
        defer { TinyCore.remove(core) }
        try await compare(core: ["--core", core], steps: 30, killedAfter: 11)
    }

    @Test("So it does on the core that ships")
    func shippedCore() async throws {
        try await compare(core: [], steps: 6, killedAfter: 3)
    }

    private func compare(core: [String], steps: Int, killedAfter half: Int) async throws {
        let history = History(user: "alice", seed: 77)
        let quiet = try await ServerProcess(data: TemporaryFolder(), arguments: core)
        let wanted = try await walk(history, steps: 0..<steps, on: quiet.client).1
        quiet.killNow()

        let data = try TemporaryFolder()
        let busy = try await ServerProcess(data: data, arguments: core)
        let (walker, found) = try await amongOthers(on: busy.client) { client in
            try await walk(history, steps: 0..<steps, on: client)
        }
        #expect(found == wanted, "\(walker.log)")
        busy.killNow()

        let again = try TemporaryFolder()
        let first = try await ServerProcess(data: again, arguments: core)
        let (begun, _) = try await amongOthers(on: first.client) { client in
            try await walk(history, steps: 0..<half, on: client)
        }
        first.killNow()
        let second = try await ServerProcess(data: again, arguments: core)
        let (ended, hashes) = try await walk(begun, to: steps, on: second.client)
        #expect(hashes == wanted, "\(ended.log)")
    }

    private func walk(
        _ history: History, steps: Range<Int>, on client: TestClient
    ) async throws -> (Walker, [String: String]) {
        var walker = Walker(history)
        try await walker.begin(on: client)
        return try await walk(walker, to: steps.upperBound, on: client)
    }

    private func walk(
        _ walker: Walker, to end: Int, on client: TestClient
    ) async throws -> (Walker, [String: String]) {
        var walker = walker
        while walker.done < end { try await walker.advance(on: client) }
        return (walker, try await walker.hashes(on: client))
    }

    /// Does `body` while 16 others learn on the same server, each in a loop that ends between two
    /// requests. They are not cancelled: Foundation's `URLSession` can wait for itself for ever when
    /// a task is cancelled while it starts a request.
    private func amongOthers<Output: Sendable>(
        on client: TestClient, _ body: @Sendable (TestClient) async throws -> Output
    ) async throws -> Output {
        let end = End()
        return try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<16 {
                group.addTask {
                    var other = Walker(History(user: "other-\(index)", seed: UInt64(index)))
                    try await other.begin(on: client)
                    while !end.isReached { try await other.advance(on: client) }
                }
            }
            let outcome: Result<Output, any Error>
            do { outcome = .success(try await body(client)) } catch { outcome = .failure(error) }
            end.reach()
            var failures: [any Error] = []
            while let result = await group.nextResult() {
                if case .failure(let failure) = result { failures.append(failure) }
            }
            if let failure = failures.first { throw failure }
            return try outcome.get()
        }
    }

    private final class End: Sendable {
        private let flag = Mutex(false)
        var isReached: Bool { flag.withLock { $0 } }
        func reach() { flag.withLock { $0 = true } }
    }
}
