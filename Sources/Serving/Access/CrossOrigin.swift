/// What a browser is told so that a page of an allowed origin may ask (WHATWG Fetch, CORS).
///
/// The origin is answered by name and never as `*`. `Access-Control-Allow-Credentials` is never
/// sent: it is for cookies, of which there are none; a key is a header that the page itself sends.
enum CrossOrigin {
    private static let requestHeadersBytesMaximum = 2048
    /// Of answers, beside those that every page may read.
    private static let exposed = "ETag, Location, Retry-After, X-Request-Id, X-Fidelity"

    static func isPreflight(_ request: HTTPRequest) -> Bool {
        request.method == "OPTIONS" && request.headers["Origin"] != nil
            && request.headers["Access-Control-Request-Method"] != nil
    }

    /// The answer to a browser that asks whether a page may send a request.
    ///
    /// It allows what headers it is asked for: which a client of OpenAI's sends is its own matter,
    /// and the origin is trusted.
    /// - Parameter methods: what the path has.
    static func preflight(_ request: HTTPRequest, methods: [String]) -> HTTPResponse {
        let asked = request.headers["Access-Control-Request-Headers"] ?? ""
        let isPlain =
            asked.utf8.count <= requestHeadersBytesMaximum
            && asked.utf8.allSatisfy {
                RequestFraming.isTokenCharacter($0) || ", ".utf8.contains($0)
            }
        var headers: HTTPHeaders = [
            "Access-Control-Allow-Methods": methods.joined(separator: ", "),
            "Access-Control-Max-Age": "600",
        ]
        if isPlain, !asked.isEmpty { headers["Access-Control-Allow-Headers"] = asked }
        return HTTPResponse(status: 204, headers: headers, body: .bytes([]))
    }

    /// Lets the page of a request read the answer.
    static func open(_ response: inout HTTPResponse, to request: HTTPRequest) {
        response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
        response.headers["Access-Control-Expose-Headers"] = exposed
    }
}
