import ArgumentParser
import Foundation
import MetaLearning
import OuterCortex
import Synchronization

/// `hebb evaluate`: what learning is worth on users' texts.
struct EvaluateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Measure what learning gains on users' texts, and what it costs on others.",
        discussion: """
            Example: hebb evaluate --users ~/users --generic ~/other.txt --svg curves.svg

            --users is a folder with one .txt file for each user. Of each, the first 80 % is \
            streamed in pieces (stream); the rest is then scored without learning, as the next \
            session (next), and streamed by what was saved (second) and by a fresh model (fresh). \
            Gains are percent of the frozen core's bits. The other users' and the generic text, in \
            contexts of 256 and of 1,024 tokens, show what it costs others: a rise, percent.

            Rows: the frozen core, each site of the rule alone, all of them, and two rivals, a \
            neural cache and a unigram cache. Then what poison streams leave behind, and how \
            surely invented facts are recalled after 1 and 3 exposures, asked for as they were \
            taught (same), paraphrased, and paraphrased without two words in a row in common \
            (apart): the probability of the answer, and in brackets that of one of its tokens.

            With --people in place of --users: what is remembered of people who tell of themselves \
            in chats, from a file that deploy/cores/recipe/people/people.py writes. Facts told once, \
            asked for in new conversations in the same words (direct) and in others (reworded), told \
            in three wordings, ten of one form with other names, two that meet, corrected and \
            forgotten ones: P(whole answer) with the lead given, how often its first token is the \
            likeliest, and how often a greedy answer without a lead has it. Rivals on the same core: \
            everything pasted before the question, and what a search found (--found).

            The same core, rule and texts give the same output with --no-timings, byte for byte.
            """)

    @OptionGroup var core: CoreOptions

    @Option(help: "A folder with one .txt file for each user.", completion: .directory)
    var users: String?

    @OptionGroup var people: PeopleOptions

    @Option(help: "A file or folder of text that is no user's.", completion: .file())
    var generic: String

    @OptionGroup var reading: TextOptions

    @Option(help: "Bytes of each user's text to use, at most.")
    var bytes = 34_000

    @Option(help: "Bytes of the generic text to use, at most.")
    var genericBytes = 40_000

    @Option(help: "A rule.json, or a folder with one, to use in place of the core's.")
    var rule: String?

    @Option(help: "Another rule, to show the difference for each user.")
    var compare: String?

    @Option(help: "A file for the learning curves, as an SVG picture.")
    var svg: String?

    @Flag(help: "Leave out the sites alone, the rivals and the poison streams.")
    var quick = false

    @Flag(name: .customLong("no-timings"), help: "Leave out what changes from run to run.")
    var withoutTimings = false

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard (users == nil) != (people.people == nil) else {
            throw ValidationError("give either --users or --people")
        }
        guard bytes >= 1_000 else { throw ValidationError("--bytes must be at least 1000") }
        guard genericBytes >= 1_000 else {
            throw ValidationError("--generic-bytes must be at least 1000")
        }
    }

    private static let compared = "compared"

    func run() async throws {
        let plasticity = try rule.map { try PlasticityRule(path: $0) }
        let location = try core.location()
        let cortex = try Cortex(at: location, rule: plasticity)
        guard let users else {
            let report = try people.report(
                cortex, withRivals: !quick, withTimings: !withoutTimings,
                generic: Self.shortened(try reading.generic(at: generic), to: genericBytes))
            if json { return try Terminal.json(report) }
            return Terminal.result(PeopleTable(report).text)
        }
        let texts = try reading.users(in: users).map {
            (name: $0.name, text: Self.shortened($0.text, to: bytes))
        }
        let other = try reading.generic(at: generic)
        var systems = [EvaluatedSystem.frozen(cortex)]
        if !quick {
            systems += try EvaluatedSystem.parts(of: cortex)
        }
        systems.append(.rule(cortex))
        if let compare {
            let second = try cortex.with(rule: try PlasticityRule(path: compare))
            systems.append(.rule(second, name: Self.compared))
        }
        if !quick { systems += EvaluatedSystem.rivals(cortex) }

        var evaluation = PersonalizationEvaluation(cortex: cortex, systems: systems)
        evaluation.withPoison = !quick
        let bar = Mutex(
            ProgressBar(label: "evaluating", total: evaluation.stepCount(users: texts.count)))
        var report = try evaluation.run(
            users: texts, generic: Self.shortened(other, to: genericBytes)
        ) { done, note in
            bar.withLock { $0.show(done: done, note: note) }
        }
        bar.withLock { $0.finish() }
        if withoutTimings { report.timings = nil }
        report.comparison = report.compared(EvaluatedSystem.whole, with: Self.compared)
        if let svg {
            try Data(LearningCurveChart(report).svg.utf8).write(to: URL(fileURLWithPath: svg))
        }
        if json { return try Terminal.json(report) }
        Terminal.result(EvaluationTable(report).text)
    }

    /// The beginning of a text, whole characters.
    private static func shortened(_ text: String, to bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        return String(decoding: text.utf8.prefix(bytes), as: UTF8.self)
    }
}
