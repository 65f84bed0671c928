public import Engrams

/// What was remembered for an answer, as its reader is told.
public struct RecalledSaying: Sendable, Codable, Equatable {
    /// The user's words.
    public var saying: String
    /// Its share of what was asked for, in 0...1.
    public var weight: Double
    /// The newest event of the session that has these words; nil where the journal keeps no text, or
    /// they came from another session.
    public var event: EventID?

    public init(saying: String, weight: Double, event: EventID?) {
        self.saying = saying
        self.weight = weight
        self.event = event
    }
}
