import ArgumentParser
import Foundation

/// `hebb checkpoint`: makes what a session learned part of its user for good.
struct CheckpointCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Keep what a session learned as its user's new engram.",
        discussion: """
            Example: hebb checkpoint --user alice --name before-thesis
                     hebb checkpoint list --user alice --json
                     hebb checkpoint restore ID --user alice
            """,
        subcommands: [
            Save.self, List.self, Describe.self, Diff.self, Restore.self, Delete.self,
        ],
        defaultSubcommand: Save.self)

    struct Save: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a checkpoint (the default).",
            discussion: "Example: hebb checkpoint save --user alice --name before-thesis")

        @Option(help: "A name for people; ids are made by the server.")
        var name: String?

        @Option(help: "A note for people, up to 2,000 bytes.")
        var note: String?

        @OptionGroup var session: SessionOptions
        @OptionGroup var server: ServerOptions

        private struct Body: Encodable {
            let name: String?
            let note: String?
        }

        func run() async throws {
            let address = try session.address()
            let made: WireCheckpoint = try await server.client().exchange(
                "POST", address.path("checkpoints"), body: Body(name: name, note: note))
            if server.json { return try Terminal.json(made) }
            Terminal.result(CheckpointCommand.line(made))
            if let fit = made.fitted { Terminal.remark(fit.remark) }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the checkpoints of a session's user.",
            discussion: "Example: hebb checkpoint list --user alice --json")

        @OptionGroup var session: SessionOptions
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let address = try session.address()
            let client = try await server.client()
            var checkpoints: [WireCheckpoint] = []
            var more = true
            while more {
                var query = [("limit", "100")]
                if let last = checkpoints.last { query.append(("after", last.id)) }
                let page: WireList<WireCheckpoint> = try await client.exchange(
                    "GET", address.path("checkpoints"), query: query)
                checkpoints += page.data
                more = page.hasMore == true && !page.data.isEmpty
            }
            if server.json { return try Terminal.json(checkpoints) }
            if checkpoints.isEmpty { return Terminal.remark("no checkpoints") }
            for checkpoint in checkpoints { Terminal.result(CheckpointCommand.line(checkpoint)) }
        }
    }

    struct Restore: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Go back to a checkpoint.",
            discussion: "Example: hebb checkpoint restore ID --user alice")

        @Argument(help: "The checkpoint's id.")
        var checkpoint: String

        @OptionGroup var session: SessionOptions
        @OptionGroup var server: ServerOptions

        func run() async throws {
            let address = try session.address()
            let id = SessionAddress.escaped(checkpoint)
            let state: WireSession = try await server.client().exchange(
                "POST", address.path("checkpoints/\(id)/restore"))
            if server.json { return try Terminal.json(state) }
            Terminal.result(SessionsCommand.line(state))
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Delete a checkpoint that nothing stands on.",
            discussion: "Example: hebb checkpoint delete ID --user alice")

        @Argument(help: "The checkpoint's id.")
        var checkpoint: String

        @OptionGroup var session: SessionOptions
        @OptionGroup var server: ServerOptions

        private struct Report: Encodable {
            let id: String
            let deleted = true
        }

        func run() async throws {
            let address = try session.address()
            let id = SessionAddress.escaped(checkpoint)
            _ = try await server.client().send(
                ServerClient.Call(method: "DELETE", path: address.path("checkpoints/\(id)")))
            if server.json { return try Terminal.json(Report(id: checkpoint)) }
            Terminal.result("checkpoint \(checkpoint) deleted")
        }
    }

    static func line(_ checkpoint: WireCheckpoint) -> String {
        var parts = [checkpoint.id + (checkpoint.name.map { " \"\($0)\"" } ?? "")]
        if let tokens = checkpoint.tokensLearned {
            parts.append("\(Figure.grouped(tokens)) tokens learned")
        }
        if let bytes = checkpoint.bytes { parts.append(Figure.bytes(bytes)) }
        if let created = checkpoint.created { parts.append(created) }
        if checkpoint.automatic == true { parts.append("automatic") }
        if checkpoint.isHead == true { parts.append("head") }
        if let note = checkpoint.note { parts.append(FeatureText.printable(note)) }
        return parts.joined(separator: ", ")
    }
}
