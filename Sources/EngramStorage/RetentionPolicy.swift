import Engrams

/// Which of a user's automatic checkpoints may go: none that somebody has described, is in use, or
/// is one from which alone what came later can be rebuilt.
struct RetentionPolicy {
    /// How many of those that nobody described stay besides: the newest.
    let kept: Int

    /// In the order they were made. To take one away makes none of the others indispensable.
    ///
    /// - Parameter head: the user's, of the same moment as the history.
    /// - Complexity: O(events + checkpoints²) of the user.
    func expendable(in history: UserHistory, head: CheckpointID?) -> [CheckpointID] {
        let living = history.checkpoints.filter { !$0.isDeleted }.map(\.record)
        var inUse = Set(history.sessions.flatMap { [$0.record.base, $0.record.superseded] })
        inUse.insert(head)
        let anchors = Anchors(history, living)
        return living.filter { $0.isAutomatic && $0.name == nil && $0.note == nil }
            .dropLast(max(0, kept))
            .filter { !inUse.contains($0.id) && !anchors.contains($0) }
            .map(\.id)
    }
}

/// The checkpoints from which alone what was learned after them may be rebuilt: their session is
/// gone, or they are the first one after an event that cannot be done again, or a merge, which
/// cannot once a session that it merged is discarded. Of such events without content in a row the
/// last one counts: nothing between them could be rebuilt, and else a server that keeps no content
/// would never prune.
private struct Anchors {
    /// By session, the numbers of the events after which a checkpoint is needed.
    private var sources: [SessionName: [Int]] = [:]
    private let living: [CheckpointRecord]

    init(_ history: UserHistory, _ living: [CheckpointRecord]) {
        self.living = living
        for session in history.sessions {
            let lessons = session.events.enumerated().filter { _, event in
                (event.kind.bringsContent || event.kind == .merge) && !event.isForgotten
            }
            let following = lessons.dropFirst().map { $0.element.keepsContent } + [true]
            sources[session.record.id.name] = zip(lessons, following).compactMap { lesson, next in
                let isSource =
                    lesson.element.kind == .merge || !lesson.element.keepsContent && next
                return isSource ? lesson.offset + 1 : nil
            }
        }
    }

    func contains(_ record: CheckpointRecord) -> Bool {
        guard let sequence = record.sequence else { return true }
        let previous =
            living.filter { $0.session == record.session }.compactMap(\.sequence)
            .filter { $0 < sequence }.max() ?? 0
        return (sources[record.session] ?? []).contains { previous < $0 && $0 < sequence }
    }
}
