import Engrams

/// A moment in a user's history at which there is an engram.
enum HistoryPoint: Hashable, Sendable {
    /// A session's total after its event of that number; 0: as it began.
    case state(SessionName, Int)
    /// What the session's delta stood on then.
    case base(SessionName, Int)
    /// What stands on a checkpoint starts with this.
    case checkpoint(CheckpointID)
    /// What the checkpoint's own part came on top of (`CheckpointRecord.stem`).
    case stem(CheckpointID)
}

/// How the engram of a point comes about.
enum HistoryRecipe: Sendable, Equatable {
    /// It is the frozen core's.
    case frozen
    /// It is in the store as it is.
    case stored
    /// It is another point's.
    case same(HistoryPoint)
    /// The session's event of that number made it, from these.
    case event(EventPlace, sources: [HistoryPoint])
    /// A session's total was consolidated. Where it counted from another head than the user's, it
    /// was reconciled with `head`, since `common`; nil: the frozen core.
    case consolidation(
        total: HistoryPoint, common: CheckpointID?, head: CheckpointID?, Branching)
    /// Nobody knows any more.
    case lost(HistoryLoss, sources: [HistoryPoint])

    struct EventPlace: Sendable, Equatable {
        var session: SessionName
        var sequence: Int
    }

    /// What it depends on.
    var sources: [HistoryPoint] {
        switch self {
        case .frozen, .stored: []
        case .same(let point): [point]
        case .event(_, let sources), .lost(_, let sources): sources
        case .consolidation(let total, let common, let head, _):
            common == head
                ? [total] : [total] + [common, head].compactMap { $0 }.map { .checkpoint($0) }
        }
    }
}

/// Why a state of a user's past cannot be done again.
enum HistoryLoss: Error, Sendable, Equatable, CustomStringConvertible {
    /// The session that made the checkpoint has been discarded, with its events.
    case discardedSession(CheckpointID)
    /// The server did not keep what the event taught (`JournalKind.deltas`).
    case notKept(EventID)
    /// The event merged a session that has been discarded.
    case mergedSession(EventID, SessionName)
    /// The session would stand on a checkpoint that has been deleted, or be reset away from it.
    case deletedBase(SessionName, CheckpointID)

    var description: String {
        switch self {
        case .discardedSession(let id):
            "checkpoint \(id) came from a session that has been discarded with its events, so it "
                + "cannot be made again without this one"
        case .notKept(let id):
            "event \(id) would have to be learned again, and what it taught was not kept "
                + "(--journal deltas)"
        case .mergedSession(let id, let session):
            "event \(id) would have to be done again, and it merged the session '\(session)', "
                + "which has been discarded"
        case .deletedBase(let session, let id):
            "the session '\(session)' would stand on checkpoint \(id) or have been reset away from "
                + "it, which has been deleted"
        }
    }
}
