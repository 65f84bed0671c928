import ArgumentParser
import Foundation

/// Where the server is, and how to answer: the options of every client command.
struct ServerOptions: ParsableArguments {
    @Option(help: "The server's address (default: $HEBB_URL, else http://127.0.0.1:8421).")
    var url: String?

    @Option(help: "Seconds to wait for an answer.")
    var timeout: Double = 3_600

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard timeout > 0 else { throw ValidationError("--timeout must be above 0") }
        _ = try base()
    }

    private func base() throws -> URL {
        let address = url ?? Self.environment("HEBB_URL") ?? "http://127.0.0.1:8421"
        if let base = ServerClient.baseURL(from: address) { return base }
        let origin = url == nil ? "HEBB_URL is" : "--url is"
        // `localhost:8421`, as people type it.
        let guess = "http://" + address
        let advice =
            !address.contains("://") && ServerClient.baseURL(from: guess) != nil
            ? "did you mean \(guess)?" : "write it as http://127.0.0.1:8421"
        throw ValidationError(
            "\(origin) '\(address)', which is no http:// or https:// address; \(advice)")
    }

    /// A client for the address, with the key of `HEBB_API_KEY`, its connection open: a wrong
    /// address fails here, before any file is read.
    func client() async throws -> ServerClient {
        let client = ServerClient(
            base: try base(), key: Self.environment("HEBB_API_KEY"), timeoutSeconds: timeout)
        try await client.open()
        return client
    }

    /// A variable of the environment; one that is set to nothing counts as not set.
    static func environment(_ name: String) -> String? {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else {
            return nil
        }
        return value
    }
}

/// Which session a command is about.
struct SessionOptions: ParsableArguments {
    @Option(
        help: """
            The session as user/name, or with --user its name (default: $HEBB_SESSION, else \
            anonymous/default).
            """)
    var session: String?

    @Option(help: "The user; alone, their session named default.")
    var user: String?

    func validate() throws { _ = try address() }

    /// The session that was named; `anonymous/default` when none was.
    func address() throws -> SessionAddress {
        if session != nil || user != nil {
            return try SessionAddress(session: session, user: user)
        }
        return try SessionAddress(
            ServerOptions.environment("HEBB_SESSION") ?? "anonymous/default")
    }
}
