import Engrams
import Scheduling

/// Decides of each request who asks and whether they may, by its head: the one place where routes
/// are authorised.
///
/// Another person's session, user or key is answered as one that is not there (404), so that names
/// cannot be probed. What a body names is checked by the same rule where it is read
/// (`JSONFields.user`), and everything once more where it is done (`RequestContext`).
struct Doorkeeper: Sendable {
    let keys: KeyRing
    private let callers: CallerCheck

    init(keys: KeyRing, configuration: ServerConfiguration) {
        self.keys = keys
        callers = CallerCheck(
            hosts: configuration.allowedHosts, origins: configuration.allowedOrigins)
    }

    /// - Parameter route: nil for a path that nothing has, which is nobody's business either.
    func admit(
        _ request: HTTPRequest, to route: Route?
    ) throws(RequestError) -> RequestContext {
        let hasKeys = keys.isRequired
        try callers.check(
            request, opensFromLinks: route?.opensFromLinks ?? false, hasKeys: hasKeys)
        var caller = RequestContext.Caller.local
        if hasKeys { caller = try self.caller(request, route) }
        return RequestContext(
            id: request.trace.id, caller: caller, deadline: try request.deadline(), ring: keys)
    }

    /// Whether somebody may have a route, with the names that its path has.
    func authorize(
        _ context: RequestContext, _ route: Route, _ path: PathParameters
    ) throws(RequestError) {
        if route.access == .admin, !context.isAdmin { throw .adminOnly }
        if let text = path.values["user"], let user = UserID(rawValue: text),
            !context.mayAct(for: user)
        {
            guard let name = path.values["name"].flatMap(SessionName.init(rawValue:)) else {
                throw .refused(.userNotFound(user))
            }
            throw .refused(.sessionNotFound(SessionID(user: user, name: name)))
        }
        guard let key = context.key else { return }
        do {
            // Reading, forgetting and leaving cost no tokens and bring nothing.
            let isSpending = route.method == "POST" || route.method == "PUT"
            try keys.requireQuota(
                of: key.id, for: isSpending ? [.requests, .tokens, .bytes] : [.requests])
        } catch {
            throw .refused(error)
        }
    }

    func isAllowedOrigin(of request: HTTPRequest) -> Bool {
        callers.isAllowedOrigin(of: request, hasKeys: keys.isRequired)
    }

    private func caller(
        _ request: HTTPRequest, _ route: Route?
    ) throws(RequestError) -> RequestContext.Caller {
        let given = request.headers.values(of: "Authorization")
        if let key = given.count == 1 ? Self.bearer(given[0]).flatMap(keys.key) : nil {
            return .key(key)
        }
        if route?.access == .anybody { return .anybody }
        throw given.isEmpty ? .keyMissing : .keyWrong
    }

    /// The key of `Bearer …`; the scheme in any case (RFC 9110, section 11.1).
    private static func bearer(_ value: String) -> String? {
        let parts = value.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return String(parts[1])
    }
}

extension HTTPRequest {
    private static let deadlineSeconds = 0.001...86_400.0

    /// When nobody waits any more, as `X-Request-Timeout` has it, in seconds; nil: nothing is said.
    fileprivate func deadline() throws(RequestError) -> ContinuousClock.Instant? {
        guard let text = headers["X-Request-Timeout"] else { return nil }
        guard let seconds = Double(text), Self.deadlineSeconds.contains(seconds) else {
            throw .invalidHeader(
                name: "X-Request-Timeout", reason: "expected seconds, 0.001 to 86400")
        }
        return trace.start + .seconds(seconds)
    }
}
