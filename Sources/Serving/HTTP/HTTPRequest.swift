/// One request, complete: its body has arrived.
struct HTTPRequest: Sendable {
    var method: String
    /// The path as it was sent, escapes and all, without the query.
    var path: String
    /// Decoded names and values in order; a name without `=` has an empty value.
    var query: [(name: String, value: String)]
    var headers: HTTPHeaders
    var body: [UInt8]

    /// - Parameter target: the request line's target, e.g. `/v1/sessions?limit=2`.
    init(method: String, target: String, headers: HTTPHeaders = [:], body: [UInt8] = []) {
        // By bytes: a combining mark behind it would make "?" another character.
        let parts = target.utf8.split(
            separator: UInt8(ascii: "?"), maxSplits: 1, omittingEmptySubsequences: false)
        self.method = method
        self.path = String(Substring(parts[0]))
        self.query = parts.count == 2 ? Self.parseQuery(parts[1]) : []
        self.headers = headers
        self.body = body
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
