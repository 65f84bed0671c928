import EngramStorage
import Engrams
import ModelFormats
import OuterCortex

extension Archive {
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
        guard !weights.isEmpty else { return [] }
        var events: [[TokenID]: EventID] = [:]
        let isKept = try await walkBack(through: id, atMost: Self.searchedEventsMaximum) { event in
            for saying in weights.keys
            where events[saying] == nil && event.tokens.contains(saying.map(\.rawValue)) {
                events[saying] = event.id
            }
            return events.count < weights.count
        }
        guard isKept else { return [] }
        return weights.map {
            RecalledSaying(
                saying: engine.cortex.tokenizer.decode($0.key), weight: $0.value,
                event: events[$0.key])
        }.sorted { ($0.weight, $1.saying) > ($1.weight, $0.saying) }
    }
}
