import ArgumentParser
import Foundation
import MetaLearning
import OuterCortex
import Synchronization

/// `hebb meta-learn`: makes the plasticity rule of a core.
struct MetaLearnCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meta-learn",
        abstract: "Learn how to learn: make a core's plasticity rule from users' texts.",
        discussion: """
            Example: hebb meta-learn --users ~/users --generic ~/other.txt --output ~/rule

            Begins with the core's rule (or --rule), whose sites stay the ones that are on. Reads \
            the texts through the core once, searches the rule's coefficients, then logs what the \
            sites say in a user's stream, in their next session and in others' text, and trains \
            the neuromodulator that decides when each site may speak. Writes rule.json, \
            rule.safetensors and report.json. The state is kept in the output folder: after an \
            interruption the same command goes on where it was, and ends with the same bytes.
            """)

    @OptionGroup var core: CoreOptions

    @Option(
        help: "A folder with one .txt file for each user to learn from.", completion: .directory)
    var users: String

    @Option(help: "A file or folder of text that is no user's.", completion: .file())
    var generic: String

    @OptionGroup var reading: TextOptions

    @Option(help: "The folder to write.", completion: .directory)
    var output: String

    @Option(help: "A rule.json, or a folder with one, to begin with (default: the core's).")
    var rule: String?

    @Option(help: "How to search coefficients: coordinate, evolution (CMA-ES) or none.")
    var search = "coordinate"

    @Option(help: "Rules that the search may try.")
    var evaluations = 60

    @Option(help: "Users that a rule is tried on.")
    var searchUsers = 8

    @Option(help: "Times to log and train.")
    var rounds = 3

    @Option(help: "Log this many times the usual share of tokens: less is quicker.")
    var logShare = 1.0

    @Option(help: "Passes over the logged tokens in each round.")
    var epochs = 8

    @Option(help: "Weight of others' text against the user's own: more is more careful.")
    var foreignWeight: Float = 1

    @Option(help: "Length of the keys by which episodes are found.")
    var keySize = 64

    @Option(help: "The same seed gives the same rule.")
    var seed: UInt64 = 1

    @Option(help: "Threads; they do not change the result.")
    var threads = 2

    @Flag(help: "Answer in JSON on stdout.")
    var json = false

    func validate() throws {
        guard MetaLearner.Options.Search(rawValue: search) != nil else {
            throw ValidationError("--search is coordinate, evolution or none")
        }
        for (name, value) in [
            ("--search-users", searchUsers), ("--epochs", epochs), ("--threads", threads),
            ("--key-size", keySize),
        ] where value < 1 {
            throw ValidationError("\(name) must be at least 1")
        }
        guard evaluations >= 0, rounds >= 0, foreignWeight >= 0, logShare > 0 else {
            throw ValidationError(
                "--evaluations, --rounds and --foreign-weight cannot be negative, nor --log-share 0"
            )
        }
    }

    func run() async throws {
        let start = ContinuousClock.now
        let plasticity = try rule.map { try PlasticityRule(path: $0) }
        let cortex = try Cortex(at: try core.location(), rule: plasticity)
        let texts = try reading.users(in: users)
        let other = try reading.generic(at: generic)
        let target = URL(fileURLWithPath: output)
        let learner = MetaLearner(
            cortex: cortex, users: texts, generic: other, options: options,
            stateFolder: target.appendingPathComponent("state"), threads: threads)
        let lastWords = LastWords {
            "stopped; the same command goes on after the last stage that ended"
        }
        defer { lastWords.end() }
        let bars = StageBars()
        let (learned, report) = try learner.run { bars.show($0) }
        bars.finish()
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        try learned.write(folder: target.path)
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        let data = try encoder.encode(report)
        try data.write(to: target.appendingPathComponent("report.json"))
        // Finished: the next run of the command begins anew.
        try FileManager.default.removeItem(at: target.appendingPathComponent("state"))
        if json { return Terminal.result(String(decoding: data, as: UTF8.self)) }
        Terminal.result(
            Self.summary(
                report, folder: output, seconds: (ContinuousClock.now - start) / .seconds(1)))
    }

    private var options: MetaLearner.Options {
        var options = MetaLearner.Options()
        options.search = MetaLearner.Options.Search(rawValue: search) ?? .coordinate
        options.evaluations = evaluations
        options.searchUsers = searchUsers
        options.rounds = rounds
        options.logShare = logShare
        options.trainer.epochs = epochs
        options.trainer.foreignWeight = foreignWeight
        options.keySize = keySize
        options.seed = seed
        return options
    }

    static func summary(_ report: MetaLearner.Report, folder: String, seconds: Double) -> String {
        var lines = [
            "\(folder): a rule learned from \(report.users) users in \(Figure.duration(seconds))"
        ]
        if let before = report.valueBefore {
            lines.append(
                "search, \(report.evaluations) rules: \(Figure.fixed(before, 2)) -> "
                    + "\(Figure.fixed(report.valueAfter ?? before, 2)) % (stream + next text)")
        }
        for coefficient in report.coefficients where coefficient.before != coefficient.after {
            lines.append(
                "  \(coefficient.name): \(Figure.fixed(coefficient.before, 4)) -> "
                    + Figure.fixed(coefficient.after, 4))
        }
        for (number, round) in report.rounds.enumerated() {
            let gains = ["stream", "next", "second", "foreign"].compactMap { kind in
                round.losses[kind].map { "\(kind) \(Figure.fixed($0.gainPercent, 2)) %" }
            }
            lines.append(
                "round \(number + 1), \(round.tokens) tokens, gain on the logs: "
                    + gains.joined(separator: ", "))
        }
        return lines.joined(separator: "\n")
    }
}

/// One bar after another, a stage each; progress comes from any thread.
private final class StageBars: Sendable {
    private let current = Mutex<(name: String, bar: ProgressBar)?>(nil)

    func show(_ progress: MetaLearner.Progress) {
        switch progress {
        case .reading(let done, let count):
            draw("reading", count, done, "users")
        case .statistics(let share):
            draw("statistics", 1_000, Int(share * 1_000), "of hidden states")
        case .searching(let done, let count, let best):
            draw("searching", count, done, "best \(Figure.fixed(best, 2)) %")
        case .logging(let round, let done, let count):
            draw("round \(round), logging", count, done, "users")
        case .training(let round, let share, let loss):
            draw(
                "round \(round), training", 1_000, Int(share * 1_000),
                "loss \(Figure.fixed(loss, 4)) nats")
        }
    }

    private func draw(_ name: String, _ total: Int, _ done: Int, _ note: String) {
        current.withLock { current in
            if current?.name != name {
                current?.bar.finish()
                current = (name, ProgressBar(label: name, total: total))
                current?.bar.begin(at: done)
            }
            current?.bar.show(done: min(done, total), note: note)
        }
    }

    func finish() { current.withLock { $0?.bar.finish() } }
}
