import ArgumentParser
import Foundation
import MetaLearning
import OuterCortex

/// `hebb evaluate`: what learning is worth on users' texts.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure what learning gains on users' texts, and what it costs on others.",
        discussion: """
            Example: hebb evaluate --users ~/users --generic ~/other.txt

            --users is a folder with one .txt file for each user. Of each, the first 80 % is \
            streamed into a fresh engram; the rest is then scored without learning, and so is \
            the other users' and the generic text. Gains are percent of the frozen core's bits.
            """)

    @OptionGroup var core: CoreOptions

    @Option(help: "A folder with one .txt file for each user.")
    var users: String

    @Option(help: "A file or folder of text that is no user's.")
    var generic: String

    @Option(help: "Bytes of each text to use, at most.")
    var bytes = 34_000

    @Option(help: "A rule.json, or a folder with one, to use in place of the core's.")
    var rule: String?

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard bytes >= 1_000 else { throw ValidationError("--bytes must be at least 1000") }
    }

    private struct Report: Encodable {
        let core: String
        let users: [PersonalizationEvaluation.Row]
        let mean: PersonalizationEvaluation.Mean
    }

    func run() async throws {
        let plasticity = try rule.map { try PlasticityRule(path: $0) }
        let cortex = try Cortex(folder: try core.folder(), rule: plasticity)
        let texts = try TextFolder.texts(at: users).map {
            (name: $0.name, text: shortened($0.text))
        }
        let other = try TextFolder.texts(at: generic).map(\.text).joined(separator: "\n")
        var bar = ProgressBar(label: "evaluating", total: texts.count)
        var done = 0
        let rows = try PersonalizationEvaluation(cortex: cortex).run(
            users: texts, generic: shortened(other)
        ) { row in
            done += 1
            bar.show(done: done, note: row.user)
        }
        bar.finish()
        let mean = PersonalizationEvaluation.mean(of: rows)
        if json {
            return try Terminal.json(Report(core: cortex.modelName, users: rows, mean: mean))
        }
        Terminal.result(Self.table(rows, mean))
    }

    /// The beginning of a text, whole characters.
    private func shortened(_ text: String) -> String {
        guard text.utf8.count > bytes else { return text }
        return String(decoding: text.utf8.prefix(bytes), as: UTF8.self)
    }

    /// Gains and rises in percent; a user a line, the mean last.
    static func table(
        _ rows: [PersonalizationEvaluation.Row], _ mean: PersonalizationEvaluation.Mean
    ) -> String {
        var lines = [line("user", ["frozen", "stream", "next", "others", "generic", "KB"])]
        for row in rows {
            lines.append(
                line(
                    row.user,
                    [
                        Figure.fixed(row.frozenStream, 3), Figure.fixed(row.streamGain, 1),
                        Figure.fixed(row.nextGain, 1), Figure.fixed(row.othersRise, 2),
                        Figure.fixed(row.genericRise, 2),
                        Figure.fixed(Double(row.engramBytes) / 1_000, 0),
                    ]))
        }
        lines.append(
            line(
                "mean",
                [
                    "", Figure.fixed(mean.streamGain, 1), Figure.fixed(mean.nextGain, 1),
                    Figure.fixed(mean.othersRise, 2), Figure.fixed(mean.genericRise, 2), "",
                ]))
        return lines.joined(separator: "\n")
    }

    private static func line(_ name: String, _ cells: [String]) -> String {
        let columns = cells.map { cell in
            String(repeating: " ", count: max(1, 9 - cell.count)) + cell
        }
        return name.padding(toLength: 24, withPad: " ", startingAt: 0) + columns.joined()
    }
}
