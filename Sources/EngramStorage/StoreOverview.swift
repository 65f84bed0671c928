/// What a store holds, in numbers.
public struct StoreOverview: Sendable, Equatable {
    public var sessions: Int
    /// Events that brought a text or an engram, and those of them whose content is kept.
    public var learningEvents: Int
    public var eventsWithContent: Int

    public init(sessions: Int, learningEvents: Int, eventsWithContent: Int) {
        self.sessions = sessions
        self.learningEvents = learningEvents
        self.eventsWithContent = eventsWithContent
    }
}
