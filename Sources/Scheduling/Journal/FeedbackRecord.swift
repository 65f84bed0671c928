import ModelFormats
import OuterCortex

/// What a feedback event needs to be done again, beside its tokens: those of each answer's prompt,
/// then the answer's, one answer after the other.
struct FeedbackRecord: Sendable, Equatable, Codable {
    struct Answer: Sendable, Equatable, Codable {
        var promptTokens: Int
        var answerTokens: Int
        var reward: Double
        var advantage: Double
    }

    /// In the order they were learned.
    var answers: [Answer]
    /// The session's streak with this event, and the gain it gave.
    var streak: Int
    var gain: Double

    /// Takes the event's tokens apart; nil when they are not those that the record speaks of.
    func judged(_ tokens: [Int32]) -> [JudgedAnswer]? {
        var judged: [JudgedAnswer] = []
        var rest = tokens[...]
        for answer in answers {
            guard answer.promptTokens >= 0, answer.answerTokens >= 0,
                answer.promptTokens <= rest.count,
                answer.answerTokens <= rest.count - answer.promptTokens
            else { return nil }
            func take(_ count: Int) -> [TokenID] {
                defer { rest = rest.dropFirst(count) }
                return rest.prefix(count).map { TokenID(rawValue: $0) }
            }
            judged.append(
                JudgedAnswer(
                    prompt: take(answer.promptTokens), answer: take(answer.answerTokens),
                    drive: gain * answer.advantage))
        }
        return rest.isEmpty ? judged : nil
    }
}
