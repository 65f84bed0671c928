/// How surely questions of one kind were answered, in the mean over them.
public struct AnswerFigures: Sendable, Codable, Equatable {
    public var questions = 0
    /// P(whole answer) with the lead given.
    public var probability = 0.0
    /// Share of questions whose answer's first token was the likeliest.
    public var first = 0.0
    /// Share of questions whose greedy answer, without a lead, has the answer in it; nil: not asked.
    public var greedy: Double?

    public init() {}

    static func mean(_ figures: [AnswerFigure], greedy: [Bool] = []) -> AnswerFigures? {
        guard !figures.isEmpty else { return nil }
        let count = Double(figures.count)
        var mean = AnswerFigures()
        mean.questions = figures.count
        mean.probability = figures.reduce(0) { $0 + $1.probability } / count
        mean.first = figures.reduce(0) { $0 + ($1.isFirst ? 1 : 0) } / count
        if !greedy.isEmpty {
            mean.greedy = Double(greedy.filter { $0 }.count) / Double(greedy.count)
        }
        return mean
    }

    /// Over several people, by their questions.
    static func mean(of all: [AnswerFigures?]) -> AnswerFigures? {
        let all = all.compactMap { $0 }
        let count = all.reduce(0) { $0 + $1.questions }
        guard count > 0 else { return nil }
        func mean(_ value: (AnswerFigures) -> Double) -> Double {
            all.reduce(0) { $0 + Double($1.questions) * value($1) } / Double(count)
        }
        var result = AnswerFigures()
        result.questions = count
        result.probability = mean(\.probability)
        result.first = mean(\.first)
        let asked = all.compactMap(\.greedy)
        result.greedy = asked.isEmpty ? nil : asked.reduce(0, +) / Double(asked.count)
        return result
    }
}

/// One way to know people, and what it knew.
public struct PeopleRow: Sendable, Codable, Equatable {
    public var name: String
    /// By the kinds of `PeopleReport.kinds`; what was not asked is missing.
    public var answers: [String: AnswerFigures]
    /// Share of corrected facts whose new answer is likelier than the old one.
    public var replaced: Double?
    /// The largest difference that telling made to what another person is answered; 0 or a leak.
    public var leak: Double?
    /// More bits than the frozen core's on text of nobody, percent, in contexts of 256 and 1,024.
    public var genericRise256: Double?
    public var genericRise1024: Double?
    /// What is kept of a person, bytes.
    public var savedBytes: Double?
    /// Processor time of telling one fact, and of reading a question with its answer.
    public var tellMilliseconds: Double?
    public var askMilliseconds: Double?
}

/// What a core remembers of what people told it, beside rivals on the same core.
public struct PeopleReport: Sendable, Codable, Equatable {
    public static let kinds = [
        "direct", "reworded", "three wordings", "one form", "two hops", "corrected", "forgotten",
    ]

    public var core: String
    public var rule: String
    public var people: Int
    /// Facts a person told, in the mean.
    public var facts: Double
    public var rows: [PeopleRow]
}
