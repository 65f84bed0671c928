import ArgumentParser
import Foundation
import MetaLearning
import ModelFormats
import OuterCortex
import Synchronization

/// What `hebb evaluate --people` is asked to measure.
struct PeopleOptions: ParsableArguments {
    @Option(help: "A file of people, one a line, as people.py writes them.", completion: .file())
    var people: String?

    @Option(help: "Facts of each person to tell, at most.")
    var facts = 1_000

    @Option(help: "Questions of a kind to ask each person, at most.")
    var questions = 34

    @Option(
        help: "Which facts a search found for each question, as retrieve.py writes it.",
        completion: .file())
    var found: String?

    @Option(help: "Threads; they do not change the result.")
    var evaluationThreads = 2

    func validate() throws {
        for (name, value) in [
            ("--facts", facts), ("--questions", questions),
            ("--evaluation-threads", evaluationThreads),
        ] where value < 1 {
            throw ValidationError("\(name) must be at least 1")
        }
    }

    /// - Precondition: `people` is given.
    func report(
        _ cortex: Cortex, withRivals: Bool, withTimings: Bool, generic: String
    ) throws -> PeopleReport {
        let path = people ?? ""
        let told = try InventedPerson.read(
            jsonLines: try Data(contentsOf: URL(fileURLWithPath: path)), file: path
        ).map { $0.telling(first: facts) }
        let search = try found.map {
            try JSONDecoder().decode(
                [String: [String: [Int]]].self,
                from: try Data(contentsOf: URL(fileURLWithPath: $0)))
        }
        let template = try cortex.chatTemplates?.template(hasTools: false) ?? .plain()
        var evaluation = PeopleEvaluation(cortex: cortex, template: template)
        evaluation.questions = questions
        evaluation.threads = evaluationThreads
        evaluation.withRivals = withRivals
        let steps = evaluation.stepCount(people: told.count, hasFound: search != nil)
        let bar = Mutex(ProgressBar(label: "evaluating", total: steps))
        var report = try evaluation.run(people: told, generic: generic, found: search) {
            done, note in
            bar.withLock { $0.show(done: done, note: note) }
        }
        bar.withLock { $0.finish() }
        if !withTimings {
            for index in report.rows.indices {
                report.rows[index].tellMilliseconds = nil
                report.rows[index].askMilliseconds = nil
            }
        }
        return report
    }
}
