import Engrams

/// What the journal keeps of what a session learns.
public enum JournalKind: String, Sendable, CaseIterable {
    /// The text, as tokens: whatever was learned can be done again, looked at and forgotten.
    case text
    /// No text and no imported file: each event carries the working state that it left instead.
    /// Recovery needs no more than that; but nothing can be learned again without one event, so
    /// that no single event can be forgotten. From a working state a text can be read again where
    /// it has episodes or contexts (`PlasticSite.verbatim`), so nothing is learned into these.
    ///
    /// What tells something of a text all the same: which tokens were learned (biases and features
    /// have a weight for each), what a model that learned it says, and the hash of a request that
    /// came with an idempotency key, which a short text can be guessed from.
    case deltas

    /// Sites that nothing is learned into, and that nothing which comes in brings along.
    var spared: Set<PlasticSite> { self == .deltas ? PlasticSite.verbatim : [] }
}
