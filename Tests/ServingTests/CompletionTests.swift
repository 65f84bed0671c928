import Engrams
import InnerCortex
import ModelFormats
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Completions, by router and by socket")
struct CompletionTests {
    private let path = "/v1/completions"

    @Test("A completion has OpenAI's shape and our account", arguments: Transport.allCases)
    func whole(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"model":"fake-core","prompt":"Hi","max_tokens":2,"user":"alice","n":2,
                     "plasticity":{"learn":"completion"},"something":"else"}
                    """#)
            #expect(answer.status == 200)
            let json = try answer.json()
            #expect(
                json.names == [
                    "id", "object", "created", "model", "choices", "usage", "plasticity",
                ])
            #expect(json["object"] == "text_completion")
            let choices = json["choices"]?.elements ?? []
            #expect(choices.map { $0["index"] } == [0, 1])
            #expect(choices.map { $0["text"] } == ["w0 w1 ", "w0 w1 "])
            #expect(choices[0].names == ["index", "text", "logprobs", "finish_reason"])
            #expect(choices[0]["finish_reason"] == "length")
            #expect(
                json["usage"]
                    == ["prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7])
            #expect(
                json["plasticity"] == [
                    "session": "alice/default", "mode": "adapted", "revision": 0,
                    "learned_tokens": 2, "kl_mean": 0.012345678901234567, "kl_max": 0.1,
                    "strength_min": 0.75, "revision_after": 1,
                ])
        }
    }

    @Test("Parameters reach the model as they were given", arguments: Transport.allCases)
    func parameters(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"prompt":[5,6],"temperature":0,"top_p":0.5,"top_k":-1,"min_p":0.25,
                     "repetition_penalty":1.5,"seed":-1,"stop":["a","b"],"logprobs":1,
                     "best_of":1,"echo":false,"suffix":null,"logit_bias":{},"presence_penalty":0,
                     "plasticity":{"session":"bob/work","mode":"frozen","learn":"none"}}
                    """#)
            // "bob/work" is not there: only a default session is made on first use.
            #expect(answer.status == 404)
            _ = try await client.send("POST", "/v1/sessions", body: #"{"id":"bob/work"}"#)
            let again = try await client.send(
                "POST", path,
                body: #"""
                    {"prompt":[5,6],"temperature":0,"top_p":0.5,"top_k":-1,"min_p":0.25,
                     "repetition_penalty":1.5,"seed":-1,"stop":["a","b"],"logprobs":1,"parse_special":false,
                     "plasticity":{"session":"bob/work","mode":"frozen","learn":"none"}}
                    """#)
            #expect(again.status == 200)
            let seen = try #require(client.models.state.withLock { $0.completions.last })
            #expect(seen.prompt == .tokens([TokenID(5), TokenID(6)]))
            #expect(seen.maxTokens == 16)
            #expect(
                seen.sampling
                    == SamplingOptions(
                        temperature: 0, topK: 0, topP: 0.5, minP: 0.25, repetitionPenalty: 1.5))
            #expect(seen.seed == .max)
            #expect(seen.parsesSpecialTokens == false)
            #expect(seen.stop == ["a", "b"])
            #expect(seen.mode == .frozen)
            #expect(seen.learn == LearnMode.none)
            #expect(seen.topLogprobs == 1)
        }
    }

    @Test("Several prompts are answered in order, texts or tokens", arguments: Transport.allCases)
    func prompts(transport: Transport) async throws {
        try await withClient(transport) { client in
            for prompt in [#"["a","b","c"]"#, "[[1],[2,3],[4]]"] {
                let body = #"{"prompt":\#(prompt),"max_tokens":1}"#
                let json = try await client.send("POST", path, body: body).json()
                #expect(json["choices"]?.elements.map { $0["index"] } == [0, 1, 2])
                #expect(json["usage"]?["prompt_tokens"] == 9)
                #expect(json["plasticity"]?["session"] == "anonymous/default")
            }
        }
    }

    @Test(
        "Several prompts are not learned from, whoever asks for it, before or after the first",
        arguments: Transport.allCases, [true, false])
    func promptsThatLearn(transport: Transport, streams: Bool) async throws {
        try await withClient(transport) { client in
            _ = try await client.send(
                "POST", "/v1/sessions", body: #"{"user":"bob","id":"diary","learn":"prompt"}"#)
            let ann = #""user":"ann","plasticity":{"learn":"prompt"}"#
            let bob = #""plasticity":{"session":"bob/diary"}"#
            for whose in [ann, bob] {
                for prompts in [#"["a","b"]"#, #"["a","FULL"]"#, "[[1],[2]]"] {
                    let refused = try await client.send(
                        "POST", path,
                        body: #"{"prompt":\#(prompts),"stream":\#(streams),\#(whose)}"#)
                    #expect(refused.status == 400)
                    #expect(try refused.error().parameter == "prompt")
                }
                #expect(client.models.state.withLock { $0.completions.isEmpty })
            }
            let one = #"{"prompt":["a"],"stream":\#(streams),\#(bob)}"#
            #expect(try await client.send("POST", path, body: one).status == 200)
            #expect(client.models.state.withLock { $0.completions.map(\.learn) } == [nil])
            // Said with each, for the session may be another one before the last.
            let bare = #"{"prompt":["a","b"],"stream":\#(streams)}"#
            #expect(try await client.send("POST", path, body: bare).status == 200)
            let learn = client.models.state.withLock { $0.completions.suffix(2).map(\.learn) }
            #expect(learn == [LearnMode.none, LearnMode.none])
        }
    }

    @Test("best_of without effect passes: up to n answers are drawn anyway")
    func bestOf() async throws {
        try await withClient(.router) { client in
            for (count, bestOf, status) in [(3, 3, 200), (3, 2, 200), (3, 4, 400), (1, 2, 400)] {
                let answer = try await client.send(
                    "POST", path,
                    body: #"{"prompt":"a","max_tokens":1,"n":\#(count),"best_of":\#(bestOf)}"#)
                #expect(answer.status == status)
            }
        }
    }

    @Test("The sampled token is among the likeliest by its name, of which each stands there once")
    func likeliest() {
        func token(_ text: String, _ logprob: Double) -> TokenLogprob {
            TokenLogprob(text: text, bytes: Array(text.utf8), logprob: logprob)
        }
        func top(_ sampled: TokenLogprob, _ others: [TokenLogprob]) -> JSONValue? {
            var logprobs = CompletionLogprobs(.text, top: 1)
            logprobs.append(
                CompletionPiece(
                    choice: 0, text: "",
                    logprobs: [AnswerToken(token: sampled, top: others, start: 0)]))
            return logprobs.json["top_logprobs"]?.elements.first
        }
        let (best, rare) = (token("a", -0.5), token("z", -9))
        #expect(top(best, [best]) == ["a": -0.5])
        #expect(top(rare, [best, rare]) == ["a": -0.5, "z": -9.0])
        // A text token and an added one may be spelled alike.
        #expect(top(token("a", -7), [best, rare, token("a", -7)]) == ["a": -7.0, "z": -9.0])
        let composed = top(token("\u{e9}", -1), [token("\u{e9}", -1), token("e\u{301}", -2)])
        #expect(composed?.names.map { $0.unicodeScalars.count } == [1, 2])
    }

    @Test("Log-probabilities are four arrays of one length", arguments: Transport.allCases)
    func logprobs(transport: Transport) async throws {
        try await withClient(transport) { client in
            let body = #"{"prompt":"a","max_tokens":2,"logprobs":2}"#
            let json = try await client.send("POST", path, body: body).json()
            #expect(
                json["choices"]?.elements[0]["logprobs"] == [
                    "tokens": ["w0 ", "w1 "], "token_logprobs": [-0.5, -0.5],
                    "top_logprobs": [
                        ["w0 ": -0.5, "bytes:\\xe2\\x80": -1.5],
                        ["w1 ": -0.5, "bytes:\\xe2\\x80": -1.5],
                    ], "text_offset": [0, 3],
                ])
        }
    }

    @Test(
        "A stream's chunks add up, and its last one carries the account",
        arguments: Transport.allCases, [true, false])
    func stream(transport: Transport, withUsage: Bool) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"prompt":["a","b"],"max_tokens":3,"stream":true,"logprobs":0,
                     "stream_options":{"include_usage":\#(withUsage)}}
                    """#)
            #expect(answer.status == 200)
            #expect(answer.headers["Content-Type"] == "text/event-stream; charset=utf-8")
            let events = try answer.events()
            #expect(events.last == "[DONE]")
            let chunks = try events.dropLast().map { try JSONParser.parse(Array($0.utf8)) }
            #expect(Set(chunks.map { $0["id"]?.text }).count == 1)
            var texts = ["", ""]
            var reasons: [JSONValue?] = [nil, nil]
            var offsets: [[JSONValue]] = [[], []]
            for chunk in chunks {
                for choice in chunk["choices"]?.elements ?? [] {
                    guard case .integer(let index)? = choice["index"] else { continue }
                    #expect(reasons[index] == nil)
                    texts[index] += choice["text"]?.text ?? ""
                    offsets[index] += choice["logprobs"]?["text_offset"]?.elements ?? []
                    if choice["finish_reason"] != .null { reasons[index] = choice["finish_reason"] }
                }
            }
            #expect(texts == ["w0 w1 w2 ", "w0 w1 w2 "])
            #expect(reasons == ["length", "length"])
            #expect(offsets == [[0, 3, 6], [0, 3, 6]])
            #expect(chunks.dropLast().allSatisfy { $0["plasticity"] == nil })
            #expect(chunks.last?["plasticity"]?["session"] == "anonymous/default")
            #expect(chunks.last?["choices"]?.elements.isEmpty == withUsage)
            #expect(
                chunks.last?["usage"]
                    == (withUsage
                        ? ["prompt_tokens": 6, "completion_tokens": 6, "total_tokens": 12] : nil))
        }
    }

    @Test("Compare answers both, side by side", arguments: Transport.allCases, [true, false])
    func compare(transport: Transport, streams: Bool) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", path,
                body: #"""
                    {"prompt":"a","max_tokens":1,"stream":\#(streams),"n":2,
                     "plasticity":{"mode":"compare"}}
                    """#)
            let documents =
                streams
                ? try answer.events().dropLast().map { try JSONParser.parse(Array($0.utf8)) }
                : [try answer.json()]
            let choices = documents.flatMap { $0["choices"]?.elements ?? [] }
            for (index, mode) in ["adapted", "frozen", "adapted", "frozen"].enumerated() {
                let own = choices.filter { $0["index"] == .integer(index) }
                #expect(!own.isEmpty)
                #expect(own.allSatisfy { $0["plasticity_mode"]?.text == mode })
            }
        }
    }

    @Test(
        "What fails before any text has its status; later, it is the last event",
        arguments: Transport.allCases)
    func failures(transport: Transport) async throws {
        try await withClient(transport) { client in
            for streams in [true, false] {
                let full = try await client.send(
                    "POST", path, body: #"{"prompt":"FULL","stream":\#(streams)}"#)
                #expect(full.status == 429)
                #expect(full.headers["Retry-After"] == "3")
                #expect(try full.error().type == "rate_limit_error")
            }
            let body = #"{"prompt":"FAIL"}"#
            #expect(try await client.send("POST", path, body: body).status == 503)
            let broken = try await client.send(
                "POST", path, body: #"{"prompt":"FAIL","stream":true}"#)
            #expect(broken.status == 200)
            let events = try broken.events()
            #expect(events.count == 3)
            let last = try JSONParser.parse(Array(events[2].utf8))
            #expect(last["error"]?["code"] == "storage_failed")
        }
    }
}
