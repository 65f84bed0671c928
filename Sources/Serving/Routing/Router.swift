/// Finds a request's route. Segments are compared after decoding, so that `alice%40example.org`
/// and `alice@example.org` are one user and an escaped slash stays within its segment.
struct Router: Sendable {
    let routes: [Route]

    /// - Precondition: no two routes have one method and pattern.
    init(_ routes: [Route]) {
        precondition(Set(routes.map { "\($0.method) \($0.pattern)" }).count == routes.count)
        self.routes = routes
    }

    /// - Throws: `.pathNotFound`, or `.methodNotAllowed` with what is.
    /// - Complexity: O(routes · segments).
    func route(
        method: String, path: String
    ) throws(RequestError) -> (route: Route, parameters: PathParameters) {
        guard path.utf8.first == UInt8(ascii: "/"),
            let segments = Self.decode(path)
        else { throw .pathNotFound }
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.match(segments) else { continue }
            // libmicrohttpd leaves the body of an answer to HEAD away.
            if route.method == method || (method == "HEAD" && route.method == "GET") {
                return (route, parameters)
            }
            allowed.append(route.method)
        }
        guard !allowed.isEmpty else { throw .pathNotFound }
        throw .methodNotAllowed(allowed: allowed)
    }

    /// Nil for a broken escape. `/` has no segment; a slash at the end makes an empty one, which
    /// matches nothing of ours.
    private static func decode(_ path: String) -> [String]? {
        if path == "/" { return [] }
        var segments: [String] = []
        let parts = path.utf8.dropFirst().split(
            separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for part in parts.map(Substring.init) {
            guard !part.isEmpty, let segment = PercentEncoding.decode(part) else { return nil }
            segments.append(segment)
        }
        return segments
    }
}
