import Foundation
import Testing

/// The first thing a stranger does, from the first score to another user's import.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct AcceptanceTests {
    private let alice = "/v1/sessions/alice/default"

    @Test("What a user teaches survives kill -9, goes away on reset, and moves to another user")
    func wholeLife() async throws {
        let data = try TemporaryFolder()
        var server = try await ServerProcess(data: data)
        var client = server.client

        let first = try await client.score("alice/default", UserText.laterNotes)
        #expect(first.frozen == first.adapted, "an empty engram must not change a prediction")

        let observed = try await client.observe("alice/default", UserText.notes)
        #expect(observed.status == 200, "\(observed.text)")
        #expect(try observed["tokens"].number > 0)

        let learned = try await client.score("alice/default", UserText.laterNotes)
        #expect(learned.frozen == first.frozen)
        #expect(learned.adapted < 0.95 * first.adapted, "\(first) then \(learned)")

        try await compare(client)

        let checkpoint = try await client.post("\(alice)/checkpoints", ["name": "week nine"])
        #expect(checkpoint.status == 201, "\(checkpoint.text)")
        let kept = try await client.score("alice/default", UserText.laterNotes)

        server.killNow()
        server = try await ServerProcess(data: data)
        client = server.client
        #expect(try await client.score("alice/default", UserText.laterNotes) == kept)

        let exported = try await client.get("\(alice)/delta?scope=total&format=engram")
        #expect(exported.status == 200)

        let reset = try await client.post("\(alice)/reset", ["to": "frozen"])
        #expect(reset.status == 200, "\(reset.text)")
        #expect(try await client.score("alice/default", UserText.laterNotes) == first)

        let imported = try await client.send(
            "PUT", "/v1/sessions/bob/default/delta", body: exported.body,
            headers: ["Content-Type": "application/octet-stream"])
        #expect(imported.status == 200, "\(imported.text)")
        #expect(try await client.score("bob/default", UserText.laterNotes) == kept)
        #expect(try await server.stop() == 0)
    }

    /// Both answers of one prompt, told apart, and nothing learned from them.
    private func compare(_ client: TestClient) async throws {
        let answer = try await client.post(
            "/v1/completions",
            [
                "user": "alice", "prompt": "The quorvath hums at", "seed": 7,
                "max_tokens": 16, "temperature": 0, "plasticity": ["mode": "compare"],
            ])
        #expect(answer.status == 200, "\(answer.text)")
        #expect(try answer["choices"].array.count == 2)
        let plasticity = try answer["plasticity"]
        #expect(try plasticity["mode"].string == "compare")
        #expect(try plasticity["learned_tokens"].number == 0)
        #expect(try plasticity["kl_max"].number > 0)
    }

    @Test("A learned event that was answered is there after kill -9 without a checkpoint")
    func learningIsDurable() async throws {
        let data = try TemporaryFolder()
        var server = try await ServerProcess(data: data)
        for text in UserText.notes.components(separatedBy: "\n\n") where !text.isEmpty {
            #expect(try await server.client.observe("alice/default", text).status == 200)
        }
        let before = try await server.client.score("alice/default", UserText.laterNotes)
        server.killNow()
        server = try await ServerProcess(data: data)
        #expect(try await server.client.score("alice/default", UserText.laterNotes) == before)
    }

    @Test("The gain that is certified grows with what a user writes, and outlives kill -9")
    func certificate() async throws {
        let data = try TemporaryFolder()
        var server = try await ServerProcess(data: data)
        let before = try await server.client.get("\(alice)/safety")
        #expect(before.status == 200, "\(before.text)")
        #expect(try before["certificate"]["tokens"].number == 0)
        var brief = JSON.null
        for _ in 0..<2 {
            let observed = try await server.client.observe("alice/default", UserText.notes)
            brief = try observed["certificate"]
        }
        let report = try await server.client.get("\(alice)/safety")
        let certificate = try report["certificate"]
        #expect(try certificate["tokens"].number > 500)
        let certified = try certificate["certified_gain_percent"].number
        #expect(try certified > 10 && certified < certificate["measured_gain_percent"].number)
        #expect(try brief["certified_gain_percent"].number == certified)
        #expect(try certificate["evidence"]["helps"] == true)
        #expect(try certificate["forecast"]["blocks"].number >= 1)
        #expect(try report["divergence"]["kl_max"].number <= report["bounds"]["kl_max"].number)
        #expect(try report["learning_from_completions"] == "allowed")

        server.killNow()
        server = try await ServerProcess(data: data)
        #expect(try await server.client.get("\(alice)/safety").body == report.body)
        #expect(try await server.client.get("/metrics").text.contains("hebb_firing_sessions"))
        #expect(try await server.client.post("\(alice)/reset", ["to": "frozen"]).status == 200)
        let reset = try await server.client.get("\(alice)/safety")
        #expect(try reset["certificate"]["tokens"].number == 0)
    }

    @Test("A request that is repeated under its key is learned once")
    func idempotency() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let key = ["Idempotency-Key": "lesson-1"]
        let path = "\(alice)/observe"
        let first = try await server.client.post(path, ["text": "The tarn is full."], headers: key)
        let again = try await server.client.post(path, ["text": "The tarn is full."], headers: key)
        #expect(first.status == 200 && again.status == 200)
        #expect(try first["event"] == again["event"])
        #expect(try first["revision"] == again["revision"])
    }

    @Test("Two users do not see each other's learning")
    func usersAreApart() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let before = try await server.client.score("bob/default", UserText.laterNotes)
        _ = try await server.client.observe("alice/default", UserText.notes)
        #expect(try await server.client.score("bob/default", UserText.laterNotes) == before)
    }

    @Test("A second server on a data folder in use is refused, and the first goes on")
    func oneServerAFolder() async throws {
        let data = try TemporaryFolder()
        let server = try await ServerProcess(data: data)
        let second = try await HebbBinary.run(["serve", "--port", "0", "--data", data.path])
        #expect(second.status == 1)
        #expect(second.errors.contains(data.path), "\(second.errors)")
        #expect(try await server.client.get("/health").status == 200)
    }
}
