/// Where a streamed body goes. `write` waits while the reader is slow, and throws
/// `CancellationError` once the client is gone.
protocol BodyWriter: Sendable {
    func write(_ bytes: [UInt8]) async throws
}

/// An answer: complete bytes, or a body that is produced while it is sent.
struct HTTPResponse: Sendable {
    enum Body: Sendable {
        case bytes([UInt8])
        /// Runs after the head has been sent. Throwing cuts the connection, so that the client
        /// can tell a broken answer from a finished one.
        case stream(@Sendable (any BodyWriter) async throws -> Void)
    }

    var status: Int
    var headers: HTTPHeaders
    var body: Body
    /// What ends a stream that the server must end before its producer has: without it, such a
    /// stream is cut.
    var farewell: [UInt8]?

    init(status: Int, headers: HTTPHeaders = [:], body: Body) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// Ends in a line feed, for those who read it in a terminal.
    static func json(
        _ value: JSONValue, status: Int = 200, headers: HTTPHeaders = [:]
    ) -> HTTPResponse {
        var headers = headers
        headers["Content-Type"] = "application/json"
        return HTTPResponse(
            status: status, headers: headers, body: .bytes(value.serialized() + [0x0a]))
    }

    static func text(
        _ text: String, contentType: String = "text/plain; charset=utf-8"
    ) -> HTTPResponse {
        HTTPResponse(
            status: 200, headers: ["Content-Type": contentType], body: .bytes(Array(text.utf8)))
    }
}
