import Foundation
import Testing

/// One server, three people: whatever route of the document is asked, by whoever, nothing of one
/// gets to another.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct IsolationTests {
    /// What is bob's and must reach nobody else: his words, and the words that he names things by.
    private static let secrets = ["quorvath", "zyxhollow", "the-name-of-a-checkpoint"]

    private struct Team {
        let server: ServerProcess
        let data: TemporaryFolder
        let root: String
        let alice: String
        let bob: String
        var target: IsolationWalk.Target

        var client: TestClient { server.client }
    }

    private static func bearer(_ key: String) -> [String: String] {
        ["Authorization": "Bearer \(key)"]
    }

    private static func team() async throws -> Team {
        let data = try TemporaryFolder()
        let first = try await HebbBinary.run(
            ["keys", "add", "root", "--role", "admin", "--data", data.path])
        #expect(first.status == 0, "\(first.errors)")
        let root = first.output.trimmingCharacters(in: .whitespacesAndNewlines)
        let server = try await ServerProcess(data: data, arguments: ["--log-format", "json"])
        let client = server.client
        func key(of user: String) async throws -> (id: String, text: String) {
            let made = try await client.post(
                "/v1/keys", ["user": .string(user)], headers: bearer(root))
            #expect(made.status == 201, "\(made.text)")
            return (try made["id"].string, try made["key"].string)
        }
        let alice = try await key(of: "alice")
        let bob = try await key(of: "bob")
        let session = "/v1/sessions/bob/default"
        let lesson = try await client.post(
            session + "/observe",
            ["text": "The quorvath lives in zyxhollow. Ask the quorvath of zyxhollow."],
            headers: bearer(bob.text))
        #expect(lesson.status == 200, "\(lesson.text)")
        let kept = try await client.post(
            session + "/checkpoints", ["name": "the-name-of-a-checkpoint"],
            headers: bearer(bob.text))
        #expect(kept.status == 201, "\(kept.text)")
        let answer = try await client.post(
            "/v1/completions", ["prompt": "The quorvath lives in", "max_tokens": 4],
            headers: bearer(bob.text))
        #expect(answer.status == 200, "\(answer.text)")
        let engram = try await client.send(
            "GET", session + "/delta?scope=total", headers: bearer(bob.text))
        let models = try await client.send("GET", "/v1/models", headers: bearer(bob.text))
        let target = IsolationWalk.Target(
            user: "bob", checkpoint: try kept["id"].string, event: try lesson["event"].string,
            key: bob.id, completion: try answer["id"].string,
            model: try models["data"][0]["id"].string, engram: engram.body)
        return Team(
            server: server, data: data, root: root, alice: alice.text, bob: bob.text,
            target: target)
    }

    /// All that there is of bob, as his key sees it.
    private func state(_ team: Team) async throws -> [String] {
        var all: [String] = []
        for path in ["", "/checkpoints", "/events?text=true", "/delta?scope=total"] {
            let answer = try await team.client.send(
                "GET", "/v1/sessions/bob/default" + path, headers: Self.bearer(team.bob))
            #expect(answer.status == 200)
            all.append(answer.body.base64EncodedString())
        }
        return all
    }

    private func leaks(_ answer: TestClient.Answer) -> [String] {
        let text = answer.text + answer.headers.values.joined(separator: "\n")
        return Self.secrets.filter { text.contains($0) }
    }

    @Test("No route gives another's away: not to a stranger, not to nobody; an admin may")
    func walk() async throws {
        let team = try await Self.team()
        let client = team.client
        let document = try JSONDecoder().decode(
            JSON.self, from: try await client.get("/openapi.json").body)
        let (calls, unknown) = try IsolationWalk.calls(of: document, about: team.target)
        #expect(unknown.isEmpty, "say in IsolationWalk how these are asked for another's")
        #expect(calls.count > 30)
        let before = try await state(team)
        var nowhere = team.target
        nowhere.user = "rob"
        let absentees = try IsolationWalk.calls(of: document, about: nowhere).calls

        for call in calls {
            let name = "\(call.method) \(call.pattern)"
            let nobody = try await call.send(client, about: team.target, key: nil)
            let stranger = try await call.send(client, about: team.target, key: team.alice)
            #expect(leaks(nobody) == [] && leaks(stranger) == [], "\(name)")
            switch call.step.matter {
            case .nothing:
                #expect(nobody.status == 200 && stranger.status == 200, "\(name)")
            case .server:
                #expect(nobody.status == 401 && stranger.status == 200, "\(name)")
            case .administration:
                #expect(nobody.status == 401 && stranger.status == 403, "\(name)")
            case .listing:
                #expect(nobody.status == 401 && stranger.status == 200, "\(name)")
                #expect(!stranger.text.contains("bob"), "\(name)")
            case .person:
                #expect(nobody.status == 401, "\(name): \(nobody.text)")
                #expect(stranger.status == 404, "\(name): \(stranger.text)")
                // Whether there is a bob cannot be told.
                let absent = try await absentees.first { $0.id == call.id }?
                    .send(client, about: nowhere, key: team.alice)
                #expect(
                    absent?.text.replacingOccurrences(of: "rob", with: "bob") == stranger.text,
                    "\(name)")
            }
        }
        #expect(try await state(team) == before)

        // His own key first, while everything is there; then the admin's, to the end of him.
        for call in calls where call.step.turn == 0 {
            let own = try await call.send(client, about: team.target, key: team.bob)
            let isTheirs =
                call.step.matter == .administration
                ? own.status == 403 : own.status < 300 || own.status == 422
            #expect(isTheirs, "\(call.method) \(call.pattern): \(own.status) \(own.text)")
        }
        for call in calls where call.step.matter != .nothing && call.id != "createSession" {
            let admin = try await call.send(client, about: team.target, key: team.root)
            // In conflict, or refused for what it is: but found, and theirs to ask.
            let isTheirs = admin.status < 300 || [409, 422].contains(admin.status)
            #expect(isTheirs, "\(call.method) \(call.pattern): \(admin.status) \(admin.text)")
        }
        let gone = try await client.send("GET", "/v1/models", headers: Self.bearer(team.bob))
        #expect(gone.status == 401)
    }

    @Test("Logs, metrics and errors have no text, no name and no key in them")
    func silence() async throws {
        let team = try await Self.team()
        let client = team.client
        var said = ""
        func ask(_ method: String, _ path: String, _ body: String, _ key: String) async throws {
            let answer = try await client.send(
                method, path, body: Data(body.utf8), headers: Self.bearer(key))
            #expect(answer.status >= 400, "\(path): \(answer.text)")
            said += answer.text + answer.headers.values.joined(separator: "\n")
        }
        let marked = "quorvath of zyxhollow"
        try await ask("POST", "/v1/completions", #"{"prompt":"\#(marked)","n":99}"#, team.bob)
        try await ask("POST", "/v1/completions", #"{"prompt":["\#(marked)", 7]}"#, team.bob)
        try await ask("POST", "/v1/completions", #"{"prompt":"\#(marked)""#, team.bob)
        try await ask(
            "POST", "/v1/completions", #"{"prompt":"a","stop":"\#(marked)","n":"x"}"#, team.bob)
        try await ask(
            "POST", "/v1/sessions/bob/default/observe", #"{"text":"","reward":7}"#, team.bob)
        try await ask(
            "POST", "/v1/sessions/bob/default/observe",
            #"{"messages":[{"content":"\#(marked)"}]}"#, team.bob)
        try await ask("GET", "/v1/sessions/alice/default", "", team.bob)
        try await ask("GET", "/v1/models", "", "hebb_0123456789abcdef_zyxhollow")
        for secret in Self.secrets { #expect(!said.contains(secret), "an error tells \(secret)") }

        let metrics = try await client.send(
            "GET", "/metrics", headers: Self.bearer(team.root)
        ).text
        #expect(try await team.server.stop() == 0)
        let log = try team.server.log()
        #expect(log.contains("\"route\""))
        let keys = [team.root, team.alice, team.bob]
        let secretsOfKeys = keys.map { String($0.split(separator: "_")[2]) }
        for secret in Self.secrets + secretsOfKeys + ["alice", "bob"] {
            #expect(!metrics.contains(secret), "the metrics tell \(secret)")
            #expect(!log.contains(secret), "the log tells \(secret)")
        }
        // Nor is a key in any file.
        for name in try FileManager.default.contentsOfDirectory(atPath: team.data.path) {
            let file = try Data(contentsOf: team.data.url.appendingPathComponent(name))
            for secret in secretsOfKeys {
                #expect(file.range(of: Data(secret.utf8)) == nil, "\(name)")
            }
        }
    }

    @Test("Keys are made, listed and revoked by command, and found again by the next server")
    func command() async throws {
        let data = try TemporaryFolder()
        func run(_ arguments: [String], _ environment: [String: String] = [:]) async throws
            -> HebbBinary.Outcome
        {
            try await HebbBinary.run(["keys"] + arguments, environment: environment)
        }
        let early = try await run(["add", "bob", "--data", data.path])
        #expect(early.status == 1 && early.errors.contains("admin"), "\(early.errors)")
        let refused = try await HebbBinary.run([
            "serve", "--require-keys", "--data", data.path, "--port", "0",
        ])
        #expect(refused.status == 1 && refused.errors.contains("hebb keys add"))
        let made = try await run(["add", "root", "--role", "admin", "--data", data.path])
        #expect(made.status == 0 && made.errors.contains("shown this once"))
        let root = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
        var server = try await ServerProcess(data: data, arguments: ["--host", "0.0.0.0"])
        let port = server.client.port
        let url = ["HEBB_URL": "http://127.0.0.1:\(port)"]
        let admin = url.merging(["HEBB_API_KEY": root]) { $1 }
        let unkeyed = try await run(["list"], url)
        #expect(unkeyed.status == 1 && unkeyed.errors.contains("HEBB_API_KEY"))
        let bob = try await run(
            ["add", "bob", "--quota", "requests/minute=50,sessions=3", "--json"], admin)
        #expect(bob.status == 0, "\(bob.errors)")
        let key = try JSONDecoder().decode(JSON.self, from: Data(bob.output.utf8))
        #expect(try key["quota"]["requests_per_minute"] == 50)
        let asBob = url.merging(["HEBB_API_KEY": try key["key"].string]) { $1 }
        let taught = try await HebbBinary.run(
            ["observe", "-", "--user", "bob"], input: Data("The quorvath hums.".utf8),
            environment: asBob)
        #expect(taught.status == 0, "\(taught.errors)")
        let foreign = try await HebbBinary.run(
            ["score", "-", "--user", "root"], input: Data("x".utf8), environment: asBob)
        #expect(foreign.status == 1 && foreign.errors.contains("404"))
        #expect(try await server.stop() == 0)
        server = try await ServerProcess(data: data)
        let again = ["HEBB_URL": server.client.base, "HEBB_API_KEY": root]
        let listed = try await run(["list"], again)
        #expect(listed.output.contains("bob's, user") && listed.output.contains("last used"))
        #expect(!listed.output.contains(root))
        let revoked = try await run(["revoke", try key["id"].string], again)
        #expect(revoked.status == 0, "\(revoked.errors)")
        #expect(try await run(["list"], again).output.contains("bob") == false)
    }
}
