/// Keeps other sites' pages away from a server that has no keys and trusts whoever reaches it: a
/// browser on the same machine reaches it too, for any page that it shows. Such a page comes with
/// its own `Origin`, or by DNS rebinding with its own name in `Host`.
enum CallerCheck {
    static func check(_ request: HTTPRequest) throws(RequestError) {
        if let host = request.headers["Host"], !isLocal(authority: Substring(host)) {
            throw .foreignCaller
        }
        guard let origin = request.headers["Origin"] else { return }
        guard let scheme = origin.firstRange(of: "://"),
            isLocal(authority: origin[scheme.upperBound...])
        else { throw .foreignCaller }
    }

    /// - Parameter authority: a host with or without a port, IPv6 in brackets.
    private static func isLocal(authority: Substring) -> Bool {
        let host: Substring
        if authority.hasPrefix("[") {
            host = authority.prefix { $0 != "]" }.dropFirst()
        } else {
            host = authority.prefix { $0 != ":" }
        }
        if host.lowercased() == "localhost" || host == "::1" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
    }
}
