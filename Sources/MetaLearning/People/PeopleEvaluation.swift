import Engrams
import Foundation
public import ModelFormats
public import OuterCortex

/// Measures what is remembered of people: facts told once as chat, asked for in new conversations.
public struct PeopleEvaluation: Sendable {
    /// Most questions of a kind that a person is asked, taken evenly over the facts.
    public var questions = 34
    /// Most tokens of an answer that is made without a lead.
    public var answerTokens = 24
    /// Threads that compute; they do not change the result.
    public var threads = 2
    /// Whether the frozen core reads what was said, all of it and what a search found.
    public var withRivals = true

    private let cortex: Cortex
    private let chat: ChatReading

    /// - Parameter template: the core's.
    public init(cortex: Cortex, template: ChatTemplate) {
        self.cortex = cortex
        chat = ChatReading(template: template, tokenizer: cortex.tokenizer)
    }

    /// Names of the rows.
    public static let frozen = "frozen"
    public static let learned = "learned"
    public static let pasted = "all pasted"
    public static let retrieved = "found pasted"

    /// Tells and asks.
    /// - Parameters:
    ///   - people: of whom nothing was tuned.
    ///   - generic: text of nobody; empty: no damage is measured.
    ///   - found: by person and question, which of the facts a search found, best first; nil: none
    ///     was made.
    ///   - progress: called after each row of each person, from any thread.
    public func run(
        people: [InventedPerson], generic: String, found: [String: [String: [Int]]]? = nil,
        progress: @escaping @Sendable (_ done: Int, _ note: String) -> Void
    ) throws -> PeopleReport {
        let names = rowNames(hasFound: found != nil)
        let other = cortex.tokenizer.encode(generic)
        let done = Counter()
        let rows = try parallelMap(names.count * people.count, threads: threads) {
            index -> PeopleRow in
            let (name, place) = (names[index / people.count], index % people.count)
            let person = people[place]
            defer { progress(done.increment(), "\(name), \(person.person)") }
            switch name {
            case Self.frozen:
                return try asked(EngramAnswers(cortex: cortex, chat: chat), person, name)
            case Self.learned:
                return try learned(
                    person, beside: people[(place + 1) % people.count], generic: other)
            default:
                let answers = PastedAnswers(
                    cortex: cortex, chat: chat,
                    found: name == Self.retrieved ? found?[person.person] ?? [:] : nil)
                for fact in person.facts { answers.tell(fact.say) }
                return try asked(answers, person, name)
            }
        }
        return PeopleReport(
            core: cortex.modelName, rule: cortex.identity.rule, people: people.count,
            facts: Double(people.reduce(0) { $0 + $1.facts.count }) / Double(people.count),
            rows: names.indices.map { row in
                PeopleRow.mean(
                    names[row], Array(rows[row * people.count..<(row + 1) * people.count]))
            })
    }

    /// How many steps `run` takes.
    public func stepCount(people: Int, hasFound: Bool) -> Int {
        rowNames(hasFound: hasFound).count * people
    }

    private func rowNames(hasFound: Bool) -> [String] {
        [Self.frozen, Self.learned] + (withRivals ? [Self.pasted] : [])
            + (withRivals && hasFound ? [Self.retrieved] : [])
    }

    // MARK: One person

    /// One question, the lead and the answer.
    private typealias Question = (ask: String, lead: String, answer: String)

    /// Facts taken evenly, each by its question in other words; which of those goes by turns.
    private func reworded(_ facts: [InventedPerson.Fact]) -> [Question] {
        evenly(facts).enumerated().map { index, fact in
            let other = max(1, fact.asks.count - 1)
            let ask = fact.asks.count > 1 ? fact.asks[1 + index % other] : fact.asks[0]
            return (ask, fact.lead, fact.answer)
        }
    }

    private func evenly<Item>(_ items: [Item]) -> [Item] {
        guard items.count > questions else { return items }
        return (0..<questions).map { items[$0 * items.count / questions] }
    }

    private func figures(
        _ answers: some PersonalAnswers, _ questions: [Question], greedily: Bool = false
    ) throws -> AnswerFigures? {
        let figures = try questions.compactMap {
            try answers.figure($0.ask, lead: $0.lead, answer: $0.answer)
        }
        let greedy =
            !greedily
            ? []
            : try questions.compactMap { question in
                try answers.answer(question.ask, tokens: answerTokens).map {
                    $0.localizedCaseInsensitiveContains(question.answer)
                }
            }
        return .mean(figures, greedy: greedy)
    }

