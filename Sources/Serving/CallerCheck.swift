/// Keeps other sites' pages away from a server that has no keys and trusts whoever reaches it: a
/// browser on the same machine reaches it too, for any page that it shows.
///
/// A page of another site shows by `Sec-Fetch-Site`, which browsers set and pages cannot; in older
/// browsers by `Origin`, or by DNS rebinding with its own name in `Host`. All of them must be
/// right. "Same site" is not enough: it is any other program's page on this machine.
enum CallerCheck {
    /// - Parameter opensFromLinks: whether a link on another site's page may open it in a tab of its
    ///   own, where that page cannot read it.
    static func check(_ request: HTTPRequest, opensFromLinks: Bool) throws(RequestError) {
        let headers = request.headers
        let isLocal =
            headers.values(of: "Host").allSatisfy { LoopbackAuthority.isOne($0) }
            && headers.values(of: "Origin").allSatisfy(isLocalOrigin)
        let isOwnPage = headers.values(of: "Sec-Fetch-Site").allSatisfy {
            $0 == "same-origin" || $0 == "none"
        }
        let isLink =
            opensFromLinks && request.method == "GET"
            && headers["Sec-Fetch-Mode"] == "navigate" && headers["Sec-Fetch-Dest"] == "document"
        guard isLocal, isOwnPage || isLink else { throw .foreignCaller }
    }

    /// A web page's of this machine; an app's scheme (`tauri:`, `vscode-webview:`) is not the web's.
    private static func isLocalOrigin(_ origin: String) -> Bool {
        for scheme in ["http://", "https://"] where origin.hasPrefix(scheme) {
            return LoopbackAuthority.isOne(String(origin.dropFirst(scheme.count)))
        }
        return false
    }
}
