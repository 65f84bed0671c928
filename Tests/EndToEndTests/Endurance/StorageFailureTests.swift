import Foundation
import Testing
import TinyCore

/// What a user sees when the disk does not take what was learned: a sentence that helps, nothing
/// lost, nothing half done, and a server that goes on when it can.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct StorageFailureTests {
    private static let session = "/v1/sessions/alice/default"

    @Test(
        "A full disk costs nothing that was acknowledged, and the server goes on when there is room",
        .enabled(if: SmallDisk.isAllowed, SmallDisk.reason))
    func fullDisk() async throws {
        let core = try TinyCore.make(seed: 13)
        defer { TinyCore.remove(core) }
        let disk = try await SmallDisk(megabytes: 6)
        var server = try await disk.server(arguments: ["--core", core])
        var client = server.client
        _ = try await client.observe("alice/default", "the heron on the pier eats an eel.")
        try disk.shell("dd if=/dev/zero of='\(disk.path)/ballast' bs=4k 2>/dev/null || true")

        // The log file has room of its own for a while.
        var taught: [(key: String, answer: TestClient.Answer)] = []
        var refused: TestClient.Answer?
        var number = 0
        while refused == nil {
            let answer = try await observe(number, on: client)
            if answer.status == 200 {
                taught.append(("\(number)", answer))
            } else {
                refused = answer
            }
            number += 1
            try #require(number < 2_000, "the disk never filled up")
        }
        let refusal = try #require(refused)
        #expect(refusal.status == 503 || refusal.status == 507, "\(refusal.text)")
        #expect(try refusal.errorMessage.lowercased().contains("disk"), "\(refusal.text)")

        // Nothing is half done, and what only reads still answers.
        let before = try await state(on: client)
        #expect(try await client.get("/health").status == 200)
        #expect(try await client.observe("bob/default", "no room for bob").status >= 500)
        let scored = try await client.score("alice/default", "the heron on the pier")
        #expect(try await observe(number - 1, on: client).status == refusal.status)
        #expect(try await state(on: client) == before)

        // A crash on the full disk: what was acknowledged is there, the server starts.
        server.killNow()
        server = try await disk.server(arguments: ["--core", core])
        client = server.client
        #expect(try await state(on: client) == before)
        #expect(try await client.score("alice/default", "the heron on the pier") == scored)

        try disk.shell("rm '\(disk.path)/ballast'")
        #expect(try await observe(number - 1, on: client).status == 200)
        for (key, answer) in taught.suffix(5) {
            let again = try await observe(Int(key) ?? 0, on: client)
            #expect(try again["event"] == answer["event"], "lesson \(key) was lost")
        }
        #expect(try await client.observe("bob/default", "room for bob").status == 200)
        #expect(try await server.stop() == 0)
    }

    @Test(
        "A server on a folder that it may not write to says so and does not start",
        .enabled(if: SmallDisk.isAllowed, SmallDisk.reason))
    func readOnlyFolder() async throws {
        let core = try TinyCore.make(seed: 13)
        defer { TinyCore.remove(core) }
        let disk = try await SmallDisk(megabytes: 6)
        let server = try await disk.server(arguments: ["--core", core])
        let taught = try await observe(0, on: server.client)
        let before = try await state(on: server.client)
        #expect(try await server.stop() == 0)

        try disk.shell("mount -o remount,ro '\(disk.path)'")
        let refused = try await refusal(disk, core: core)
        #expect(refused.contains(disk.path) && refused.contains("writ"), "\(refused)")

        try disk.shell("mount -o remount,rw '\(disk.path)'")
        let again = try await disk.server(arguments: ["--core", core])
        #expect(try await state(on: again.client) == before)
        #expect(try await observe(0, on: again.client)["event"] == taught["event"])
    }

    @Test("Of servers that start on one folder at once, one serves and the others say why not")
    func race() async throws {
        let core = try TinyCore.make(seed: 13)
        defer { TinyCore.remove(core) }
        let data = try TemporaryFolder()
        let outcomes = await withTaskGroup(of: Result<ServerProcess, any Error>.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    do {
                        return .success(
                            try await ServerProcess(data: data, arguments: ["--core", core]))
                    } catch { return .failure(error) }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        let servers = outcomes.compactMap { try? $0.get() }
        try #require(servers.count == 1)
        for case .failure(let error) in outcomes {
            let said = "\(error)"
            #expect(said.contains("in use") && said.contains(data.path), "\(said)")
        }
        #expect(try await servers[0].client.get("/health").status == 200)
        #expect(try await servers[0].stop() == 0)
    }

    private func observe(_ number: Int, on client: TestClient) async throws -> TestClient.Answer {
        let text = (0..<30).map { "\(number) eels \($0) herons" }.joined(separator: ", ")
        return try await client.post(
            "\(Self.session)/observe", ["text": .string(text)],
            headers: ["Idempotency-Key": "lesson-\(number)"])
    }

    /// The session's state and the hash of everything it learned.
    private func state(on client: TestClient) async throws -> [String] {
        let state = try await client.get(Self.session)
        let exported = try await client.get("\(Self.session)/delta")
        return ["\(try state["revision"])", exported.headers["x-content-sha256"] ?? exported.text]
    }

    /// What a server says that does not start.
    private func refusal(_ disk: SmallDisk, core: String) async throws -> String {
        do {
            _ = try await disk.server(arguments: ["--core", core])
            return "it started"
        } catch {
            return "\(error)"
        }
    }
}
