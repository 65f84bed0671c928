/// What the journal keeps of what a session learns.
public enum JournalKind: String, Sendable, CaseIterable {
    /// The text, as tokens: whatever was learned can be done again, looked at and forgotten.
    case text
    /// No text and no imported file: each event carries the working state that it left instead.
    /// Recovery needs no more than that; but nothing can be learned again without one event, so
    /// that no single event can be forgotten. What keeps something of a text all the same: the
    /// working state itself, and the hash of a request that came with an idempotency key.
    case deltas
}
