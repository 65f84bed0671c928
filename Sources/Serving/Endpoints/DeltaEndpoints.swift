import Engrams
import ModelFormats
import Scheduling

/// `delta` of a session: export and import of engram files and of adapters.
struct DeltaEndpoints: Sendable {
    let models: any PersonalModels

    private static let path = SessionEndpoints.path + "/delta"

    var routes: [Route] {
        [
            Route(
                "GET", Self.path,
                Operation(
                    id: "exportDelta", tag: "delta", summary: "Export what was learned, as a file.",
                    parameters: [.scope, .format, .bits, .partial, .without],
                    response: .files(
                        mediaTypes: ["application/octet-stream", "application/x-tar"]),
                    errors: [400, 404, 422, 429])
            ) { request, path in try await export(request, path.session()) },
            Route(
                "PUT", Self.path,
                Operation(
                    id: "importDelta", tag: "delta",
                    summary:
                        "Replace the session's delta by an engram file, or by a PEFT LoRA (a tar of "
                        + "its two files), if it fits the core.",
                    parameters: [.ifMatch, .force],
                    request: .files(
                        mediaTypes: ["application/octet-stream", "application/x-tar"]),
                    response: .schema("Session"),
                    errors: [400, 404, 409, 413, 422, 429, 503]), body: .file
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
        let without = try request.sites("without")
        let formatName = request.queryValue("format") ?? "engram"
        let file = "\(id.user)-\(id.name)-\(scopeName)"
        guard formatName != "engram" else {
            let delta = try await engram(request, id, scope, without)
            return Self.attachment(
                delta.file, "\(file).engram", revision: delta.revision, hash: delta.hash,
                fidelity: delta.fidelity, ownersWords: delta.ownersWords)
        }
        guard request.queryValue("bits") == nil else {
            throw RequestError.unsupported(
                parameter: "bits", reason: "only the format engram has a choice of widths")
        }
        guard let format = AdapterFormat(rawValue: formatName) else {
            let others = AdapterFormat.allCases.map(\.rawValue).joined(separator: ", ")
            throw RequestError.outOfRange(
                parameter: "format", found: "another word", allowed: "engram, " + others)
        }
        let adapter = try await models.exportAdapter(
            id,
            AdapterRequest(
                scope: scope, format: format, allowsPartial: try request.flag("partial"),
                without: without))
        return Self.attachment(
            adapter.file, format == .peft ? "\(file).tar" : "\(file).gguf",
            revision: adapter.revision, hash: adapter.hash, fidelity: adapter.fidelity,
            // An adapter is weights and nothing else.
            ownersWords: OwnersWords())
    }

    private func engram(
        _ request: HTTPRequest, _ id: SessionID, _ scope: DeltaScope, _ without: Set<PlasticSite>
    ) async throws -> ExportedDelta {
        switch request.queryValue("bits") {
        case nil: return try await models.exportDelta(id, scope: scope, without: without)
        case "8": return try await models.exportRounded(id, scope: scope, without: without)
        default:
            throw RequestError.outOfRange(
                parameter: "bits", found: "another width", allowed: "8, or none for an exact export"
            )
        }
    }

    private static func attachment(
        _ bytes: [UInt8], _ name: String, revision: Revision, hash: String, fidelity: String,
        ownersWords: OwnersWords
    ) -> HTTPResponse {
        HTTPResponse(
            status: 200,
            headers: [
                "Content-Type": name.hasSuffix(".tar")
                    ? "application/x-tar" : "application/octet-stream",
                "Content-Disposition": "attachment; filename=\"\(name)\"",
                "ETag": EntityTag.text(revision),
                "X-Content-SHA256": hash,
                "X-Fidelity": fidelity,
                "X-Owners-Words": ownersWords.text,
            ], body: .bytes(bytes))
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
