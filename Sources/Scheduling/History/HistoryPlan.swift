import EngramStorage
import Engrams

/// What has to be done again, and in which order, so that some engrams of a user's history come
/// out: after an event has been left out of it, or at a moment of the past.
struct HistoryPlan: Sendable {
    struct Step: Sendable, Equatable {
        var point: HistoryPoint
        var recipe: HistoryRecipe
    }

    /// Each made from earlier ones.
    private(set) var steps: [Step] = []
    /// The engrams that were asked for.
    private(set) var results: [HistoryPoint] = []
    /// Points whose engram is another one than is stored or was.
    private(set) var changed: Set<HistoryPoint> = []
    /// Sessions that are not any more what the store has of them, in the order of their names.
    private(set) var sessions: [SessionName] = []
    /// Checkpoints that are not any more what the store has of them, in the order they were made.
    private(set) var checkpoints: [CheckpointID] = []
    let graph: HistoryGraph

    /// Plans to leave an event out.
    ///
    /// - Parameter counting: whether to do events again from which nothing comes any more, e.g.
    ///   before an import, only to count what they learn. Otherwise their count stays.
    /// - Throws: `HistoryLoss` when something that would change cannot be made again; `.corrupt`.
    /// - Complexity: O(events and checkpoints of the user).
    init(
        forgetting omitted: HistoryGraph.Omission, in history: UserHistory, counting: Bool = true
    ) throws {
        let past = try HistoryGraph(history)
        graph = try HistoryGraph(history, without: omitted)
        changed = try Self.changed(omitted, from: past, to: graph, in: history)
        for session in history.sessions {
            let name = session.record.id.name
            // What is stored of a session is a working state and what came after it.
            let first = session.snapshotSequence ?? 0
            let isStale = (first...max(first, session.events.count)).contains {
                changed.contains(.state(name, $0))
            }
            if isStale || name == omitted.session { sessions.append(name) }
        }
        for checkpoint in history.checkpoints where !checkpoint.isDeleted {
            let id = checkpoint.record.id
            if changed.contains(.checkpoint(id)) { checkpoints.append(id) }
        }
        results = checkpoints.map { .checkpoint($0) }
        for session in history.sessions where sessions.contains(session.record.id.name) {
            let name = session.record.id.name
            results.append(.state(name, session.events.count))
            let bearings = graph.bearings(of: name, at: session.events.count)
            let deleted = Self.deleted(in: history)
            for case let id? in [bearings?.base, bearings?.superseded] where deleted.contains(id) {
                throw HistoryLoss.deletedBase(name, id)
            }
        }
        let counted =
            counting
            ? history.sessions.flatMap { session in
                session.events.indices.map { HistoryPoint.state(session.record.id.name, $0 + 1) }
                    .filter(changed.contains)
            } : []
        steps = try steps(to: results + counted, in: history)
    }

    /// Plans to bring back engrams as they were.
    ///
    /// - Throws: `HistoryLoss` when one cannot be; `.corrupt`.
    init(restoring results: [HistoryPoint], in history: UserHistory) throws {
        graph = try HistoryGraph(history)
        self.results = results
        steps = try steps(to: results, in: history)
    }

    private static func deleted(in history: UserHistory) -> Set<CheckpointID> {
        Set(history.checkpoints.filter(\.isDeleted).map(\.record.id))
    }

    /// Points that come out differently; a verdict that is in another streak now comes from a
    /// changed state too, since what starts a streak anew takes the engram's place as well. One
    /// that merely comes from such a point counts: whether the bytes differ is seen when it has
    /// been made.
    ///
    /// So does one that came from nobody knows what, because a session has been discarded, unless
    /// it is older than the event. Moments can tell: those of one user only grow
    /// (`RecordClock`). Without them, who merges in a session of its own and then discards
    /// that could forget nothing any more.
    private static func changed(
        _ omitted: HistoryGraph.Omission, from past: HistoryGraph, to graph: HistoryGraph,
        in history: UserHistory
    ) throws -> Set<HistoryPoint> {
        let time = past.event(omitted.session, omitted.sequence)?.created ?? 0
        var changed = Set(
            history.checkpoints.filter { $0.hasUnknownSources && $0.record.created >= time }
                .map { HistoryPoint.checkpoint($0.record.id) })
        changed.insert(.state(omitted.session, omitted.sequence))
        let order = try order(graph.points) { try graph.recipe(of: $0).sources }
        for point in order {
            let recipe = try graph.recipe(of: point)
            if recipe.sources.contains(where: changed.contains) {
                changed.insert(point)
            } else if try past.recipe(of: point) != recipe {
                changed.insert(point)
            } else if case .state(let name, let sequence) = point,
                case .lost(.mergedSession, _) = recipe,
                (graph.event(name, sequence)?.created ?? time) >= time
            {
                changed.insert(point)
            }
        }
        return changed
    }

    private func steps(to results: [HistoryPoint], in history: UserHistory) throws -> [Step] {
        var stored: Set<HistoryPoint> = []
        for checkpoint in history.checkpoints where !checkpoint.isDeleted {
            stored.insert(.checkpoint(checkpoint.record.id))
        }
        for session in history.sessions {
            guard let sequence = session.snapshotSequence else { continue }
            stored.insert(.state(session.record.id.name, sequence))
        }
        stored.subtract(changed)
        func recipe(of point: HistoryPoint) throws -> HistoryRecipe {
            if stored.contains(point) { return .stored }
            let recipe = try graph.recipe(of: point)
            if case .lost(let loss, _) = recipe { throw loss }
            return recipe
        }
        return try Self.order(results) { try recipe(of: $0).sources }
            .map { Step(point: $0, recipe: try recipe(of: $0)) }
    }

    /// Everything that the roots come from and the roots, sources first. By a stack of its own: a
    /// history can be longer than a thread's.
    private static func order(
        _ roots: [HistoryPoint], sources: (HistoryPoint) throws -> [HistoryPoint]
    ) throws -> [HistoryPoint] {
        var order: [HistoryPoint] = []
        var isDone: [HistoryPoint: Bool] = [:]
        var stack = roots
        while let point = stack.last {
            switch isDone[point] {
            case true?: stack.removeLast()
            case false?:
                isDone[point] = true
                order.append(point)
                stack.removeLast()
            case nil:
                isDone[point] = false
                for source in try sources(point) where isDone[source] != true {
                    // Only damaged data can make a state come from itself.
                    guard isDone[source] == nil else { throw StorageError.corrupt(code: 0) }
                    stack.append(source)
                }
            }
        }
        return order
    }
}
