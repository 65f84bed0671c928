import Scheduling

/// The console at `/`, for people with a browser, and the files that it is made of. What has no use
/// for a page gets some lines of text there.
struct ConsoleEndpoints: Sendable {
    let models: any PersonalModels
    let files = ConsoleFiles()

    /// The page may run its own files and talk to its own server, and nothing else; scripts cannot
    /// make markup of strings (Trusted Types), so that what a model says stays text.
    private static let policy = """
        default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
        connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
        require-trusted-types-for 'script'; trusted-types 'none'
        """

    var routes: [Route] {
        [
            Route(
                "GET", "/",
                Operation(
                    id: "frontPage", tag: "service",
                    summary: "The console for a browser; for others, where to find what.",
                    parameters: [.ifNoneMatch],
                    response: .files(mediaTypes: ["text/html", "text/plain"]), errors: [304],
                    errorBodies: [304: .none]), access: .anybody, opensFromLinks: true
            ) { request, _ in
                guard request.headers.values(of: "Accept").contains(where: Self.wantsPages) else {
                    return frontPage
                }
                return try answer(ConsoleFiles.page, to: request)
            },
            Route(
                "GET", "/console/{file}",
                Operation(
                    id: "getConsoleFile", tag: "service",
                    summary: "A file that the console is made of.", parameters: [.ifNoneMatch],
                    response: .files(mediaTypes: ConsoleFiles.mediaTypes), errors: [304, 404],
                    errorBodies: [304: .none]), access: .anybody
            ) { request, path in
                guard path["file"] != ConsoleFiles.page else { throw RequestError.pathNotFound }
                return try answer(path["file"], to: request)
            },
        ]
    }

    private static func wantsPages(_ accepted: String) -> Bool {
        accepted.split(separator: ",").contains { kind in
            kind.drop { $0 == " " }.lowercased().hasPrefix("text/html")
        }
    }

    private func answer(
        _ name: String, to request: HTTPRequest
    ) throws(RequestError) -> HTTPResponse {
        guard let file = files[name] else { throw .pathNotFound }
        let known = request.headers.values(of: "If-None-Match").joined(separator: ",")
            .split(separator: ",").map { String($0.drop { $0 == " " }) }
        let isKnown = known.contains { $0 == file.entityTag || $0 == "W/" + file.entityTag }
        var response = HTTPResponse(
            status: isKnown ? 304 : 200,
            headers: [
                "ETag": file.entityTag,
                // Asked for each time: another server's page may have stood here before.
                "Cache-Control": "no-cache",
                "Vary": "Accept",
                "Content-Security-Policy": Self.policy,
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
            ],
            body: .bytes(isKnown ? [] : file.bytes))
        if !isKnown { response.headers["Content-Type"] = file.mediaType }
        return response
    }

    private var frontPage: HTTPResponse {
        var response = HTTPResponse.text(
            """
            Hebb serves \(models.model.name), a model that learns per user.

            /              in a browser: talk with it, teach it, see what it learned
            /openapi.json  what this server understands
            /health        whether it is ready
            /metrics       figures for Prometheus
            /v1/models     the core

            """)
        response.headers["Vary"] = "Accept"
        return response
    }
}

extension Operation.Parameter {
    fileprivate static let ifNoneMatch = Self(
        name: "If-None-Match", location: "header", schema: ["type": "string"],
        description: "The ETag of what the client has; where that is what is there, 304.")
}
