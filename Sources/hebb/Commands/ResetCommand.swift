import ArgumentParser
import Foundation

/// `hebb reset`: drops what a session learned, or goes further back.
struct ResetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reset",
        abstract: "Drop what a session learned since its user's last checkpoint.",
        discussion: """
            Example: hebb reset --user alice
                     hebb reset --user alice --to frozen

            --to head goes back to the user's newest checkpoint, --to frozen to the untouched \
            core, --to ID to a checkpoint. Checkpoints are kept, and other sessions go on from the \
            newest one, until this session's next checkpoint replaces it.
            """)

    @Option(help: "head, frozen or a checkpoint's id.")
    var to = "head"

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    private struct Body: Encodable { let to: String }

    func run() async throws {
        let address = try session.address()
        let state: WireSession = try await server.client().exchange(
            "POST", address.path("reset"), body: Body(to: to))
        if server.json { return try Terminal.json(state) }
        Terminal.result(SessionsCommand.line(state))
    }
}
