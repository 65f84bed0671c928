import ArgumentParser
import Foundation

/// `hebb import`: loads an engram file into a session.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Load an engram file into a session.",
        discussion: """
            Example: hebb import alice.engram --user bob

            The file replaces what the session had. One that was made for another core, is \
            damaged or leaves the safe zone is refused, and nothing changes.
            """)

    @Argument(help: "The engram file; - is stdin.")
    var file: String

    @Option(help: "Only when the session still has this revision.")
    var ifRevision: Int?

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let address = try session.address()
        let input = try InputText(path: file)
        var call = ServerClient.Call(method: "PUT", path: address.path("delta"))
        call.headers["Content-Type"] = "application/octet-stream"
        if let ifRevision { call.headers["If-Match"] = "\"\(ifRevision)\"" }
        call.body = Data(input.bytes)
        let reply = try await server.client().send(call)
        let state = try WireFormat.decoded(WireSession.self, from: reply.body, path: call.path)
        if server.json { return try Terminal.json(state) }
        Terminal.result(SessionsCommand.line(state))
    }
}
