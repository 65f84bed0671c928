import Foundation
import Testing

/// Exact unlearning on the core that ships, as its owner does it.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ForgettingTests {
    private let secret = "The quorvath hides its letters under the third alder behind the kiln."

    private func export(_ client: TestClient, _ session: String, scope: String = "total")
        async throws -> Data
    {
        let answer = try await client.get("/v1/sessions/\(session)/delta?scope=\(scope)")
        #expect(answer.status == 200, "\(answer.text)")
        return answer.body
    }

    @Test("Forgotten by command, a text leaves the model of somebody who never heard it")
    func likeOneWhoNeverHeardIt() async throws {
        let data = try TemporaryFolder()
        let server = try await ServerProcess(data: data)
        let client = server.client
        for session in ["alice/diary", "bob/diary"] {
            let user = session.split(separator: "/")[0]
            let made = try await client.post(
                "/v1/sessions", ["user": .string(String(user)), "id": "diary"])
            #expect(made.status == 201, "\(made.text)")
            #expect(try await client.observe(session, UserText.notes).status == 200)
            if user == "alice" {
                #expect(try await client.observe(session, secret).status == 200)
            }
            let kept = try await client.post("/v1/sessions/\(session)/checkpoints", [:])
            #expect(try kept["id"].string == "ckpt-1")
            #expect(try await client.observe(session, UserText.laterNotes).status == 200)
        }
        #expect(try await export(client, "alice/diary") != export(client, "bob/diary"))

        let environment = ["HEBB_URL": client.base, "HEBB_SESSION": "alice/diary"]
        let listed = try await HebbBinary.run(["events"], environment: environment)
        #expect(listed.status == 0, "\(listed.errors)")
        let lines = listed.output.split(separator: "\n")
        #expect(lines.count == 4)
        let line = try #require(lines.first { $0.contains("alder") })
        let event = String(try #require(line.split(separator: " ").first))
        let outcome = try await HebbBinary.run(
            ["forget", event, "--json"], environment: environment)
        #expect(outcome.status == 0, "\(outcome.errors)")
        let receipt = try JSONDecoder().decode(JSON.self, from: Data(outcome.output.utf8))[0]
        #expect(try receipt["erased"] == .bool(true))
        #expect(try receipt["checkpoints"].array.count == 1)

        for scope in ["total", "session", "user"] {
            #expect(
                try await export(client, "alice/diary", scope: scope)
                    == export(client, "bob/diary", scope: scope))
        }
        // While it runs, before any clean end: the log counts too.
        for name in try FileManager.default.contentsOfDirectory(atPath: data.url.path) {
            let bytes = try Data(contentsOf: data.url.appendingPathComponent(name))
            #expect(bytes.range(of: Data("third alder behind".utf8)) == nil, "\(name)")
        }
        let again = try await HebbBinary.run(["forget", event], environment: environment)
        #expect(again.status == 0, "\(again.errors)")
        #expect(again.output.contains("checkpoint ckpt-1"))

        server.killNow()
        let restarted = try await ServerProcess(data: data)
        #expect(
            try await export(restarted.client, "alice/diary")
                == export(restarted.client, "bob/diary"))
        let refused = try await restarted.client.send(
            "DELETE", "/v1/sessions/alice/diary/events/evt-none")
        #expect(refused.status == 404)
    }
}
