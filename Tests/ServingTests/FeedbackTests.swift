import Engrams
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Feedback, by router and by socket")
struct FeedbackTests {
    private let path = "/v1/sessions/alice/default/feedback"

    private func complete(_ client: TestClient, _ more: String = "") async throws -> String {
        let answer = try await client.send(
            "POST", "/v1/completions",
            body: #"{"prompt":["a","b"],"n":2,"max_tokens":2,"user":"alice"\#(more)}"#)
        return try #require(try answer.json()["id"]?.text)
    }

    @Test(
        "A completion's id is what feedback names, with every field",
        arguments: Transport.allCases)
    func single(transport: Transport) async throws {
        try await withClient(transport) { client in
            let id = try await complete(client)
            #expect(id.hasPrefix("cmpl-"))
            let answer = try await client.send(
                "POST", path, headers: ["Idempotency-Key": "k", "If-Match": "\"0\""],
                body: #"{"completion":"\#(id)","choice":3,"reward":-0.5}"#)
            #expect(answer.status == 200)
            #expect(answer.headers["ETag"] == "\"1\"")
            let json = try answer.json()
            #expect(
                json.names == [
                    "event", "object", "session", "tokens", "learned_tokens", "streak", "gain",
                    "revision", "safe_zone", "completions", "replayed",
                ])
            #expect(json["object"] == "feedback")
            let judged = try #require(json["completions"]?.elements.first)
            #expect(
                judged.names == ["id", "choice", "reward", "advantage", "tokens", "logprob"])
            #expect(judged["id"]?.text == id)
            #expect(judged["choice"] == 3)
            #expect(judged["logprob"]?["before"] == -7.5)
            #expect(judged["logprob"]?["after"] == -6.25)
            let request = try #require(client.models.state.withLock { $0.verdicts.first })
            #expect(request.idempotencyKey == "k")
            #expect(request.ifMatch == .zero)
            #expect(
                request.verdicts == [
                    .init(
                        answer: AnswerID(completion: CompletionID(rawValue: id), choice: 3),
                        reward: -0.5)
                ])
            let metrics = try await client.send("GET", "/metrics").text
            #expect(metrics.contains("\nhebb_feedback_events_total 1\n"))
        }
    }

    @Test("Each prompt's answers get their index in the whole answer as choice")
    func names() async throws {
        try await withClient(.router) { client in
            let id = try await complete(client)
            let compared = try await complete(client, #","plasticity":{"mode":"compare"}"#)
            let streamed = try await client.send(
                "POST", "/v1/completions", body: #"{"prompt":"a","max_tokens":1,"stream":true}"#)
            #expect(streamed.status == 200)
            let asked = client.models.state.withLock { $0.completions }.map(\.completion)
            #expect(asked[0] == AnswerID(completion: CompletionID(rawValue: id), choice: 0))
            #expect(asked[1] == AnswerID(completion: CompletionID(rawValue: id), choice: 2))
            #expect(asked[3] == AnswerID(completion: CompletionID(rawValue: compared), choice: 4))
            let name = try #require(asked[4]).completion.rawValue
            #expect(streamed.text.contains("\"id\":\"\(name)\""))
        }
    }

    @Test("A group has an id and a reward each; choice 0 is meant where none is said")
    func group() async throws {
        try await withClient(.router) { client in
            let id = try await complete(client)
            let answer = try await client.send(
                "POST", path,
                body: #"{"completions":[{"id":"\#(id)","reward":1},"#
                    + #"{"id":"\#(id)","choice":1,"reward":0}]}"#)
            #expect(answer.status == 200)
            let verdicts = try #require(client.models.state.withLock { $0.verdicts.first }).verdicts
            #expect(verdicts.map(\.answer.choice) == [0, 1])
            #expect(verdicts.map(\.reward) == [1, 0])
        }
    }

    @Test(
        "A completion that is not remembered answers 404 and says what is",
        arguments: Transport.allCases)
    func unknown(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path, body: #"{"completion":"cmpl-none","reward":1}"#)
            #expect(answer.status == 404)
            let error = try answer.error()
            #expect(error.code == "completion_not_found")
            #expect(error.message.contains("'cmpl-none'"))
            #expect(error.message.contains("last 3 completions"))
        }
    }

    @Test(
        "Bad verdicts are refused by name",
        arguments: [
            (#"{}"#, "completion"), (#"{"completion":"c"}"#, "reward"),
            (#"{"completion":"c","reward":2}"#, "reward"),
            (#"{"completion":"c","reward":"1"}"#, "reward"),
            (#"{"completion":5,"reward":1}"#, "completion"),
            (#"{"completion":"","reward":1}"#, "completion"),
            (#"{"completion":"c","choice":-1,"reward":1}"#, "choice"),
            (#"{"completions":[]}"#, "completions"),
            (#"{"completions":[{"id":"c"}]}"#, "completions[0].reward"),
            (#"{"completions":[{"reward":1}]}"#, "completions[0].id"),
            (#"{"completions":[{"id":"c","reward":1.5}]}"#, "completions[0].reward"),
            (#"{"completions":[{"id":"c","reward":1},{"id":"c","reward":0}]}"#, "completions"),
            (#"{"completions":[{"id":"c","reward":1}],"reward":1}"#, "reward"),
            (#"{"completions":{"id":"c","reward":1}}"#, "completions"),
        ])
    func refuses(body: String, parameter: String) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send("POST", path, body: body)
            #expect(answer.status == 400)
            #expect(try answer.error().parameter == parameter)
            #expect(client.models.state.withLock { $0.verdicts.isEmpty })
        }
    }
}
