import EngramStorage
public import Engrams
import ModelFormats
import OuterCortex

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

extension Scheduler {
    /// How many of a session's newest events are looked through for what was remembered.
    private static let searchedEventsMaximum = 256
    /// What has less of a say than this was read along and is not told.
    private static let toldWeightMinimum = 0.01

    /// What was remembered for some answers, the most of it first. It is told once and kept nowhere:
    /// a stored answer would keep the words of an event that is forgotten.
    /// - Complexity: Reads the journal backwards, 64 events at a time, where anything was remembered.
    func recalled(by answers: [Generation], in id: SessionID) async throws -> [RecalledSaying] {
        var weights: [[TokenID]: Double] = [:]
        for recollection in answers.flatMap(\.recalled)
        where recollection.weight >= Self.toldWeightMinimum {
            weights[recollection.tokens] = max(
                weights[recollection.tokens] ?? 0, recollection.weight)
        }
        guard !weights.isEmpty, let record = try await store.session(id) else { return [] }
        var events: [[TokenID]: EventID] = [:]
        var (end, left) = (record.sequence, Self.searchedEventsMaximum)
        while end > 0, left > 0, events.count < weights.count {
            let start = max(0, end - min(64, left))
            let page = try await store.events(of: id, after: start, limit: end - start)
            for event in page.reversed() {
                for saying in weights.keys
                where events[saying] == nil && event.tokens.contains(saying.map(\.rawValue)) {
                    events[saying] = event.id
                }
            }
            (end, left) = (start, left - (end - start))
        }
        return weights.map {
            RecalledSaying(
                saying: cortex.tokenizer.decode($0.key), weight: $0.value, event: events[$0.key])
        }.sorted { ($0.weight, $1.saying) > ($1.weight, $0.saying) }
    }
}
