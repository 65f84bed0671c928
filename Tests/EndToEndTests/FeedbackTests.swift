import Foundation
import Testing

/// Verdicts on answers, on the core that ships.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct FeedbackTests {
    private let session = "/v1/sessions/alice/default"
    private let prompt = "Field notes of the quorvath survey. At dusk the quorvath"

    private struct Given {
        let id: String
        let texts: [String]
    }

    /// Two different answers to the prompt.
    private func complete(_ client: TestClient, user: String = "alice") async throws -> Given {
        let answer = try await client.post(
            "/v1/completions",
            [
                "user": .string(user), "prompt": .string(prompt), "n": 2, "seed": 11,
                "max_tokens": 24, "temperature": 0.9,
            ])
        #expect(answer.status == 200, "\(answer.text)")
        let texts = try answer["choices"].array.map { try $0["text"].string }
        #expect(texts.count == 2 && texts[0] != texts[1])
        return Given(id: try answer["id"].string, texts: texts)
    }

    /// log2 p of an answer after the prompt, up to the prompt's own share.
    private func bits(_ client: TestClient, _ text: String) async throws -> Double {
        let whole = prompt + text
        return try await client.score("alice/default", whole).adapted * Double(whole.utf8.count)
    }

    private func judge(
        _ client: TestClient, _ id: String, choice: Int = 0, _ reward: Double,
        headers: [String: String] = [:]
    ) async throws -> TestClient.Answer {
        try await client.post(
            "\(session)/feedback",
            [
                "completion": .string(id), "choice": .number(Double(choice)),
                "reward": .number(reward),
            ], headers: headers)
    }

    @Test(
        "A verdict moves its answer against the other, and generic text by 0.2 % at most",
        arguments: [1.0, -1.0], [false, true])
    func moves(reward: Double, isTaught: Bool) async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        if isTaught { _ = try await client.observe("alice/default", UserText.notes) }
        let generic = try await client.score("alice/default", UserText.generic)
        let given = try await complete(client)
        let before = (
            try await bits(client, given.texts[0]), try await bits(client, given.texts[1])
        )
        let answer = try await judge(client, given.id, reward)
        #expect(answer.status == 200, "\(answer.text)")
        let after = (
            try await bits(client, given.texts[0]), try await bits(client, given.texts[1])
        )
        // A surprise falls where a probability rises.
        #expect(reward * (before.0 - after.0) > 0.5)
        #expect(reward * ((before.0 - before.1) - (after.0 - after.1)) > 0.5)
        let likelihood = try answer["completions"][0]["logprob"]
        #expect(
            try reward * (likelihood["after"].number - likelihood["before"].number) > 0.5)
        let again = try await judge(client, given.id, reward)["completions"][0]["logprob"]
        #expect(
            try reward * (again["after"].number - likelihood["after"].number) > -0.05,
            "the same verdict once more undoes the first: \(again)")
        let moved = try await client.score("alice/default", UserText.generic)
        #expect(moved.frozen == generic.frozen)
        #expect(abs(moved.adapted / generic.adapted - 1) <= 0.002, "\(generic) then \(moved)")
    }

    @Test("A group raises the better answer against the worse one")
    func group() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        let given = try await complete(client)
        let answer = try await client.post(
            "\(session)/feedback",
            [
                "completions": [
                    ["id": .string(given.id), "choice": 0, "reward": 0.25],
                    ["id": .string(given.id), "choice": 1, "reward": 0.75],
                ]
            ])
        #expect(answer.status == 200, "\(answer.text)")
        let judged = try answer["completions"].array
        #expect(try judged.map { try $0["advantage"].number } == [-1, 1])
        let gains = try judged.map {
            try $0["logprob"]["after"].number - $0["logprob"]["before"].number
        }
        #expect(gains[0] < 0)
        #expect(gains[1] > 0)

        let equal = try await client.post(
            "\(session)/feedback",
            [
                "completions": [
                    ["id": .string(given.id), "choice": 0, "reward": 1],
                    ["id": .string(given.id), "choice": 1, "reward": 1],
                ]
            ])
        #expect(try equal["learned_tokens"].number == 0)
    }

    @Test("What was judged survives kill -9 byte for byte, and a repeated verdict is one")
    func durability() async throws {
        let data = try TemporaryFolder()
        var server = try await ServerProcess(data: data)
        _ = try await server.client.observe("alice/default", UserText.notes)
        let given = try await complete(server.client)
        let key = ["Idempotency-Key": "verdict-1"]
        let first = try await judge(server.client, given.id, 1, headers: key)
        #expect(first.status == 200, "\(first.text)")
        _ = try await judge(server.client, given.id, choice: 1, -1)
        _ = try await judge(server.client, given.id, choice: 1, -0.5)
        let before = try await server.client.get("\(session)/delta?scope=total")

        server.killNow()
        server = try await ServerProcess(data: data)
        let after = try await server.client.get("\(session)/delta?scope=total")
        #expect(after.status == 200)
        #expect(after.body == before.body)
        // The completion is forgotten, the verdict on it is not.
        let again = try await judge(server.client, given.id, 1, headers: key)
        #expect(again.status == 200, "\(again.text)")
        #expect(try again["event"] == first["event"])
        #expect(try again["completions"] == first["completions"])
        #expect(try again["replayed"] == true)
        let unchanged = try await server.client.get("\(session)/delta?scope=total")
        #expect(unchanged.body == before.body)
        #expect(try await judge(server.client, given.id, 1).status == 404)
    }

    @Test("An unknown answer and another user's are 404, a reward of 2 is 400")
    func refusals() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        let unknown = try await judge(client, "cmpl-none", 1)
        #expect(unknown.status == 404)
        #expect(try unknown.errorMessage.contains("cmpl-none"))
        let others = try await complete(client, user: "bob")
        #expect(try await judge(client, others.id, 1).status == 404)
        let own = try await complete(client)
        #expect(try await judge(client, own.id, 2).status == 400)
        #expect(try await judge(client, own.id, choice: 2, 1).status == 404)
        #expect(try await client.get(session)["revision"].number == 0)
    }

    @Test("On the command line an answer shows its id, and a verdict names it")
    func commandLine() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let environment = ["HEBB_URL": server.client.base, "HEBB_SESSION": "alice/default"]
        func hebb(_ arguments: String...) async throws -> HebbBinary.Outcome {
            try await HebbBinary.run(arguments, environment: environment)
        }
        let answer = try await hebb("complete", "--max-tokens", "12", "--seed", "3", "The tarn")
        #expect(answer.status == 0, "\(answer.errors)")
        let line = try #require(
            answer.errors.split(separator: "\n").first { $0.hasPrefix("completion cmpl-") })
        let id = String(line.dropFirst("completion ".count))
        let liked = try await hebb("feedback", id, "1")
        #expect(liked.status == 0, "\(liked.errors)")
        #expect(liked.output.hasPrefix("\(id):0: 12 tokens, log-probability -"))
        // A negative reward is no option of the command.
        let disliked = try await hebb("feedback", "\(id):0", "-0.5", "--json")
        #expect(disliked.status == 0, "\(disliked.errors)")
        let json = try JSONDecoder().decode(JSON.self, from: Data(disliked.output.utf8))
        #expect(try json["completions"][0]["reward"].number == -0.5)
        #expect(try json["revision"].number == 2)

        let unknown = try await hebb("feedback", "cmpl-none", "1")
        #expect(unknown.status == 1)
        #expect(unknown.output.isEmpty)
        #expect(unknown.errors.contains("cmpl-none"))
    }
}
