import Engrams
import InnerCortex
import ModelFormats
public import OuterCortex

/// Measures what learning a user's text is worth, for several systems on the same texts and
/// tokens: streams the first part of a text into a fresh model as a client would, in pieces, then
/// measures the held-back end, other text, poison streams and invented facts.
public struct PersonalizationEvaluation: Sendable {
    /// Bytes of a streamed piece; pieces end at line breaks where there are any.
    public var pieceBytes = 2048
    /// Share of a text that is streamed.
    public var streamedShare = 0.8
    public var withPoison = true
    /// Threads that compute; they do not change the result.
    public var threads = 2
    /// Points of a learning curve.
    public var curvePoints = 40

    private let cortex: Cortex
    private let systems: [EvaluatedSystem]

    /// - Parameters:
    ///   - cortex: of the core, under the rule that the report names.
    ///   - systems: the rows; all of the same core.
    public init(cortex: Cortex, systems: [EvaluatedSystem]) {
        self.cortex = cortex
        self.systems = systems
    }

    private enum Outcome: Sendable {
        case user(UserEvaluation.Outcome)
        case facts(FactRecall)
    }

    /// How many steps `run` takes.
    public func stepCount(users: Int) -> Int { systems.count * (users + 1) }

    /// Evaluates each system on each user.
    /// - Parameters:
    ///   - users: name and text of each.
    ///   - generic: text of no user.
    ///   - progress: called after each step, from any thread, never twice at once.
    /// - Throws: What the first failing step threw.
    public func run(
        users: [(name: String, text: String)], generic: String,
        progress: @Sendable (_ done: Int, _ note: String) -> Void
    ) throws -> EvaluationReport {
        let texts = users.map {
            UserTexts(
                name: $0.name, text: $0.text, pieceBytes: pieceBytes,
                streamedShare: streamedShare, tokenizer: cortex.tokenizer)
        }
        let other = cortex.tokenizer.encode(generic)
        let poisons =
            !withPoison
            ? []
            : PoisonStream.allCases.map { poison in
                (
                    name: poison.rawValue,
                    pieces: poison.pieces(
                        tokenizer: cortex.tokenizer,
                        vocabularySize: cortex.inner.config.vocabularySize,
                        pieceBytes: pieceBytes)
                )
            }
        let steps = texts.count + 1
        let done = Counter()
        let outcomes = try parallelMap(systems.count * steps, threads: threads) {
            index -> Outcome in
            let (system, user) = (systems[index / steps], index % steps)
            guard user < texts.count else {
                let recall = try FactRecall.measure(
                    system, facts: InventedFact.all, tokenizer: cortex.tokenizer)
                progress(done.increment(), "\(system.name), facts")
                return .facts(recall)
            }
            let evaluation = UserEvaluation(
                system: system, user: texts[user],
                others: texts.indices.filter { $0 != user }.map { texts[$0].next },
                generic: other, poisons: poisons)
            let outcome = Outcome.user(try evaluation.run())
            progress(done.increment(), "\(system.name), \(texts[user].name)")
            return outcome
        }
        var report = EvaluationReport(
            core: cortex.modelName, rule: cortex.identity.rule, genericBytes: generic.utf8.count,
            systems: [], timings: [])
        for (index, system) in systems.enumerated() {
            let (row, timing) = collected(system, outcomes[index * steps..<(index + 1) * steps])
            report.systems.append(row)
            report.timings?.append(timing)
        }
        return report
    }

    private func collected(
        _ system: EvaluatedSystem, _ outcomes: ArraySlice<Outcome>
    ) -> (SystemReport, SystemTiming) {
        var users: [UserEvaluation.Outcome] = []
        var facts: FactRecall?
        for outcome in outcomes {
            switch outcome {
            case .user(let user): users.append(user)
            case .facts(let recall): facts = recall
            }
        }
        var (learning, scoring) = (ThreadClock(), ThreadClock())
        for user in users {
            learning.add(user.learning)
            scoring.add(user.scoring)
        }
        let poison = PoisonFigures.mean(of: users.compactMap(\.report.poison))
        return (
            SystemReport(
                name: system.name, users: users.map(\.report),
                mean: .mean(of: users.map(\.report.figures)),
                curve: LearningCurve.mean(of: users.map(\.curve), points: curvePoints),
                poison: poison.isEmpty ? nil : poison, facts: facts),
            SystemTiming(
                name: system.name, learning: learning.microsecondsPerToken,
                scoring: scoring.microsecondsPerToken)
        )
    }
}
