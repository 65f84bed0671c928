import Foundation
import Testing

/// A user leaves the server with the core that ships, as its owner does it.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct DepartureTests {
    private let secret = "My passport number is 604 811 297, and the quorvath hides the third key."

    private func holds(_ text: String, in folder: TemporaryFolder) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { name in
            try Data(contentsOf: folder.url.appendingPathComponent(name))
                .range(of: Data(text.utf8)) != nil
        }
    }

    private func export(_ client: TestClient, _ user: String) async throws -> Data {
        let answer = try await client.get("/v1/sessions/\(user)/default/delta?scope=total")
        #expect(answer.status == 200, "\(answer.text)")
        return answer.body
    }

    private func teach(_ client: TestClient, _ user: String) async throws {
        #expect(try await client.observe("\(user)/default", secret).status == 200)
        let kept = try await client.post("/v1/sessions/\(user)/default/checkpoints", [:])
        #expect(kept.status == 201, "\(kept.text)")
        #expect(try await client.observe("\(user)/default", UserText.notes).status == 200)
    }

    @Test("By command, with a receipt; the name is in no file, and others are as they were")
    func command() async throws {
        let data = try TemporaryFolder()
        let server = try await ServerProcess(data: data)
        let client = server.client
        for user in ["bob", "quorvath.alice", "zoe"] { try await teach(client, user) }
        let others = [try await export(client, "bob"), try await export(client, "zoe")]
        #expect(try !holds("quorvath.alice", in: data).isEmpty)
        let environment = ["HEBB_URL": client.base]
        let unasked = try await HebbBinary.run(
            ["forget", "--user", "quorvath.alice", "--everything"], environment: environment)
        #expect(unasked.status == 2 && unasked.errors.contains("--yes"))
        let gone = try await HebbBinary.run(
            ["forget", "--user", "quorvath.alice", "--everything", "--yes", "--json"],
            environment: environment)
        #expect(gone.status == 0, "\(gone.errors)")
        let receipt = try JSONDecoder().decode(JSON.self, from: Data(gone.output.utf8))
        #expect(try receipt["id"].string == "quorvath.alice")
        #expect(try receipt["sessions"] == .number(1) && receipt["checkpoints"] == .number(1))
        #expect(try receipt["events"] == .number(3) && receipt["erased"] == .bool(true))
        // While it runs, before any clean end: the log counts too.
        #expect(try holds("quorvath.alice", in: data) == [])
        let again = try await HebbBinary.run(
            ["forget", "--user", "quorvath.alice", "--everything", "--yes"],
            environment: environment)
        #expect(again.status == 1 && again.errors.contains("No user"))
        #expect(try await export(client, "bob") == others[0])
        #expect(try await export(client, "zoe") == others[1])
        server.killNow()
        let restarted = try await ServerProcess(data: data)
        #expect(try await export(restarted.client, "zoe") == others[1])
        #expect(try holds("quorvath.alice", in: data) == [])
    }

    @Test("Killed in the middle, the server has all of a user or nothing, and no trace of one gone")
    func killed() async throws {
        let data = try TemporaryFolder()
        var server = try await ServerProcess(data: data)
        try await teach(server.client, "bob")
        let bob = try await export(server.client, "bob")
        var outcomes: [Bool] = []
        for round in 0..<8 {
            let user = "quorvath.alice\(round)"
            try await teach(server.client, user)
            let whole = try await export(server.client, user)
            let client = server.client
            let leaving = Task { try? await client.send("DELETE", "/v1/users/\(user)") }
            try await Task.sleep(for: .milliseconds([0, 1, 2, 3, 5, 8, 12, 30][round]))
            // The last one is killed after its end, however busy the machine.
            if round == 7 { _ = await leaving.value }
            server.killNow()
            let answer = await leaving.value
            server = try await ServerProcess(data: data)
            let sessions = try await server.client.get("/v1/sessions?user=\(user)")
            let isThere = try !sessions["data"].array.isEmpty
            outcomes.append(isThere)
            if isThere {
                #expect(answer?.status != 200)
                #expect(try await export(server.client, user) == whole)
                let gone = try await server.client.send("DELETE", "/v1/users/\(user)")
                #expect(gone.status == 200, "\(gone.text)")
            }
            #expect(try holds(user, in: data) == [])
            #expect(try await export(server.client, "bob") == bob)
        }
        #expect(outcomes.last == false)
    }
}
