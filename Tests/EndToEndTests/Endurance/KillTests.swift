import Foundation
import Testing
import TinyCore

/// `kill -9` again and again, and what a quiet server that never died says to the same history.
///
/// `HEBB_KILLS` sets how often (the acceptance is 500), `HEBB_SEED` what happens.
@Suite(.serialized, .timeLimit(.minutes(60)))
struct KillTests {
    private static func number(_ name: String, or fallback: Int) -> Int {
        ProcessInfo.processInfo.environment[name].flatMap(Int.init) ?? fallback
    }

    /// Histories start anew after this many kills, so that one more forgetting stays cheap.
    private static let killsAHistory = 20
    private static let users = 6

    @Test("No kill -9 loses an acknowledged step, or leaves one half done")
    func kills() async throws {
        let kills = Self.number("HEBB_KILLS", or: 5)
        let seed = UInt64(Self.number("HEBB_SEED", or: 1))
        let core = try TinyCore.make(seed: 11)
        defer { TinyCore.remove(core) }
        let data = try TemporaryFolder()
        let twinData = try TemporaryFolder()
        let twin = try await ServerProcess(data: twinData, arguments: ["--core", core])
        var choices = SeededChoices(seed: seed)
        var killed = 0
        var steps = 0
        var epoch = 0
        while killed < kills {
            let part = epoch
            var pairs = (0..<Self.users).map { index in
                Pair(
                    History(
                        user: "user-\(part)-\(index)",
                        seed: seed &* 1000 &+ UInt64(part * 10 + index)))
            }
            let target = min(kills, killed + Self.killsAHistory)
            while true {
                try await checkFolder(data)
                let server = try await ServerProcess(data: data, arguments: ["--core", core])
                for index in pairs.indices {
                    try await pairs[index].settle(on: server.client, twin: twin.client)
                }
                guard killed < target else { break }
                let pause = choices.below(80_000)
                pairs = try await run(pairs, on: server, killedAfter: .microseconds(pause))
                killed += 1
            }
            steps += pairs.reduce(0) { $0 + $1.walker.done }
            epoch += 1
        }
        print("\(killed) kills, \(steps) steps done once, seed \(seed)")
    }

    /// All users at once until the server dies.
    private func run(
        _ pairs: [Pair], on server: ServerProcess, killedAfter pause: Duration
    ) async throws -> [Pair] {
        let client = server.client
        return try await withThrowingTaskGroup(of: (Int, Pair).self) { group in
            for (index, pair) in pairs.enumerated() {
                group.addTask {
                    var pair = pair
                    try await pair.walkUntilDeath(on: client)
                    return (index, pair)
                }
            }
            try await Task.sleep(for: pause)
            server.killNow()
            var result = pairs
            for try await (index, pair) in group { result[index] = pair }
            return result
        }
    }

    /// What a crash leaves must be whole before anything repairs it.
    private func checkFolder(_ data: TemporaryFolder) async throws {
        let doctor = try await HebbBinary.run(["doctor", "--data", data.path, "--json"])
        let report = try JSONDecoder().decode(JSON.self, from: Data(doctor.output.utf8))
        let finding = try report["findings"].array.first { try $0["subject"] == "data" }
        #expect(try finding?["verdict"] == "ok", "\(doctor.output)")
    }
}

/// A user on the server that is killed, and the same user on a quiet one.
struct Pair: Sendable {
    var walker: Walker
    var twin: Walker
    private var hasBegun = false

    init(_ history: History) {
        walker = Walker(history)
        twin = Walker(history)
    }

    /// Takes steps until the connection breaks.
    mutating func walkUntilDeath(on client: TestClient) async throws {
        do {
            while true { try await walker.advance(on: client) }
        } catch let failure as TestFailure {
            throw failure
        } catch is URLError {
            // The server is dead, as it was meant to be.
        }
    }

    /// Ends what was broken off, then compares everything with the twin, who takes the same steps.
    mutating func settle(on client: TestClient, twin quiet: TestClient) async throws {
        if !hasBegun {
            try await walker.begin(on: client)
            try await twin.begin(on: quiet)
            hasBegun = true
        }
        if walker.isUnsure { try await walker.advance(on: client) }
        #expect(try await walker.missingEvents(on: client) == [], "\(walker.log)")
        while twin.done < walker.done { try await twin.advance(on: quiet) }
        #expect(walker.refusals == twin.refusals, "\(walker.log)")
        let found = try await walker.hashes(on: client)
        let wanted = try await twin.hashes(on: quiet)
        #expect(found == wanted, "\(walker.log)")
    }
}
