/// Which text of a completion, or of a conversation, is learned from.
public enum LearnMode: String, Sendable, Codable, CaseIterable {
    /// What the user said; of a text, the prompt.
    case user
    /// What anybody but the model said.
    case prompt
    /// What the model said.
    case completion
    case both
    case none
}
