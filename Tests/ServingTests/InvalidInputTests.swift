import Engrams
import ModelFormats
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Bad input, by router and by socket")
struct InvalidInputTests {
    private static let session = "/v1/sessions/alice/default"

    struct Case: Sendable, CustomTestStringConvertible {
        var path: String
        var body: String
        var parameter: String?
        var code: String
        var status = 400
        var testDescription: String { body.count < 80 ? body : code }
    }

    static let cases: [Case] =
        completions.map { body, parameter, code in
            Case(path: "/v1/completions", body: body, parameter: parameter, code: code)
        }
        + observations.map { body, parameter, code in
            Case(path: session + "/observe", body: body, parameter: parameter, code: code)
        } + others

    private static let completions: [(String, String?, String)] = [
        (#"{"prompt":"a""#, nil, "invalid_json"),
        (#"[1]"#, nil, "invalid_type"),
        (#"{}"#, "prompt", "missing_required_parameter"),
        (#"{"prompt":null}"#, "prompt", "missing_required_parameter"),
        (#"{"prompt":5}"#, "prompt", "invalid_type"),
        (#"{"prompt":[]}"#, "prompt", "invalid_value"),
        (#"{"prompt":["a",1]}"#, "prompt", "invalid_type"),
        (#"{"prompt":[1,"a"]}"#, "prompt", "invalid_type"),
        (#"{"prompt":[1.5]}"#, "prompt", "invalid_type"),
        (#"{"prompt":[1000]}"#, "prompt", "invalid_value"),
        (#"{"prompt":[-1]}"#, "prompt", "invalid_value"),
        (#"{"prompt":"a","max_tokens":"5"}"#, "max_tokens", "invalid_type"),
        (#"{"prompt":"a","max_tokens":0}"#, "max_tokens", "invalid_value"),
        (#"{"prompt":"a","max_tokens":1.5}"#, "max_tokens", "invalid_type"),
        (#"{"prompt":"a","max_tokens":1e300}"#, "max_tokens", "invalid_value"),
        (#"{"prompt":"a","max_tokens":9223372036854775808}"#, "max_tokens", "invalid_value"),
        (#"{"prompt":[9223372036854775807]}"#, "prompt", "invalid_value"),
        (#"{"prompt":[9223372036854775808]}"#, "prompt", "invalid_value"),
        (#"{"prompt":[1,-1e300]}"#, "prompt", "invalid_value"),
        (#"{"prompt":[1,0.5]}"#, "prompt", "invalid_type"),
        (#"{"prompt":[1,true]}"#, "prompt", "invalid_type"),
        (#"{"prompt":"a","seed":9223372036854775808}"#, "seed", "invalid_value"),
        (#"{"prompt":"a","seed":-9223372036854775809}"#, "seed", "invalid_value"),
        (#"{"prompt":"a","seed":9007199254740994.0}"#, "seed", "invalid_value"),
        (#"{"prompt":"a","seed":0.5}"#, "seed", "invalid_type"),
        (#"{"prompt":"a","seed":"7"}"#, "seed", "invalid_type"),
        (#"{"prompt":"a","n":0}"#, "n", "invalid_value"),
        (#"{"prompt":"a","logprobs":-1}"#, "logprobs", "invalid_value"),
        (#"{"prompt":"a","plasticty":{"learn":"none"}}"#, "plasticty", "unknown_parameter"),
        (#"{"prompt":"a","Plasticity":{}}"#, "Plasticity", "unknown_parameter"),
        (#"{"prompt":"a","usr":"alice"}"#, "usr", "unknown_parameter"),
        (#"{"prompt":"a","learn":"prompt"}"#, "learn", "unknown_parameter"),
        (
            #"{"prompt":"a","plasticity":{"lern":"prompt"}}"#, "plasticity.lern",
            "unknown_parameter"
        ),
        (#"{"prompt":"a","plasticity":{"x":1}}"#, "plasticity.x", "unknown_parameter"),
        (#"{"prompt":"a","temperature":true}"#, "temperature", "invalid_type"),
        (#"{"prompt":"a","temperature":-0.1}"#, "temperature", "invalid_value"),
        (#"{"prompt":"a","stream":"yes"}"#, "stream", "invalid_type"),
        (#"{"prompt":"a","stream_options":{}}"#, "stream_options", "unsupported_parameter"),
        (#"{"prompt":"a","n":17}"#, "n", "invalid_value"),
        (#"{"prompt":"a","stop":["a","b","c","d","e"]}"#, "stop", "invalid_value"),
        (#"{"prompt":"a","stop":""}"#, "stop", "invalid_value"),
        (#"{"prompt":"a","stop":[1]}"#, "stop", "invalid_type"),
        (#"{"prompt":"a","logprobs":true}"#, "logprobs", "invalid_type"),
        (#"{"prompt":"a","best_of":2}"#, "best_of", "unsupported_parameter"),
        (#"{"prompt":"a","echo":true}"#, "echo", "unsupported_parameter"),
        (#"{"prompt":"a","suffix":"z"}"#, "suffix", "unsupported_parameter"),
        (#"{"prompt":"a","logit_bias":{"1":500}}"#, "logit_bias", "invalid_value"),
        (#"{"prompt":"a","frequency_penalty":3}"#, "frequency_penalty", "invalid_value"),
        (#"{"prompt":"a","grammar":"root ::= x"}"#, "grammar", "unsupported_parameter"),
        (#"{"prompt":"a","user":"a b"}"#, "user", "invalid_value"),
        (#"{"prompt":"a","user":7}"#, "user", "invalid_type"),
        (#"{"prompt":"a","plasticity":"on"}"#, "plasticity", "invalid_type"),
        (#"{"prompt":"a","plasticity":{"mode":"warm"}}"#, "plasticity.mode", "invalid_value"),
        (#"{"prompt":"a","plasticity":{"learn":1}}"#, "plasticity.learn", "invalid_type"),
        (
            #"{"prompt":"a","user":"bob","plasticity":{"session":"alice/x"}}"#,
            "plasticity.session", "invalid_value"
        ),
    ]

    private static let observations: [(String, String?, String)] = [
        ("", "text", "missing_required_parameter"),
        (#"{"text":""}"#, "text", "empty_text"),
        (#"{"tokens":[]}"#, "text", "empty_text"),
        (#"{"messages":[]}"#, "messages", "invalid_value"),
        (
            #"{"messages":[{"role":"a","content":"b"}]}"#, "messages[0].role", "invalid_value"
        ),
        (#"{"text":"a","learn":"user"}"#, "learn", "invalid_value"),
        (
            #"{"messages":[{"role":"user","content":"b"}],"learn":"none"}"#, "learn",
            "invalid_value"
        ),
        (#"{"text":["a"]}"#, "text", "invalid_type"),
        (#"{"text":"a","tokens":[1]}"#, "tokens", "unsupported_parameter"),
        (#"{"tokens":[1,"a"]}"#, "tokens", "invalid_type"),
        (#"{"tokens":[1000]}"#, "tokens", "invalid_value"),
        (#"{"messages":[{"content":"a"}]}"#, "messages[0].role", "missing_required_parameter"),
        (
            #"{"messages":[{"role":"user","content":[{"type":"image"}]}]}"#,
            "messages[0].content[0].type", "unsupported_parameter"
        ),
        (#"{"text":"a","reward":1.01}"#, "reward", "invalid_value"),
        (#"{"text":"a","reward":"good"}"#, "reward", "invalid_type"),
        (#"{"text":"a","rewrd":-1}"#, "rewrd", "unknown_parameter"),
        (#"{"text":"a","user":"bob"}"#, "user", "unknown_parameter"),
        (#"{"tokens":[9223372036854775808]}"#, "tokens", "invalid_value"),
        (#"{"text":"\ud800"}"#, nil, "invalid_json"),
        (String(repeating: "[", count: 5000), nil, "invalid_json"),
    ]

    private static let others: [Case] = [
        Case(
            path: session + "/score", body: #"{"text":""}"#, parameter: "text", code: "empty_text"),
        Case(
            path: session + "/score", body: #"{"text":"a","mode":"x"}"#, parameter: "mode",
            code: "invalid_value"),
        Case(
            path: session + "/score", body: #"{"text":"a","mod":"frozen"}"#, parameter: "mod",
            code: "unknown_parameter"),
        Case(
            path: session + "/reset", body: #"{"from":"frozen"}"#, parameter: "from",
            code: "unknown_parameter"),
        Case(
            path: session + "/feedback", body: #"{"completion":"c","rewards":-1}"#,
            parameter: "rewards", code: "unknown_parameter"),
        Case(
            path: session + "/feedback",
            body: #"{"completions":[{"id":"c","reward":1},{"id":"d","rewrad":-1}]}"#,
            parameter: "completions[1].rewrad", code: "unknown_parameter"),
        Case(
            path: session + "/merge", body: #"{"terms":[{"checkpoint":"c","scal":-1}]}"#,
            parameter: "terms[0].scal", code: "unknown_parameter"),
        Case(
            path: session + "/checkpoints", body: #"{"nmae":"first"}"#, parameter: "nmae",
            code: "unknown_parameter"),
        Case(
            path: "/v1/sessions", body: #"{"id":"a","lear":"prompt"}"#, parameter: "lear",
            code: "unknown_parameter"),
        Case(
            path: session + "/restore?to=a", body: "{}", parameter: nil, code: "unknown_url",
            status: 404),
        Case(
            path: session + "/reset", body: #"{"to":5}"#, parameter: "to", code: "invalid_type"),
        Case(
            path: session + "/checkpoints", body: #"{"name":[]}"#, parameter: "name",
            code: "invalid_type"),
        Case(
            path: "/v1/sessions", body: #"{"user":"bob","id":"alice/x"}"#, parameter: "id",
            code: "invalid_value"),
        Case(
            path: "/v1/sessions", body: #"{"id":"a/b/c"}"#, parameter: "id",
            code: "invalid_value"),
        Case(
            path: "/v1/sessions", body: #"{"learn":"always"}"#, parameter: "learn",
            code: "invalid_value"),
        Case(
            path: "/v1/completions", body: #"{"model":"gpt-4","prompt":"a"}"#,
            parameter: "model", code: "model_not_found", status: 404),
        Case(
            path: "/v1/sessions/alice/nothing/observe", body: #"{"text":"a"}"#, parameter: nil,
            code: "session_not_found", status: 404),
        Case(
            path: session + "/observe",
            body: #"{"text":""# + String(repeating: "long ", count: 300_000) + #""}"#,
            parameter: "text", code: "text_too_large", status: 413),
    ]

    @Test("It is refused by name and changes nothing", arguments: Transport.allCases)
    func refusals(transport: Transport) async throws {
        try await withClient(transport) { client in
            for wrong in Self.cases {
                let answer = try await client.send("POST", wrong.path, body: wrong.body)
                #expect(answer.status == wrong.status, "\(wrong.testDescription)")
                let error = try answer.error()
                #expect(error.parameter == wrong.parameter, "\(wrong.testDescription)")
                #expect(error.code == wrong.code, "\(wrong.testDescription)")
                #expect(error.type == "invalid_request_error")
            }
            let state = client.models.state.withLock { $0 }
            #expect(state.observed.isEmpty)
            #expect(state.completions.isEmpty)
        }
    }

    @Test("A misspelled word for learning is told the right one, in its place")
    func nearestName() async throws {
        try await withClient(.router) { client in
            for (path, body, meant) in [
                ("/observe", #"{"text":"a","rewrd":-1}"#, "'reward'"),
                ("/observe", #"{"TEXT":"a"}"#, "'text'"),
                ("/feedback", #"{"completions":[{"rewad":1}]}"#, "'completions[0].reward'"),
                ("/merge", #"{"terms":[{"session":"a","sacle":1}]}"#, "'terms[0].scale'"),
            ] {
                let answer = try await client.send("POST", Self.session + path, body: body)
                #expect(try answer.error().message.contains("Did you mean \(meant)?"))
            }
            for (body, meant) in [
                (#"{"prompt":"a","plasticty":{}}"#, "'plasticity'"),
                (#"{"prompt":"a","plasticity":{"larn":"none"}}"#, "'plasticity.learn'"),
                (#"{"prompt":"a","learn":"none"}"#, "'plasticity.learn'"),
            ] {
                let answer = try await client.send("POST", "/v1/completions", body: body)
                #expect(try answer.error().message.contains("Did you mean \(meant)?"))
            }
            let query = try await client.send("GET", Self.session + "/delta?scpoe=user")
            #expect(query.status == 400)
            #expect(try query.error().message.contains("Did you mean 'scope'?"))
            let far = try await client.send(
                "POST", Self.session + "/score", body: #"{"text":"a","colour":"blue"}"#)
            let message = try far.error().message
            #expect(message.contains("mode, parse_special, per_token, text"))
            #expect(!message.contains("mean"))
        }
    }

    @Test("Words that mean nothing here are let pass where OpenAI's clients send them")
    func letPass() async throws {
        try await withClient(.router) { client in
            let answer = try await client.send(
                "POST", "/v1/completions",
                body: #"""
                    {"prompt":"a","max_tokens":1,"user":"","model":null,"metadata":{"a":"b"},
                     "store":false,"service_tier":"auto","options":{"num_ctx":1},"cache_prompt":true,
                     "ignore_eos":false,"mode":"instruct","session_id":"s","e\u0301":1,"\u00e9":2}
                    """#)
            #expect(answer.status == 200)
            #expect(try answer.json()["plasticity"]?["session"] == "anonymous/default")
            #expect(
                try await client.send("GET", Self.session + "/events?_=17&limit=2").status == 200)
        }
    }

    @Test(
        "Whole numbers are taken however JSON spells them, to the last bit",
        arguments: [
            ("7", 7), ("7.0", 7), ("70e-1", 7), ("-0", 0), ("-0.0", 0), ("1e3", 1000), ("-1", .max),
            ("9007199254740993", 9_007_199_254_740_993), ("9007199254740992.0", 1 << 53),
            ("9223372036854775807", UInt64(Int64.max)), ("-9223372036854775808", 1 << 63),
        ] as [(String, UInt64)])
    func wholeNumbers(text: String, seed: UInt64) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send(
                "POST", "/v1/completions",
                body: #"{"prompt":[5.0,6],"max_tokens":1.0,"seed":\#(text)}"#)
            #expect(answer.status == 200)
            let seen = try #require(client.models.state.withLock { $0.completions.last })
            #expect(seen.seed == seed)
            #expect(seen.prompt == .tokens([TokenID(5), TokenID(6)]))
        }
    }

    @Test("Invalid UTF-8 is refused with its place", arguments: Transport.allCases)
    func invalidUTF8(transport: Transport) async throws {
        try await withClient(transport) { client in
            let body = Array(#"{"text":"ab"#.utf8) + [0xff] + Array(#""}"#.utf8)
            let answer = try await client.send("POST", Self.session + "/observe", bytes: body)
            #expect(answer.status == 400)
            #expect(try answer.error().message.contains("at byte 11"))
        }
    }

    @Test(
        "Every failure of the models has OpenAI's shape",
        arguments: [
            (ServiceError.loading, 503), (.draining, 503), (.emptyText, 400),
            (.idempotencyKeyReused, 409), (.idempotencyKeySpent, 409),
            (.answerNotKept(EventID(rawValue: "evt-1")), 409), (.refused(reason: "norm"), 422),
            (.contextExceeded(promptTokens: 600, maxTokens: 1, contextLength: 512), 400),
            (.queueFull(capacity: 1, retryAfterSeconds: 7), 429),
            (.storage(reason: "read-only"), 503),
            (.storageFull(reason: "full"), 503), (.storageDamaged(reason: "bad page"), 500),
            (.contentNotKept(EventID(rawValue: "evt-1")), 409),
            (.invalidParameter(name: "top_p", reason: "too low"), 400),
        ])
    func mapping(error: ServiceError, status: Int) async throws {
        let answer = try await TestResponse(collecting: ErrorAnswer(error).response)
        #expect(answer.status == status)
        #expect(try !answer.error().message.isEmpty)
        #expect((answer.headers["Retry-After"] != nil) == [429, 503].contains(status))
    }

    @Test("A failure of our own says nothing of itself")
    func internalFailure() throws {
        struct Secret: Error { let text = "a user's text" }
        let answer = ErrorAnswer(Secret())
        #expect(answer.status == 500)
        #expect(answer.type == "server_error")
        #expect(!answer.message.contains("user"))
    }
}
