import Engrams
import Scheduling

/// `feedback` of a session: verdicts on answers given before.
struct FeedbackEndpoints: Sendable {
    let models: any PersonalModels

    /// What an id may have at most; ours have under 20.
    private static let identifierBytesMaximum = 128

    var routes: [Route] {
        [
            Route(
                "POST", SessionEndpoints.path + "/feedback",
                Operation(
                    id: "feedback", tag: "learning",
                    summary: "Reward or punish answers given before, durably, before answering.",
                    parameters: [.idempotencyKey, .ifMatch], request: .schema("Feedback"),
                    response: .schema("FeedbackResult"),
                    errors: [400, 404, 409, 413, 422, 429, 503])
            ) { request, path in try await feedback(request, path.session()) }
        ]
    }

    private func feedback(_ request: HTTPRequest, _ id: SessionID) async throws -> HTTPResponse {
        let fields = try JSONFields(body: request.body, as: "Feedback")
        let result = try await models.feedback(
            id,
            FeedbackRequest(
                verdicts: try Self.verdicts(fields), idempotencyKey: try request.idempotencyKey(),
                ifMatch: try request.ifMatch()))
        return .json(
            .feedback(result, session: id), headers: ["ETag": EntityTag.text(result.revision)])
    }

    private static func verdicts(
        _ fields: JSONFields
    ) throws(RequestError) -> [FeedbackRequest.Verdict] {
        guard let group = try fields.objects("completions") else {
            return [try verdict(fields, id: "completion")]
        }
        for name in ["completion", "choice", "reward"] where fields.value(name) != nil {
            throw .unsupported(
                parameter: name, reason: "give one completion, or completions with a reward each")
        }
        let limit = FeedbackRequest.verdictsMaximum
        guard (1...limit).contains(group.count) else {
            throw .outOfRange(
                parameter: "completions", found: "\(group.count) verdicts",
                allowed: "1 to \(limit)")
        }
        var verdicts: [FeedbackRequest.Verdict] = []
        for member in group { verdicts.append(try verdict(member, id: "id")) }
        guard Set(verdicts.map(\.answer)).count == verdicts.count else {
            throw .outOfRange(
                parameter: "completions", found: "an answer twice", allowed: "each answer once")
        }
        return verdicts
    }

    private static func verdict(
        _ fields: JSONFields, id name: String
    ) throws(RequestError) -> FeedbackRequest.Verdict {
        guard let id = try fields.string(name) else {
            throw .missing(parameter: fields.path(name))
        }
        guard (1...identifierBytesMaximum).contains(id.utf8.count) else {
            throw .outOfRange(
                parameter: fields.path(name), found: "\(id.utf8.count) bytes",
                allowed: "1 to \(identifierBytesMaximum)")
        }
        let choice = try fields.integer("choice", in: 0...1_000_000) ?? 0
        guard let reward = try fields.number("reward", in: -1...1) else {
            throw .missing(parameter: fields.path("reward"))
        }
        return FeedbackRequest.Verdict(
            answer: AnswerID(completion: CompletionID(rawValue: id), choice: choice),
            reward: reward)
    }
}

extension JSONValue {
    static func feedback(_ result: FeedbackResult, session: SessionID) -> JSONValue {
        [
            "event": .string(result.event.rawValue),
            "object": "feedback",
            "session": .string(session.description),
            "tokens": .integer(result.tokens),
            "learned_tokens": .integer(result.learnedTokens),
            "streak": .integer(result.streak),
            "gain": .number(result.gain),
            "revision": .revision(result.revision),
            "safe_zone": .safeZone(result.adaptation),
            "completions": .array(
                result.answers.map { answer in
                    [
                        "id": .string(answer.id.completion.rawValue),
                        "choice": .integer(answer.id.choice),
                        "reward": .number(answer.reward),
                        "advantage": .number(answer.advantage),
                        "tokens": .integer(answer.tokens),
                        "logprob": [
                            "before": .number(answer.logprobBefore),
                            "after": .number(answer.logprobAfter),
                        ],
                    ]
                }),
            "replayed": .bool(result.replayed),
        ]
    }
}
