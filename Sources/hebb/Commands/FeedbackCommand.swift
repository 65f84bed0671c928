import ArgumentParser
import Foundation

/// `hebb feedback`: rewards or punishes answers of `hebb complete`.
struct FeedbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "feedback",
        abstract: "Say what an answer was worth; the session learns from it.",
        discussion: """
            Example: hebb feedback --user alice cmpl-2x9k0f7q 1
                     hebb feedback --user alice cmpl-2x9k0f7q:0 1 cmpl-2x9k0f7q:1 -0.5

            A verdict is the id that hebb complete printed and a reward from -1 to 1; :1 after the \
            id means the second of several choices. Verdicts given together are judged relative \
            to each other. The server remembers its latest completions, until it ends.
            """)

    @Argument(
        parsing: .allUnrecognized,
        help: ArgumentHelp(
            "An answer's id and its reward, -1 to 1; then further ones.", valueName: "id reward"))
    var verdicts: [String]

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func validate() throws { _ = try Self.parse(verdicts) }

    func run() async throws {
        let address = try session.address()
        // A key of its own, so that a broken connection can be tried again and is learned once.
        let result: WireFeedback = try await server.client().exchange(
            "POST", address.path("feedback"), body: Body(completions: try Self.parse(verdicts)),
            headers: ["Idempotency-Key": PieceNaming.freshID()])
        if server.json { return try Terminal.json(result) }
        for answer in result.completions {
            Terminal.result(
                "\(answer.id):\(answer.choice): \(Figure.grouped(answer.tokens)) tokens, "
                    + "log-probability \(Figure.fixed(answer.logprob.before, 2)) → "
                    + "\(Figure.fixed(answer.logprob.after, 2)) nats")
        }
        if result.learnedTokens == 0 {
            Terminal.remark(
                "nothing was learned: the rewards were equal or zero, or the answers unlikely as "
                    + "they were")
        }
    }

    private struct Body: Encodable { let completions: [Verdict] }

    struct Verdict: Encodable, Equatable {
        let id: String
        let choice: Int
        let reward: Double
    }

    /// Pairs of `ID` or `ID:CHOICE` and a reward.
    static func parse(_ arguments: [String]) throws -> [Verdict] {
        guard !arguments.isEmpty, arguments.count.isMultiple(of: 2) else {
            throw ValidationError("give an id and a reward, as in: cmpl-2x9k0f7q 1")
        }
        return try stride(from: 0, to: arguments.count, by: 2).map { index in
            let parts = arguments[index].split(
                separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, let id = parts.first, !id.isEmpty, !id.hasPrefix("-"),
                let choice = parts.count == 2 ? Int(parts[1]) : 0, choice >= 0
            else {
                throw ValidationError("'\(arguments[index])' is not an answer's id")
            }
            guard let reward = Double(arguments[index + 1]), (-1...1).contains(reward) else {
                throw ValidationError("a reward is from -1 to 1, not '\(arguments[index + 1])'")
            }
            return Verdict(id: String(id), choice: choice, reward: reward)
        }
    }
}
