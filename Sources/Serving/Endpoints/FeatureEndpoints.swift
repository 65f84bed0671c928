import Engrams
import Scheduling

/// What a session's model learned, as people can read it: `features`, and `diff` of two
/// checkpoints.
struct FeatureEndpoints: Sendable {
    let models: any PersonalModels

    static let top = Operation.Parameter(
        name: "top", location: "query",
        schema: [
            "type": "integer", "minimum": 1, "maximum": .integer(FeatureReport.topMaximum),
            "default": 20,
        ],
        description: "How many latents, contexts and tokens to list at most.")
    private static let with = Operation.Parameter(
        name: "with", location: "query", schema: ["type": "string", "default": "session"],
        description: "What to compare with: a checkpoint's id, session or frozen.")

    var routes: [Route] {
        [
            Route(
                "GET", SessionEndpoints.path + "/features",
                Operation(
                    id: "getFeatures", tag: "features",
                    summary: "What was learned: the latents, contexts and biases that changed "
                        + "most, the tokens they push, and the user's own text behind them.",
                    parameters: [Self.top], response: .schema("Features"),
                    errors: [400, 404, 422, 429, 503])
            ) { request, path in
                let report = try await models.features(path.session(), top: request.top())
                return .json(
                    .features(report), headers: ["ETag": EntityTag.text(report.revision)])
            },
            Route(
                "GET", CheckpointEndpoints.path + "/{checkpoint}/diff",
                Operation(
                    id: "diffCheckpoints", tag: "features",
                    summary: "What changed from a checkpoint (or session, or frozen) to another.",
                    parameters: [Self.with, Self.top], response: .schema("CheckpointDiff"),
                    errors: [400, 404, 422, 429, 503])
            ) { request, path in
                let diff = try await models.diff(
                    path.session(), from: DiffSide(name: path["checkpoint"]),
                    to: DiffSide(name: request.queryValue("with") ?? "session"),
                    top: request.top())
                return .json(.diff(diff))
            },
        ]
    }
}

extension DiffSide {
    fileprivate init(name: String) {
        switch name {
        case "session": self = .session
        case "frozen": self = .frozen
        default: self = .checkpoint(CheckpointID(rawValue: name))
        }
    }

    /// As a client names it.
    var name: String {
        switch self {
        case .session: "session"
        case .frozen: "frozen"
        case .checkpoint(let id): id.rawValue
        }
    }
}

extension HTTPRequest {
    fileprivate func top() throws(RequestError) -> Int {
        guard let text = queryValue("top") else { return 20 }
        guard let top = Int(text), (1...FeatureReport.topMaximum).contains(top) else {
            throw .outOfRange(
                parameter: "top", found: "another value",
                allowed: "1 to \(FeatureReport.topMaximum)")
        }
        return top
    }
}
