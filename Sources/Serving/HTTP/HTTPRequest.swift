/// One request: its head, and when a handler sees it, its whole body.
struct HTTPRequest: Sendable {
    var method: String
    /// The request line's target as it came.
    let target: String
    /// E.g. `HTTP/1.1`.
    var version: String
    /// The path as it was sent, escapes and all, without the query.
    var path: String
    /// Decoded names and values in order; a name without `=` has an empty value.
    var query: [(name: String, value: String)]
    var headers: HTTPHeaders
    var body: [UInt8]
    let trace: RequestTrace
    let memory: RequestMemory.Claim

    /// - Parameters:
    ///   - target: the request line's target, e.g. `/v1/sessions?limit=2`.
    ///   - memory: what the request's memory is claimed of.
    init(
        method: String, target: String, version: String = "HTTP/1.1", headers: HTTPHeaders = [:],
        body: [UInt8] = [], memory: RequestMemory
    ) {
        // By bytes: a combining mark behind it would make "?" another character.
        let parts = target.utf8.split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        self.target = target
        self.version = version
        self.path = String(Substring(parts[0]))
        self.query = parts.count == 2 ? Self.parseQuery(parts[1]) : []
        self.headers = headers
        self.body = body
        trace = RequestTrace(headers: headers)
        self.memory = RequestMemory.Claim(on: memory)
    }

    /// How long its head says that its body is; 0 where it does not say.
    var declaredBytes: Int {
        // One beyond Int is too large whatever the limit.
        headers["Content-Length"].map { Int($0) ?? .max } ?? 0
    }

    func queryValue(_ name: String) -> String? { query.first { $0.name == name }?.value }

    private static func parseQuery(
        _ text: Substring.UTF8View
    ) -> [(name: String, value: String)] {
        text.split(separator: UInt8(ascii: "&")).map { pair in
            let sides = pair.split(
                separator: UInt8(ascii: "="), maxSplits: 1, omittingEmptySubsequences: false)
            let decoded = sides.map(Substring.init).map { side in
                // A broken escape stays as it is: no parameter of ours can then match it.
                PercentEncoding.decode(side, plusIsSpace: true) ?? String(side)
            }
            return (decoded[0], decoded.count == 2 ? decoded[1] : "")
        }
    }
}
