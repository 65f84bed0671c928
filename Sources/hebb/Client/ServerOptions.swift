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
        guard ServerClient.baseURL(from: address) != nil else {
            throw ValidationError("'\(address)' is not an http:// or https:// address")
        }
    }

    private var address: String {
        url ?? Self.environment("HEBB_URL") ?? "http://127.0.0.1:8421"
    }

    /// A client for the address, with the key of `HEBB_API_KEY`, its connection open: a wrong
    /// address fails here, before any file is read.
    func client() async throws -> ServerClient {
        guard let base = ServerClient.baseURL(from: address) else {
            throw ValidationError("'\(address)' is not an http:// or https:// address")
        }
        let client = ServerClient(
            base: base, key: Self.environment("HEBB_API_KEY"), timeoutSeconds: timeout)
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
    @Option(help: "The session as user/name (default: $HEBB_SESSION, else anonymous/default).")
    var session: String?

    @Option(help: "The user; stands for --session USER/default.")
    var user: String?

    func validate() throws {
        guard session == nil || user == nil else {
            throw ValidationError("give --session or --user, not both")
        }
        _ = try address()
    }

    /// The session that was named; `anonymous/default` when none was.
    func address() throws -> SessionAddress {
        if let user {
            guard !user.contains("/"), let address = SessionAddress(user) else {
                throw ValidationError("--user takes a user's name; user/name goes to --session")
            }
            return address
        }
        let text = session ?? ServerOptions.environment("HEBB_SESSION") ?? "anonymous/default"
        guard let address = SessionAddress(text) else {
            throw ValidationError("'\(text)' is not a session; write user/name")
        }
        return address
    }
}
