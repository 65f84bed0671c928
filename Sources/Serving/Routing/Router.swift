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
        let matches = matches(path)
        // libmicrohttpd leaves the body of an answer to HEAD away.
        let found = matches.first { route, _ in
            route.method == method || (method == "HEAD" && route.method == "GET")
        }
        if let found { return found }
        guard !matches.isEmpty else { throw .pathNotFound }
        throw .methodNotAllowed(allowed: matches.map(\.route.method))
    }

    /// What a path may be asked with; empty for one that there is not.
    func methods(ofPath path: String) -> [String] { matches(path).map(\.route.method) }

    private func matches(_ path: String) -> [(route: Route, parameters: PathParameters)] {
        guard path.utf8.first == UInt8(ascii: "/"), let segments = Self.decode(path) else {
            return []
        }
        return routes.compactMap { route in
            route.match(segments).map { (route, $0) }
        }
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
