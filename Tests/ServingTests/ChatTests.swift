import InnerCortex
import ModelFormats
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Chat completions, by router and by socket")
struct ChatTests {
    private let path = "/v1/chat/completions"

    @Test("An answer has OpenAI's shape and our account", arguments: Transport.allCases)
    func whole(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"model":"fake-core","messages":[{"role":"user","content":"Hi"}],
                     "max_completion_tokens":2,"max_tokens":7,"user":"alice","n":2,
                     "metadata":{"a":"b"}}
                    """#)
            #expect(answer.status == 200)
            let json = try answer.json()
            #expect(
                json.names == [
                    "id", "object", "created", "model", "choices", "usage", "plasticity",
                ])
            #expect(json["object"] == "chat.completion")
            #expect(json["id"]?.text?.hasPrefix("chatcmpl-") == true)
            let choices = json["choices"]?.elements ?? []
            #expect(choices.map { $0["index"] } == [0, 1])
            #expect(choices[0].names == ["index", "message", "logprobs", "finish_reason"])
            #expect(
                choices[1]["message"]
                    == ["role": "assistant", "content": "w0 w1 ", "refusal": nil])
            #expect(json["plasticity"]?["session"] == "alice/default")
        }
    }

    @Test("What is asked for reaches the model", arguments: Transport.allCases)
    func parameters(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"messages":[{"role":"system","content":"Be brief."},
                      {"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}],
                       "name":"ann"},
                      {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function"}]},
                      {"role":"tool","tool_call_id":"c","content":"3"}],
                     "temperature":0,"frequency_penalty":0.5,"presence_penalty":-1,
                     "logit_bias":{"5":-100,"7":2.5},"logprobs":true,"top_logprobs":2,
                     "response_format":{"type":"text"},"tools":[],"tool_choice":"auto",
                     "chat_template_kwargs":{"enable_thinking":false}}
                    """#)
            #expect(answer.status == 200)
            let seen = try #require(client.models.state.withLock { $0.completions.last })
            let call = ChatValue.array([
                .object([.init("id", .string("c")), .init("type", .string("function"))])
            ])
            #expect(
                seen.prompt
                    == .conversation(
                        Conversation(
                            messages: [
                                .message(role: "system", content: "Be brief."),
                                .object([
                                    .init("role", .string("user")),
                                    .init("content", .string("a\nb")),
                                    .init("name", .string("ann")),
                                ]),
                                .object([
                                    .init("role", .string("assistant")),
                                    .init("content", .string("")), .init("tool_calls", call),
                                ]),
                                .object([
                                    .init("role", .string("tool")), .init("content", .string("3")),
                                    .init("tool_call_id", .string("c")),
                                ]),
                            ], variables: [.init("enable_thinking", .bool(false))])))
            #expect(seen.maxTokens == CompletionShape.chatTokens)
            #expect(seen.topLogprobs == 2)
            #expect(
                seen.sampling
                    == SamplingOptions(
                        temperature: 0, frequencyPenalty: 0.5, presencePenalty: -1,
                        logitBias: [TokenID(5): -100, TokenID(7): 2.5]))
        }
    }

    @Test("Log-probabilities are objects, with as many of the likeliest as were asked for")
    func logprobs() async throws {
        try await withClient(.router) { client in
            func content(_ top: String) async throws -> JSONValue? {
                let body =
                    #"{"messages":[{"role":"user","content":"a"}],"max_tokens":1,"logprobs":true\#(top)}"#
                let json = try await client.send("POST", path, body: body).json()
                return json["choices"]?.elements[0]["logprobs"]?["content"]?.elements.first
            }
            let word: JSONValue = [
                "token": "w0 ", "logprob": -0.5, "bytes": [119, 48, 32],
            ]
            let part: JSONValue = [
                "token": "\u{fffd}", "logprob": -1.5, "bytes": [226, 128],
            ]
            let bare = try await content("")
            let one = try await content(#","top_logprobs":1"#)
            let five = try await content(#","top_logprobs":5"#)
            #expect(bare == word.with("top_logprobs", []))
            #expect(one == word.with("top_logprobs", [word]))
            #expect(five == word.with("top_logprobs", [word, part]))
        }
    }

    @Test(
        "A stream says who speaks, then what, then why it ends, then the account",
        arguments: Transport.allCases, [true, false])
    func stream(transport: Transport, withUsage: Bool) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"messages":[{"role":"user","content":"a"}],"max_tokens":2,"stream":true,"n":2,
                     "stream_options":{"include_usage":\#(withUsage)}}
                    """#)
            #expect(answer.status == 200)
            let events = try answer.events()
            #expect(events.last == "[DONE]")
            let chunks = try events.dropLast().map { try JSONParser.parse(Array($0.utf8)) }
            #expect(chunks.allSatisfy { $0["object"] == "chat.completion.chunk" })
            for index in 0..<2 {
                let mine = chunks.flatMap { $0["choices"]?.elements ?? [] }
                    .filter { $0["index"] == .integer(index) }
                let deltas: [JSONValue] = mine.compactMap { $0["delta"] }
                #expect(
                    deltas == [
                        ["role": "assistant", "content": "", "refusal": .null], ["content": "w0 "],
                        ["content": "w1 "], [:],
                    ])
                let reasons: [JSONValue] = mine.compactMap { $0["finish_reason"] }
                #expect(reasons == [.null, .null, .null, "length"])
            }
            #expect(chunks.last?["plasticity"]?["session"] == "anonymous/default")
            #expect(
                chunks.last?["usage"]
                    == (withUsage
                        ? ["prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7] : nil))
        }
    }

    private static let weather = """
        "tools":[{"type":"function","function":{"name":"weather","description":"d",
        "parameters":{"type":"object","properties":{"city":{"type":"string"}},"required":["city"]}}}]
        """

    @Test("Tools go to a core that knows them, and to no other")
    func tools() async throws {
        let body = "{\(Self.user),\(Self.weather)}"
        try await withClient(.router) { client in
            let refused = try await client.send("POST", path, body: body)
            #expect(refused.status == 422)
            #expect(try refused.error().parameter == "tools")
            let none = "{\(Self.user),\(Self.weather),\"tool_choice\":\"none\"}"
            #expect(try await client.send("POST", path, body: none).status == 200)
        }
        func use(_ more: String, _ form: ToolForm = .tagged) throws -> ToolUse? {
            let fields = try JSONFields(
                body: Array("{\(Self.user),\(Self.weather)\(more)}".utf8),
                as: "CreateChatCompletion")
            return try ToolUse.read(fields, form: form)
        }
        let auto = try #require(try use(""))
        #expect(auto.tools.map(\.name) == ["weather"])
        #expect(try auto.format() == nil)
        for more in [
            #","tool_choice":"required""#,
            #","tool_choice":{"type":"function","function":{"name":"weather"}}"#,
        ] {
            #expect(try use(more)?.format()?.key.contains("weather") == true)
            #expect(throws: RequestError.self) { try use(more, .other) }
        }
        #expect(throws: RequestError.self) {
            try use(#","tool_choice":{"type":"function","function":{"name":"x"}}"#)
        }
        #expect(throws: RequestError.self) { try use(#","tool_choice":"maybe""#) }

        let one = #"<tool_call>\n{"name": "weather", "arguments": {"city": "Cork"}}\n</tool_call>"#
            .replacing(#"\n"#, with: "\n")
        let called = auto.calls(in: "Let me see.\n" + one + one)
        #expect(
            called.text == "Let me see.\n" && called.calls.map(\.name) == ["weather", "weather"])
        #expect(called.calls[0].arguments == ["city": "Cork"])
        #expect(auto.calls(in: one).text.isEmpty)
        let single = try #require(try use(#","parallel_tool_calls":false"#))
        #expect(single.calls(in: one + one).calls.count == 1)
        for text in [
            "no call", "<tool_call>{}</tool_call>", #"<tool_call>{"name":"x"}</tool_call>"#,
            "<tool_call>{", "</tool_call>",
        ] {
            #expect(auto.calls(in: text).text == text && auto.calls(in: text).calls.isEmpty)
        }
        #expect(try use("", .other)?.calls(in: one).calls.isEmpty == true)
    }

    @Test("A call has OpenAI's shape, whole and in a stream", arguments: [true, false])
    func called(streams: Bool) throws {
        let body = "{\(Self.user),\(Self.weather),\"stream\":\(streams)}"
        var model = FakeModels().model
        model.tools = .tagged
        let request = HTTPRequest(
            method: "POST", target: path, body: Array(body.utf8),
            memory: RequestMemory(capacity: 1 << 20))
        let call = try CompletionCall(request, as: .chat, model: model)
        var answer = CompletionAnswer(id: "i", created: 1, model: "m", call: call)
        let text = #"<tool_call>{"name":"weather","arguments":{"city":"Cork"}}</tool_call>"#
        let events: [CompletionEvent] = [
            .piece(CompletionPiece(choice: 0, text: String(text.prefix(20)))),
            .piece(CompletionPiece(choice: 0, text: String(text.dropFirst(20)))),
            .choiceFinished(choice: 0, reason: .stop),
        ]
        let function: JSONValue = ["name": "weather", "arguments": #"{"city":"Cork"}"#]
        guard streams else {
            for event in events { answer.collect(event, prompt: 0) }
            let choice = try #require(answer.whole["choices"]?.elements.first)
            #expect(choice["finish_reason"] == "tool_calls")
            #expect(choice["message"]?["content"] == .null)
            #expect(choice["message"]?["tool_calls"]?.elements.map { $0["function"] } == [function])
            return
        }
        let chunks = events.flatMap { answer.chunks($0, prompt: 0) } + answer.lastChunks()
        let deltas = chunks.compactMap { $0["choices"]?.elements.first }
        #expect(deltas.count == 3)
        #expect(deltas[0]["delta"]?["role"] == "assistant")
        let parts = deltas[1]["delta"]?["tool_calls"]?.elements ?? []
        #expect(parts.map { $0["index"] } == [0] && parts.map { $0["function"] } == [function])
        #expect(deltas[2]["delta"] == [:] && deltas[2]["finish_reason"] == "tool_calls")
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        var body: String
        var parameter: String
        var code: String
        var testDescription: String { body }
        init(_ body: String, _ parameter: String, _ code: String) {
            (self.body, self.parameter, self.code) = (body, parameter, code)
        }
    }

    private static let user = #""messages":[{"role":"user","content":"a"}]"#

    static let refusals: [Refusal] = [
        Refusal("{}", "messages", "missing_required_parameter"),
        Refusal(#"{"messages":[]}"#, "messages", "invalid_value"),
        Refusal(#"{"messages":"hi"}"#, "messages", "invalid_type"),
        Refusal(#"{"messages":["hi"]}"#, "messages[0]", "invalid_type"),
        Refusal(
            #"{"messages":[{"content":"a"}]}"#, "messages[0].role", "missing_required_parameter"),
        Refusal(
            #"{"messages":[{"role":"wizard","content":"a"}]}"#, "messages[0].role",
            "invalid_value"),
        Refusal(
            #"{"messages":[{"role":"user"}]}"#, "messages[0].content",
            "missing_required_parameter"),
        Refusal(
            #"{"messages":[{"role":"user","content":""}]}"#, "messages[0].content",
            "invalid_value"),
        Refusal(
            #"{"messages":[{"role":"assistant","content":null}]}"#, "messages[0].content",
            "missing_required_parameter"),
        Refusal(
            #"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{}}]}]}"#,
            "messages[0].content[0].type", "unsupported_parameter"),
        Refusal("{\(user),\"top_logprobs\":2}", "top_logprobs", "unsupported_parameter"),
        Refusal("{\(user),\"logprobs\":2}", "logprobs", "invalid_type"),
        Refusal("{\(user),\"max_completion_tokens\":0}", "max_completion_tokens", "invalid_value"),
        Refusal("{\(user),\"logit_bias\":{\"x\":1}}", "logit_bias", "invalid_value"),
        Refusal("{\(user),\"logit_bias\":{\"5000\":1}}", "logit_bias", "invalid_value"),
        Refusal("{\(user),\"logit_bias\":{\"5\":101}}", "logit_bias", "invalid_value"),
        Refusal("{\(user),\"presence_penalty\":3}", "presence_penalty", "invalid_value"),
        Refusal("{\(user),\"min_tokens\":3}", "min_tokens", "unsupported_parameter"),
        Refusal("{\(user),\"functions\":[{}]}", "functions", "unsupported_parameter"),
        Refusal(
            "{\(user),\"response_format\":{}}", "response_format.type", "missing_required_parameter"
        ),
        Refusal(
            "{\(user),\"response_format\":{\"type\":\"xml\"}}", "response_format.type",
            "invalid_value"),
        Refusal(
            "{\(user),\"response_format\":{\"type\":\"json_schema\"}}",
            "response_format.json_schema",
            "missing_required_parameter"),
        Refusal(
            "{\(user),\"response_format\":{\"type\":\"json_schema\",\"json_schema\":"
                + "{\"schema\":{\"type\":\"string\",\"pattern\":\"a\"}}}}",
            "response_format.json_schema.schema", "unsupported_parameter"),
        Refusal("{\(user),\"learn\":\"user\"}", "learn", "unknown_parameter"),
    ]

    @Test("What cannot be done is refused by name", arguments: refusals)
    func refused(refusal: Refusal) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send("POST", path, body: refusal.body)
            #expect(answer.status == 400)
            let error = try answer.error()
            #expect(error.parameter == refusal.parameter)
            #expect(error.code == refusal.code)
        }
    }

    @Test("A core without a template says so, and a template that refuses says why")
    func templates() throws {
        let none = ErrorAnswer(ServiceError.chatUnavailable(model: "m", fault: nil))
        #expect(none.status == 422 && none.code == "no_chat_template")
        #expect(none.message.contains("/v1/completions"))
        let why = ErrorAnswer(ServiceError.conversationRefused(reason: "roles must alternate"))
        #expect(why.status == 400 && why.message.hasSuffix("roles must alternate"))
    }
}
