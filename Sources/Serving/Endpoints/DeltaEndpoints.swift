import Engrams
import Scheduling

/// `delta` of a session: export and import of engram files.
struct DeltaEndpoints: Sendable {
    let models: any PersonalModels

    private static let path = SessionEndpoints.path + "/delta"

    var routes: [Route] {
        [
            Route(
                "GET", Self.path,
                Operation(
                    id: "exportDelta", tag: "delta", summary: "Export what was learned, as a file.",
                    parameters: [.scope, .format], response: .binary, errors: [400, 404, 422, 429])
            ) { request, path in try await export(request, path.session()) },
            Route(
                "PUT", Self.path,
                Operation(
                    id: "importDelta", tag: "delta",
                    summary: "Replace the session's delta by a file's, if it fits the core.",
                    parameters: [.ifMatch], request: .binary, response: .schema("Session"),
                    errors: [400, 404, 409, 413, 422, 429, 503])
            ) { request, path in
                guard !request.body.isEmpty else { throw RequestError.missing(parameter: "body") }
                return .session(
                    try await models.importDelta(
                        path.session(), file: request.body, ifMatch: request.ifMatch()))
            },
        ]
    }

    private func export(_ request: HTTPRequest, _ id: SessionID) async throws -> HTTPResponse {
        let scopeName = request.queryValue("scope") ?? "total"
        guard let scope = DeltaScope(rawValue: scopeName) else {
            throw RequestError.outOfRange(
                parameter: "scope", found: "another word", allowed: "session, user, total")
        }
        switch request.queryValue("format") ?? "engram" {
        case "engram": break
        case "peft", "gguf":
            throw RequestError.notAvailable(
                parameter: "format", reason: "this version exports the format engram only")
        default:
            throw RequestError.outOfRange(
                parameter: "format", found: "another word", allowed: "engram")
        }
        guard request.queryValue("bits") == nil else {
            throw RequestError.unsupported(
                parameter: "bits", reason: "the format engram is exact and has one width")
        }
        let delta = try await models.exportDelta(id, scope: scope)
        return HTTPResponse(
            status: 200,
            headers: [
                "Content-Type": "application/octet-stream",
                "Content-Disposition":
                    "attachment; filename=\"\(id.user)-\(id.name)-\(scopeName).engram\"",
                "ETag": EntityTag.text(delta.revision),
                "X-Content-SHA256": delta.hash,
                "X-Fidelity": "exact",
            ], body: .bytes(delta.file))
    }
}
