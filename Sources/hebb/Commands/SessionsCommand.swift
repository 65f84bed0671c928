import ArgumentParser
import Foundation

/// `hebb sessions`: lists, makes and discards sessions.
struct SessionsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sessions",
        abstract: "List the server's sessions, make one or discard one.",
        discussion: """
            Example: hebb sessions --user alice --json
                     hebb sessions new alice/work --from frozen
                     hebb sessions discard alice/work
            """,
        subcommands: [List.self, New.self, Discard.self], defaultSubcommand: List.self)

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List sessions (the default).",
            discussion: "Example: hebb sessions list --user alice --json")

        @Option(help: "Only this user's sessions.")
        var user: String?

        @OptionGroup var server: ServerOptions

        func validate() throws {
            if let user { _ = try SessionAddress(session: nil, user: user) }
        }

        func run() async throws {
            let client = try await server.client()
            var sessions: [WireSession] = []
            var more = true
            while more {
                var query = [("limit", "100")]
                if let user { query.append(("user", user)) }
                if let last = sessions.last { query.append(("after", last.id)) }
                let page: WireList<WireSession> = try await client.exchange(
                    "GET", "/v1/sessions", query: query)
                sessions += page.data
                more = page.hasMore == true && !page.data.isEmpty
            }
            if server.json { return try Terminal.json(sessions) }
            if sessions.isEmpty { return Terminal.remark("no sessions") }
            for session in sessions { Terminal.result(SessionsCommand.line(session)) }
        }
    }

    struct New: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a session.",
            discussion: "Example: hebb sessions new alice/work --from frozen")

        @Argument(help: "The session as user/name, or with --user its name.")
        var session: String

        @Option(help: "The user, where only the session's name is given.")
        var user: String?

        @Option(help: "What it starts from: head, frozen or a checkpoint's id.")
        var from = "head"

        @Option(help: "What completions learn from: prompt, completion, both or none.")
        var learn = "none"

        @OptionGroup var server: ServerOptions

        private struct Body: Encodable {
            let user: String
            let id: String
            let from: String
            let learn: String
        }

        func validate() throws { _ = try SessionAddress(session: session, user: user) }

        func run() async throws {
            let address = try SessionAddress(session: session, user: user)
            let made: WireSession = try await server.client().exchange(
                "POST", "/v1/sessions",
                body: Body(
                    user: "\(address.user)", id: "\(address.name)", from: from, learn: learn
                ))
            if server.json { return try Terminal.json(made) }
            Terminal.result(SessionsCommand.line(made))
        }
    }

    struct Discard: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Discard a session and what it learned since its last checkpoint.",
            discussion: "Example: hebb sessions discard alice/work")

        @Argument(help: "The session as user/name, or with --user its name.")
        var session: String

        @Option(help: "The user, where only the session's name is given.")
        var user: String?

        @OptionGroup var server: ServerOptions

        private struct Report: Encodable {
            let id: String
            let discarded = true
        }

        func validate() throws { _ = try SessionAddress(session: session, user: user) }

        func run() async throws {
            let address = try SessionAddress(session: session, user: user)
            _ = try await server.client().send(
                ServerClient.Call(method: "DELETE", path: address.path()))
            if server.json { return try Terminal.json(Report(id: address.description)) }
            Terminal.result("\(address) discarded")
        }
    }

    /// One line that says all about a session.
    static func line(_ session: WireSession) -> String {
        var parts = ["\(session.id): revision \(session.revision)"]
        if let tokens = session.tokensLearned {
            parts.append("\(Figure.grouped(tokens)) tokens learned")
        }
        parts.append("on \(session.base.map { "checkpoint " + $0 } ?? "the frozen core")")
        if let old = session.supersedes {
            parts.append("replaces checkpoint \(old) at its next")
        }
        if let learn = session.learn, learn != "none" { parts.append("learns \(learn)") }
        if let updated = session.updated { parts.append("changed \(updated)") }
        return parts.joined(separator: ", ")
    }
}
