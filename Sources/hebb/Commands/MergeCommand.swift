import ArgumentParser
import Foundation

/// `hebb merge`: sums, differences and averages of what was learned.
struct MergeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Put a sum of a user's checkpoints and sessions in a session's place.",
        discussion: """
            Example: hebb merge ckpt-3 ckpt-5 --user alice
                     hebb merge ckpt-3 alice/work:0.5 --user alice --mode add
                     hebb merge ckpt-4 ckpt-2:-1 --user alice --rescale none

            A term is a checkpoint's id or a session as user/name, with :SCALE after it when that \
            is not 1; a scale below 0 takes away. A sum of n terms is scaled back by 1/√n, since \
            plain sums of deltas that were learned apart do harm. The result is kept within the \
            safe zone; hebb checkpoint makes it the user's engram.
            """)

    @Argument(help: ArgumentHelp("What to sum.", valueName: "source[:scale]"))
    var terms: [String]

    @Option(help: "replace the session's total by the sum, or add to it.")
    var mode: Mode = .replace

    @Option(help: "sqrt, average or none: times 1/√n, 1/n or 1.")
    var rescale: Rescale = .sqrt

    @Option(help: "total, or delta: what each holds beyond the checkpoint it stands on.")
    var scope: Scope = .total

    @Option(help: SiteList.help)
    var without: SiteList = []

    @Option(help: "Only when the session still has this revision.")
    var ifRevision: Int?

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    enum Mode: String, ExpressibleByArgument, Encodable, CaseIterable { case replace, add }
    enum Rescale: String, ExpressibleByArgument, Encodable, CaseIterable {
        case sqrt, average, none
    }
    enum Scope: String, ExpressibleByArgument, Encodable, CaseIterable { case total, delta }

    struct Term: Encodable, Equatable {
        var checkpoint: String?
        var session: String?
        var scale: Double
        var scope: Scope
    }

    private struct Body: Encodable {
        let terms: [Term]
        let mode: Mode
        let rescale: Rescale
        let without: [String]
    }

    func validate() throws {
        for term in terms { _ = try Self.parse(term, scope: scope) }
    }

    func run() async throws {
        let address = try session.address()
        let state: WireSession = try await server.client().exchange(
            "POST", address.path("merge"),
            body: Body(
                terms: try terms.map { try Self.parse($0, scope: scope) }, mode: mode,
                rescale: rescale, without: without.names),
            headers: ifRevision.map { ["If-Match": "\"\($0)\""] } ?? [:])
        if server.json { return try Terminal.json(state) }
        Terminal.result(SessionsCommand.line(state))
        if let fit = state.fitted { Terminal.remark(fit.remark) }
    }

    /// `ckpt-3`, `ckpt-3:0.5`, `alice/work:-1`. A colon may be in a session's name too: what
    /// follows the last one is a scale when it is a number.
    static func parse(_ text: String, scope: Scope) throws -> Term {
        var source = text[...]
        var scale = 1.0
        if let colon = text.lastIndex(of: ":"),
            let number = Double(text[text.index(after: colon)...])
        {
            (source, scale) = (text[..<colon], number)
        }
        guard !source.isEmpty, scale.isFinite, scale != 0 else {
            throw ValidationError("'\(text)' is no term: give an id, and a scale that is not 0")
        }
        let name = String(source)
        return name.contains("/")
            ? Term(checkpoint: nil, session: name, scale: scale, scope: scope)
            : Term(checkpoint: name, session: nil, scale: scale, scope: scope)
    }
}