    /// What can be asked of any row.
    private func asked(
        _ answers: some PersonalAnswers, _ person: InventedPerson, _ name: String
    ) throws -> PeopleRow {
        var row = PeopleRow(name: name, answers: [:])
        row.answers["direct"] = try figures(
            answers, evenly(person.facts).map { ($0.asks[0], $0.lead, $0.answer) })
        let questions = reworded(person.facts)
        var clock = ThreadClock()
        row.answers["reworded"] = try clock.measure(tokens: questions.count) {
            try figures(answers, questions)
        }
        row.askMilliseconds = clock.microsecondsPerToken / 1_000
        row.answers["reworded"]?.greedy = try figures(answers, questions, greedily: true)?.greedy
        row.answers["two hops"] = try figures(
            answers, evenly(person.hops).map { ($0.asks[0], $0.lead, $0.answer) })
        return row
    }

    private func learned(
        _ person: InventedPerson, beside other: InventedPerson, generic: [TokenID]
    ) throws -> PeopleRow {
        let fresh = EngramAnswers(cortex: cortex, chat: chat)
        var stranger = fresh
        for fact in other.facts.prefix(8) { try stranger.tell(fact.say) }
        let theirs = reworded(Array(person.facts.prefix(8)))
        let before = try theirs.map {
            try stranger.figure($0.ask, lead: $0.lead, answer: $0.answer)
        }

        var model = fresh
        var clock = ThreadClock()
        for fact in person.facts {
            try clock.measure(tokens: 1) { try model.tell(fact.say) }
        }
        let saved = model.saved()
        var row = try asked(saved, person, Self.learned)
        row.tellMilliseconds = clock.microsecondsPerToken / 1_000
        row.savedBytes = Double(try saved.engram.serialized(as: .checkpoint).count)
        row.leak = try zip(theirs, before).map { question, figure in
            let now = try stranger.figure(
                question.ask, lead: question.lead, answer: question.answer)
            return abs((now?.probability ?? 0) - (figure?.probability ?? 0))
        }.max()
        try correct(model, person, &row)
        row.answers["three wordings"] = try figures(
            try told(person.facts.flatMap { $0.says.prefix(3) }), reworded(person.facts))
        row.answers["one form"] = try figures(
            try told(person.form.map(\.say)), reworded(person.form))
        // What is left once these have been forgotten is made from all others.
        let gone = person.facts.count > 1 ? min(4, person.facts.count / 2) : 0
        row.answers["forgotten"] = try figures(
            try told(person.facts.dropFirst(gone).map(\.say)),
            reworded(Array(person.facts.prefix(gone))))
        (row.genericRise256, row.genericRise1024) = (
            rise(on: generic, context: 256, saved), rise(on: generic, context: 1_024, saved)
        )
        return row
    }

    private func told(_ sayings: [String]) throws -> EngramAnswers {
        var model = EngramAnswers(cortex: cortex, chat: chat)
        for say in sayings { try model.tell(say) }
        return model.saved()
    }

    private func correct(
        _ model: EngramAnswers, _ person: InventedPerson, _ row: inout PeopleRow
    ) throws {
        var model = model
        let changes = evenly(person.revised)
        for change in changes { try model.tell(change.say) }
        let saved = model.saved()
        var figures: [AnswerFigure] = []
        var replaced = 0
        for change in changes {
            let fact = person.facts[change.fact]
            let ask = fact.asks[fact.asks.count > 1 ? 1 : 0]
            guard let new = try saved.figure(ask, lead: fact.lead, answer: change.answer),
                let old = try saved.figure(ask, lead: fact.lead, answer: fact.answer)
            else { continue }
            figures.append(new)
            if new.probability > old.probability { replaced += 1 }
        }
        row.answers["corrected"] = .mean(figures)
        row.replaced = figures.isEmpty ? nil : Double(replaced) / Double(figures.count)
    }

    private func rise(
        on generic: [TokenID], context length: Int, _ model: EngramAnswers
    ) -> Double? {
        var cost = TextCost()
        for context in generic.dealt(toContextsOf: length) {
            let task = cortex.startScoring(context, with: model.engram)
            while !task.advance() {}
            cost.add(
                task.result.perToken.map { TokenCost(frozen: $0.frozen, adapted: $0.adapted) })
        }
        return cost.tokens > 0 ? cost.risePercent : nil
    }
}

extension PeopleRow {
    /// One row over several people.
    static func mean(_ name: String, _ rows: [PeopleRow]) -> PeopleRow {
        func mean(_ value: KeyPath<PeopleRow, Double?>) -> Double? {
            let values = rows.compactMap { $0[keyPath: value] }
            return values.isEmpty ? nil : values.reduce(0, +) / Double(values.count)
        }
        var row = PeopleRow(name: name, answers: [:])
        for kind in PeopleReport.kinds {
            row.answers[kind] = AnswerFigures.mean(of: rows.map { $0.answers[kind] })
        }
        row.replaced = mean(\.replaced)
        row.leak = rows.compactMap(\.leak).max()
        row.genericRise256 = mean(\.genericRise256)
        row.genericRise1024 = mean(\.genericRise1024)
        row.savedBytes = mean(\.savedBytes)
        row.tellMilliseconds = mean(\.tellMilliseconds)
        row.askMilliseconds = mean(\.askMilliseconds)
        return row
    }
}
