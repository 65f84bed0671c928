import Logging

/// The framing of a server-sent event stream (WHATWG HTML, section 9.2).
enum ServerSentEvents {
    /// An answer of events. One that fails on the way has the error as its last event, since its
    /// status is gone already; one that the server's end cuts short, too.
    static func response(
        to request: HTTPRequest, logger: Logger,
        produce: @escaping @Sendable (any BodyWriter) async throws -> Void
    ) -> HTTPResponse {
        var response = HTTPResponse(
            status: 200, headers: headers,
            body: .stream { writer in
                do {
                    try await produce(writer)
                } catch {
                    try Task.checkCancellation()
                    let answer = ErrorAnswer(error)
                    request.trace.errorCode = answer.code
                    logger.error(
                        "a stream failed",
                        metadata: [
                            "id": "\(request.trace.id)", "error": "\(type(of: error))",
                        ])
                    try await writer.write(event(answer.json))
                }
            })
        response.farewell = event(ErrorAnswer(RequestError.shuttingDown).json)
        return response
    }

    private static let headers: HTTPHeaders = [
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-cache",
        // Tells nginx not to collect the stream before passing it on.
        "X-Accel-Buffering": "no",
    ]

    /// One event. Serialised JSON has no line breaks, so that one `data:` line holds it.
    static func event(_ value: JSONValue) -> [UInt8] {
        Array("data: ".utf8) + value.serialized() + Array("\n\n".utf8)
    }

    /// What ends a stream of OpenAI's.
    static let done = Array("data: [DONE]\n\n".utf8)
}
