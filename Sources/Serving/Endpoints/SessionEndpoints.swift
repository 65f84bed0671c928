import Engrams
import Scheduling

/// `/v1/sessions`: create, list, read, discard, reset.
struct SessionEndpoints: Sendable {
    let models: any PersonalModels

    static let path = "/v1/sessions/{user}/{name}"

    var routes: [Route] {
        [
            Route(
                "POST", "/v1/sessions",
                Operation(
                    id: "createSession", tag: "sessions", summary: "Create a session.",
                    request: .schema("CreateSession"), requestIsRequired: false, status: 201,
                    response: .schema("Session"), errors: [400, 404, 409, 429, 503])
            ) { request, _ in try await create(request) },
            Route(
                "GET", "/v1/sessions",
                Operation(
                    id: "listSessions", tag: "sessions", summary: "List sessions.",
                    parameters: [.user, .limit, .after], response: .list(of: "Session"),
                    errors: [400])
            ) { request, _ in try await list(request) },
            Route(
                "GET", Self.path,
                Operation(
                    id: "getSession", tag: "sessions",
                    summary: "A session's state; its revision is the ETag.",
                    response: .schema("Session"), errors: [404])
            ) { _, path in .session(try await models.session(path.session())) },
            Route(
                "DELETE", Self.path,
                Operation(
                    id: "deleteSession", tag: "sessions",
                    summary: "Discard a session with its delta; the user's checkpoints stay.",
                    parameters: [.ifMatch], response: .schema("Deleted"),
                    errors: [400, 404, 409, 503])
            ) { request, path in
                let id = try path.session()
                try await models.discard(id, ifMatch: request.ifMatch())
                return .json([
                    "id": .string(id.description), "object": "session.deleted", "deleted": true,
                ])
            },
            Route(
                "POST", Self.path + "/reset",
                Operation(
                    id: "resetSession", tag: "sessions",
                    summary: "Drop the session's delta, or go back further; a checkpoint keeps it.",
                    parameters: [.ifMatch], request: .schema("Reset"), requestIsRequired: false,
                    response: .schema("Session"), errors: [400, 404, 409, 429, 503])
            ) { request, path in
                let target = try JSONFields(body: request.body, as: "Reset").resetTarget(
                    "to")
                return .session(
                    try await models.reset(path.session(), to: target, ifMatch: request.ifMatch()))
            },
        ]
    }

    private func create(_ request: HTTPRequest) async throws -> HTTPResponse {
        let fields = try JSONFields(body: request.body, as: "CreateSession")
        var user = try fields.user("user")
        var name: SessionName?
        if let id = try fields.string("id") {
            let session = id.contains("/") ? SessionID(id) : nil
            name = session?.name ?? SessionName(rawValue: id)
            guard name != nil, session == nil || user == nil || user == session?.user else {
                throw RequestError.outOfRange(
                    parameter: "id", found: "another text",
                    allowed: SessionName.allowed + ", after the same user and a slash if any")
            }
            user = session?.user ?? user
        }
        request.trace.user = user
        let state = try await models.createSession(
            CreateSession(
                user: user ?? RequestContext.current.user, name: name,
                from: try fields.resetTarget("from"),
                learn: try fields.learnMode("learn")))
        var response = HTTPResponse.session(state, status: 201)
        let segments = [state.id.user.rawValue, state.id.name.rawValue]
        response.headers["Location"] =
            "/v1/sessions/" + segments.map(PercentEncoding.encodeSegment).joined(separator: "/")
        return response
    }

    private func list(_ request: HTTPRequest) async throws -> HTTPResponse {
        let user = try request.queryValue("user").map { text throws(RequestError) in
            guard let user = UserID(rawValue: text) else {
                throw .outOfRange(
                    parameter: "user", found: "another text", allowed: UserID.allowed)
            }
            return user
        }
        return .json(
            .list(try await models.sessions(of: user, page: request.page())) {
                .session($0)
            })
    }
}
