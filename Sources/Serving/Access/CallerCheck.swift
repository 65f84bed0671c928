/// From where a server lets itself be asked: what a browser says of the page behind a request, and
/// by which name the server was reached.
///
/// A server without keys trusts whoever reaches it, and a browser on the same machine reaches it
/// too, for any page that it shows. So a page of another site is kept away: it shows by
/// `Sec-Fetch-Site`, which browsers set and pages cannot; in older browsers by `Origin`, or by DNS
/// rebinding with its own name in `Host`. All of them must be right. "Same site" is not enough: it
/// is any other program's page on this machine.
///
/// With keys no page gets far without one, and the same holds for other machines: a host in figures
/// is no name that could be rebound, a name must have been allowed, and a page of another origin too.
struct CallerCheck: Sendable {
    /// Names that the server may be reached by, in lower case, without ports.
    private let hosts: Set<String>
    /// Origins whose pages may ask, as browsers write them.
    private let origins: Set<String>

    init(hosts: [String], origins: [String]) {
        self.hosts = Set(hosts.map { $0.lowercased() })
        self.origins = Set(origins)
    }

    /// - Parameters:
    ///   - opensFromLinks: whether a link on another site's page may open it in a tab of its own,
    ///     where that page cannot read it.
    ///   - hasKeys: whether callers must have a key.
    func check(
        _ request: HTTPRequest, opensFromLinks: Bool, hasKeys: Bool
    ) throws(RequestError) {
        let headers = request.headers
        let isReachedRightly = headers.values(of: "Host").allSatisfy { host in
            HostAuthority.isLoopback(host)
                || hasKeys
                    && (HostAuthority.isFigures(host)
                        || hosts.contains(HostAuthority.name(of: host)))
        }
        guard isReachedRightly else { throw hasKeys ? .unknownHost : .foreignCaller }
        let isAllowed = isAllowedOrigin(of: request, hasKeys: hasKeys)
        let isOwn = headers.values(of: "Origin").allSatisfy { origin in
            guard let authority = Self.authority(of: origin) else { return false }
            return hasKeys
                ? authority.lowercased() == headers["Host"]?.lowercased()
                : HostAuthority.isLoopback(authority)
        }
        let isOwnPage = headers.values(of: "Sec-Fetch-Site").allSatisfy {
            $0 == "same-origin" || $0 == "none"
        }
        let isLink =
            opensFromLinks && request.method == "GET"
            && headers["Sec-Fetch-Mode"] == "navigate" && headers["Sec-Fetch-Dest"] == "document"
        guard isAllowed || isOwn && (isOwnPage || isLink) else {
            throw hasKeys ? .foreignOrigin : .foreignCaller
        }
    }

    /// Whether the request comes from a page of an origin that was allowed by name. Without keys
    /// only one of this machine can be.
    func isAllowedOrigin(of request: HTTPRequest, hasKeys: Bool) -> Bool {
        let found = request.headers.values(of: "Origin")
        guard found.count == 1, origins.contains(found[0]) else { return false }
        return hasKeys || Self.isLocal(found[0])
    }

    /// Whether a page's origin is this machine.
    static func isLocal(_ origin: String) -> Bool {
        authority(of: origin).map(HostAuthority.isLoopback) ?? false
    }

    /// Nil for what is no web page's: an app's scheme (`tauri:`, `vscode-webview:`), or `null`.
    private static func authority(of origin: String) -> String? {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return String(origin.dropFirst(scheme.count))
        }
        return nil
    }
}
