import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A person's model, in one of their sessions: what it learns, says and forgets.
public struct Session: Sendable {
    let transport: Transport
    public let user: String
    public let name: String

    /// `user/name`.
    public var id: String { "\(user)/\(name)" }

    public func state() async throws -> SessionState { SessionState(json: try await get("")) }

    /// Discards the session with what it learned since its checkpoint.
    public func delete(ifMatch: Int? = nil) async throws {
        _ = try await send("DELETE", "", ifMatch: ifMatch, repeats: false)
    }

    // MARK: learning and measuring

    /// Learns from a text; on disk when it returns.
    /// - Parameter key: the `Idempotency-Key`; one of its own where none is given.
    public func observe(
        _ text: String, reward: Double? = nil, key: String? = nil, ifMatch: Int? = nil
    ) async throws -> Observation {
        try await observe(["text": .string(text)], reward, key, ifMatch)
    }

    /// Learns from messages, each with a role and a content.
    public func observe(
        messages: [JSON], reward: Double? = nil, key: String? = nil, ifMatch: Int? = nil
    ) async throws -> Observation {
        try await observe(["messages": .array(messages)], reward, key, ifMatch)
    }

    /// Learns from tokens of the core.
    public func observe(
        tokens: [Int], reward: Double? = nil, key: String? = nil, ifMatch: Int? = nil
    ) async throws -> Observation {
        try await observe(["tokens": .array(tokens.map(JSON.int))], reward, key, ifMatch)
    }

    private func observe(
        _ content: [String: JSON?], _ reward: Double?, _ key: String?, _ ifMatch: Int?
    ) async throws -> Observation {
        let json = JSON.object(
            given: content.merging(["reward": reward.map(JSON.double)]) { first, _ in first })
        return Observation(
            json: try await send("POST", "/observe", json, ifMatch: ifMatch, key: key ?? freshKey())
        )
    }

    /// Measures how well a text is predicted; never learns.
    public func score(
        _ text: String, mode: String? = nil, perToken: Bool = false, parseSpecial: Bool? = nil
    ) async throws -> Score {
        let json = JSON.object(given: [
            "text": .string(text), "mode": mode.map(JSON.string),
            "per_token": perToken ? true : nil, "parse_special": parseSpecial.map(JSON.bool),
        ])
        return Score(json: try await send("POST", "/score", json))
    }

    /// Says what an answer was worth, from -1 to 1.
    public func feedback(
        _ completion: String, _ reward: Double, choice: Int? = nil, key: String? = nil
    ) async throws -> Report {
        let json = JSON.object(given: [
            "completion": .string(completion), "reward": .double(reward),
            "choice": choice.map(JSON.int),
        ])
        return Report(json: try await send("POST", "/feedback", json, key: key ?? freshKey()))
    }

    /// Says what several answers were worth (`id`, `choice`, `reward`), relative to each other.
    public func feedback(_ verdicts: [JSON], key: String? = nil) async throws -> Report {
        let json: JSON = ["completions": .array(verdicts)]
        return Report(json: try await send("POST", "/feedback", json, key: key ?? freshKey()))
    }

    // MARK: answers

    /// Continues a text. `options` are OpenAI's: `max_tokens`, `temperature`, `stop`, …
    public func complete(
        _ prompt: String, _ options: [String: JSON] = [:], mode: String? = nil,
        learn: String? = nil, key: String? = nil
    ) async throws -> Completion {
        let asked = ["prompt": JSON.string(prompt)]
        return Completion(
            json: try await transport.json(
                asking("/v1/completions", asked, options, mode, learn, key)))
    }

    /// Continues a text, chunk by chunk.
    public func stream(
        _ prompt: String, _ options: [String: JSON] = [:], mode: String? = nil,
        learn: String? = nil, key: String? = nil
    ) -> AsyncThrowingStream<Completion, any Error> {
        let asked: [String: JSON] = ["prompt": .string(prompt), "stream": true]
        return transport.stream(asking("/v1/completions", asked, options, mode, learn, key))
    }

    /// Answers a conversation, where the core has a template for one.
    public func chat(
        _ messages: [JSON], _ options: [String: JSON] = [:], mode: String? = nil,
        learn: String? = nil, key: String? = nil
    ) async throws -> Completion {
        let asked = ["messages": JSON.array(messages)]
        return Completion(
            json: try await transport.json(
                asking("/v1/chat/completions", asked, options, mode, learn, key)))
    }

    /// Answers a conversation, chunk by chunk.
    public func streamChat(
        _ messages: [JSON], _ options: [String: JSON] = [:], mode: String? = nil,
        learn: String? = nil, key: String? = nil
    ) -> AsyncThrowingStream<Completion, any Error> {
        let asked: [String: JSON] = ["messages": .array(messages), "stream": true]
        return transport.stream(asking("/v1/chat/completions", asked, options, mode, learn, key))
    }

    private func asking(
        _ path: String, _ asked: [String: JSON], _ options: [String: JSON], _ mode: String?,
        _ learn: String?, _ key: String?
    ) -> Call {
        let plasticity = JSON.object(given: [
            "session": .string(id), "mode": mode.map(JSON.string), "learn": learn.map(JSON.string),
        ])
        var body = options.merging(asked) { _, own in own }
        body["plasticity"] = plasticity
        let learns = learn != nil && learn != "none"
        return Call(
            method: "POST", path: path, json: .object(body),
            headers: learns || key != nil ? ["Idempotency-Key": key ?? freshKey()] : [:])
    }

    // MARK: what was learned

    /// What it learned from, oldest first; with whole texts where they are asked for.
    public func events(text: Bool = false) async throws -> [Event] {
        try await transport.list(path + "/events", [("text", text ? "true" : nil)]).map(Event.init)
    }

    public func event(_ id: String) async throws -> Event {
        Event(json: try await get("/events/\(Transport.escaped(id))"))
    }

    /// Forgets an event exactly: afterwards all is as if it had never come.
    public func forget(_ event: String, ifMatch: Int? = nil) async throws -> Report {
        let path = "/events/\(Transport.escaped(event))"
        return Report(json: try await send("DELETE", path, ifMatch: ifMatch, repeats: false))
    }

    /// What changed, in features and tokens, with the places in the text behind them.
    public func features(top: Int = 20) async throws -> Report {
        Report(json: try await get("/features", [("top", "\(top)")]))
    }

    public func safety() async throws -> Report { Report(json: try await get("/safety")) }

    // MARK: what all calls come down to

    var path: String { "/v1/sessions/\(Transport.escaped(user))/\(Transport.escaped(name))" }

    func get(_ rest: String, _ query: [(String, String?)] = []) async throws -> JSON {
        try await transport.json(Call(method: "GET", path: path + rest, query: query))
    }

    func send(
        _ method: String, _ rest: String, _ json: JSON? = nil, body: Data? = nil,
        query: [(String, String?)] = [], ifMatch: Int? = nil, key: String? = nil,
        repeats: Bool = true
    ) async throws -> JSON {
        var headers: [String: String] = [:]
        headers["If-Match"] = ifMatch.map { "\"\($0)\"" }
        headers["Idempotency-Key"] = key
        if body != nil { headers["Content-Type"] = "application/octet-stream" }
        return try await transport.json(
            Call(
                method: method, path: path + rest, query: query, json: json, body: body,
                headers: headers, repeats: repeats))
    }

    private func freshKey() -> String { UUID().uuidString }
}
