import Foundation

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

/// A server.
public struct Hebb: Sendable {
    let transport: Transport

    /// - Parameters:
    ///   - url: with or without `/v1`.
    ///   - apiKey: for a server with keys.
    ///   - retries: how often a request that may be repeated is, where the server is busy or away.
    public init(
        url: URL = URL(string: "http://127.0.0.1:8421")!, apiKey: String? = nil, retries: Int = 2
    ) {
        transport = Transport(url: url, apiKey: apiKey, retries: retries)
    }

    /// A person's session; it need not be there yet. Asks nothing.
    public func session(_ user: String, _ name: String = "default") -> Session {
        Session(transport: transport, user: user, name: name)
    }

    /// Makes a session, from the user's head, `frozen` or a checkpoint.
    public func createSession(
        _ user: String, _ name: String, from start: String? = nil, learn: String? = nil
    ) async throws -> Session {
        let json = JSON.object(given: [
            "id": .string("\(user)/\(name)"), "from": start.map(JSON.string),
            "learn": learn.map(JSON.string),
        ])
        _ = try await transport.json(
            Call(method: "POST", path: "/v1/sessions", json: json, repeats: false))
        return session(user, name)
    }

    /// All sessions, or a person's.
    public func sessions(of user: String? = nil) async throws -> [SessionState] {
        try await transport.list("/v1/sessions", [("user", user)]).map(SessionState.init)
    }

    /// Deletes a person's sessions, checkpoints and events, off the disk too.
    public func deleteUser(_ user: String) async throws -> Report {
        let path = "/v1/users/\(Transport.escaped(user))"
        return Report(
            json: try await transport.json(Call(method: "DELETE", path: path, repeats: false)))
    }

    public func models() async throws -> [Report] {
        try await transport.json(Call(method: "GET", path: "/v1/models")).data.array.map(
            Report.init)
    }

    public func health() async throws -> Report {
        Report(json: try await transport.json(Call(method: "GET", path: "/health")))
    }

    /// The sealed rules that are served under.
    public func constitution() async throws -> Report {
        Report(json: try await transport.json(Call(method: "GET", path: "/v1/constitution")))
    }
}

extension Transport {
    private static let pageEntries = 200

    /// All entries of a list that comes in pages.
    func list(_ path: String, _ query: [(String, String?)] = []) async throws -> [JSON] {
        var entries: [JSON] = []
        while true {
            let page = [("limit", "\(Self.pageEntries)"), ("after", entries.last?.id.string)]
            let list = try await json(Call(method: "GET", path: path, query: page + query))
            entries += list.data.array
            if list.has_more.bool != true || list.data.array.isEmpty { return entries }
        }
    }
}

extension JSON {
    /// The members that are there.
    static func object(given members: [String: JSON?]) -> JSON {
        .object(members.compactMapValues { $0 })
    }
}
