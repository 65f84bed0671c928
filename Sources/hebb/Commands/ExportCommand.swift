import ArgumentParser
import Foundation

/// `hebb export`: writes what was learned to a file.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write what a session or its user learned to a file.",
        discussion: """
            Example: hebb export --user alice -o alice.engram
                     hebb export --user alice --scope session > delta.engram

            The file is an engram: safetensors with metadata. `hebb import` loads it on any \
            server that has the same core.
            """)

    enum Scope: String, ExpressibleByArgument, CaseIterable {
        case session, user, total
    }

    @Option(
        name: [.short, .customLong("output")],
        help: "The file to write (default: stdout, when that is no terminal).")
    var output: String?

    @Option(help: "What to write: the session's delta, the user's engram, or both as one.")
    var scope = Scope.total

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    private struct Report: Encodable {
        let session: String
        let file: String
        let bytes: Int
        let revision: String?
    }

    func run() async throws {
        let toStdout = output == nil || output == "-"
        if toStdout, server.json {
            throw ValidationError("--json needs --output: stdout carries the engram")
        }
        if output == nil, Terminal.showsResults {
            throw ValidationError("an engram is binary; name a file with --output")
        }
        let address = try session.address()
        let reply = try await server.client().send(
            ServerClient.Call(
                path: address.path("delta"),
                query: [("scope", scope.rawValue), ("format", "engram")]))
        guard let output, !toStdout else {
            try FileHandle.standardOutput.write(contentsOf: reply.body)
            return
        }
        do {
            try reply.body.write(to: URL(fileURLWithPath: output), options: .atomic)
        } catch {
            throw ClientError.unwritableFile(path: output, reason: InputText.reason(of: error))
        }
        let report = Report(
            session: address.description, file: output, bytes: reply.body.count,
            revision: reply.headers["etag"])
        if server.json { return try Terminal.json(report) }
        Terminal.result("\(output): \(Figure.bytes(report.bytes)), \(scope.rawValue) of \(address)")
    }
}
