import Engrams
import ModelFormats
import Scheduling

/// `observe` and `score` of a session.
struct LearningEndpoints: Sendable {
    let models: any PersonalModels

    var routes: [Route] {
        [
            Route(
                "POST", SessionEndpoints.path + "/observe",
                Operation(
                    id: "observe", tag: "learning",
                    summary: "Learn from a text, durably, before answering.",
                    parameters: [.idempotencyKey, .ifMatch], request: .schema("Observe"),
                    response: .schema("Observation"),
                    errors: [400, 404, 409, 413, 422, 429, 503]), body: .text
            ) { request, path in try await observe(request, path.session()) },
            Route(
                "POST", SessionEndpoints.path + "/score",
                Operation(
                    id: "score", tag: "learning",
                    summary: "Measure how well a text is predicted; never learns.",
                    request: .schema("ScoreRequest"), response: .schema("Score"),
                    errors: [400, 404, 413, 429, 503]), body: .text
            ) { request, path in try await score(request, path.session()) },
        ]
    }

    private func observe(_ request: HTTPRequest, _ id: SessionID) async throws -> HTTPResponse {
        let fields = try JSONFields(body: request.body, as: "Observe")
        let reward = try fields.number("reward", in: -1...1)
        let result = try await models.observe(
            id,
            ObserveRequest(
                content: try content(fields), learn: try learn(fields),
                reward: reward.map { Float($0) },
                idempotencyKey: try request.idempotencyKey(), ifMatch: try request.ifMatch()))
        return .json(
            .observation(result, session: id),
            headers: ["ETag": EntityTag.text(result.revision)])
    }

    private func content(_ fields: JSONFields) throws -> ObservedContent {
        let given = ["text", "messages", "tokens"].filter { fields.value($0) != nil }
        guard given.count <= 1 else {
            throw RequestError.unsupported(
                parameter: given[1], reason: "give one of text, messages and tokens")
        }
        if let text = try fields.string("text") {
            guard !text.isEmpty else { throw ServiceError.emptyText }
            return .text(text)
        }
        if fields.value("messages") != nil {
            return .conversation(Conversation(messages: try ChatMessages.messages(fields)))
        }
        if let tokens = try fields.array("tokens") {
            guard !tokens.isEmpty else { throw ServiceError.emptyText }
            return .tokens(
                try TokenList.parse(
                    tokens, parameter: "tokens", vocabularySize: models.model.vocabularySize))
        }
        throw RequestError.missing(parameter: "text")
    }

    /// Whose messages are learned.
    private func learn(_ fields: JSONFields) throws -> LearnMode {
        guard let learn = try fields.learnMode("learn") else { return .both }
        guard fields.value("messages") != nil, learn != .none else {
            throw RequestError.outOfRange(
                parameter: "learn", found: "another word",
                allowed: "user, prompt, completion or both, with messages")
        }
        return learn
    }

    private enum ScoreMode: String { case adapted, frozen, compare }

    private func score(_ request: HTTPRequest, _ id: SessionID) async throws -> HTTPResponse {
        let fields = try JSONFields(body: request.body, as: "ScoreRequest")
        guard let text = try fields.string("text") else {
            throw RequestError.missing(parameter: "text")
        }
        guard !text.isEmpty else { throw ServiceError.emptyText }
        let mode = try fields.choice(
            "mode", of: ScoreMode.self, allowed: ["adapted", "frozen", "compare"])
        let result = try await models.score(
            id,
            ScoreRequest(
                text: text, perToken: try fields.boolean("per_token") ?? false,
                frozenOnly: mode == .frozen,
                parsesSpecialTokens: try fields.boolean("parse_special") ?? true))
        // About what each takes as a value, as JSON and as text.
        try request.memory.set(.answer, to: 400 * (result.perToken?.count ?? 0))
        return .json(
            .score(result, session: id), headers: ["ETag": EntityTag.text(result.revision)])
    }
}

/// Token ids as the OpenAI API takes them.
enum TokenList {
    static func parse(
        _ elements: [JSONValue], parameter: String, vocabularySize: Int
    ) throws(RequestError) -> [TokenID] {
        try elements.map { element throws(RequestError) in
            guard let number = element.wholeNumber else {
                throw RequestError.wrongType(
                    parameter: parameter, expected: "an array of integers",
                    found: element.typeName)
            }
            guard case .exact(let index) = number, (0..<vocabularySize).contains(index) else {
                throw .outOfRange(
                    parameter: parameter, found: "token \(number)",
                    allowed: "0 to \(vocabularySize - 1)")
            }
            return TokenID(index)
        }
    }
}
