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
                    parameters: [.scope, .format, .bits], response: .binary,
                    errors: [400, 404, 422, 429])
            ) { request, path in try await export(request, path.session()) },
            Route(
                "PUT", Self.path,
                Operation(
                    id: "importDelta", tag: "delta",
                    summary: "Replace the session's delta by a file's, if it fits the core.",
                    parameters: [.ifMatch, .force], request: .binary, response: .schema("Session"),
                    errors: [400, 404, 409, 413, 422, 429, 503])
            ) { request, path in
                guard !request.body.isEmpty else { throw RequestError.missing(parameter: "body") }
                return try await load(request, path.session())
            },
        ]
    }

    private func load(_ request: HTTPRequest, _ id: SessionID) async throws -> HTTPResponse {
        guard try request.flag("force") else {
            return .session(
                try await models.importDelta(
                    id, file: request.body, ifMatch: request.ifMatch()))
        }
        let result = try await models.transferDelta(
            id, file: request.body, ifMatch: request.ifMatch())
        return .json(
            JSONValue.session(result.session).with("transfer", .transfer(result)),
            headers: ["ETag": EntityTag.text(result.session.revision)])
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
        let delta: ExportedDelta
        switch request.queryValue("bits") {
        case nil: delta = try await models.exportDelta(id, scope: scope)
        case "8": delta = try await models.exportRounded(id, scope: scope)
        default:
            throw RequestError.outOfRange(
                parameter: "bits", found: "another width", allowed: "8, or none for an exact export"
            )
        }
        return HTTPResponse(
            status: 200,
            headers: [
                "Content-Type": "application/octet-stream",
                "Content-Disposition":
                    "attachment; filename=\"\(id.user)-\(id.name)-\(scopeName).engram\"",
                "ETag": EntityTag.text(delta.revision),
                "X-Content-SHA256": delta.hash,
                "X-Fidelity": delta.fidelity,
            ], body: .bytes(delta.file))
    }
}

extension JSONValue {
    static func transfer(_ result: TransferResult) -> JSONValue {
        [
            "changed": .array(
                result.report.changes.map {
                    [
                        "part": .string($0.part), "learned_on": .string($0.learnedOn),
                        "here": .string($0.here),
                    ]
                }),
            "sites": .array(
                result.report.sites.map {
                    [
                        "site": .string($0.name), "before": .integer($0.before),
                        "after": .integer($0.after),
                    ]
                }),
            "measured": result.measured.map { .measurement($0) } ?? .null,
        ]
    }

    static func measurement(_ measured: TextMeasurement) -> JSONValue {
        [
            "tokens": .integer(measured.tokens), "bytes": .integer(measured.bytes),
            "bits_per_byte": .bitsPerByte(measured.bitsPerByte),
        ]
    }
}
