import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// What doing an event again came to.
struct Replayed: Sendable {
    var engram: Engram
    /// Tokens that the learning gate let through.
    var learnedTokens = 0
}

extension Archive {
    /// What an event made of the user's engrams then, it makes of them now, byte for byte. Recovery
    /// and forgetting both come here.
    ///
    /// - Parameter content: the engram at another point of the history, the one before the event
    ///   too. It is asked for what the event depends on, and no more.
    func replay(
        _ event: EventRecord, content: (HistoryPoint) async throws -> Engram
    ) async throws -> Replayed {
        let before = HistoryPoint.state(event.session.name, event.sequence - 1)
        guard event.forgottenBy == nil else { return Replayed(engram: try await content(before)) }
        guard event.keepsContent else { throw ServiceError.contentNotKept(event.id) }
        let id = event.session
        switch try EventContent(event) {
        case .text(let text):
            try requireKnown(text.tokens)
            let learned = try await engine.learn(text, on: try await content(before), for: id)
            return Replayed(engram: learned.engram, learnedTokens: learned.learnedTokens)
        case .feedback(let verdicts):
            try requireKnown(verdicts.tokens)
            let (outcome, engram) = try await engine.learn(
                verdicts, on: try await content(before), for: id)
            return Replayed(engram: engram, learnedTokens: outcome.learnedTokens)
        case .import(let file):
            guard let file else { throw StorageError.corrupt(code: 0) }
            let engram = try await engine.offload(for: id.user) { [cortex = engine.cortex] in
                try cortex.engram(stored: file, name: "Event \(event.id)")
            }
            return Replayed(engram: engram)
        case .merge(let record):
            var contents: [MergeRecord.Reference: Engram] = [:]
            for reference in record.references {
                contents[reference] = try await content(reference.point)
            }
            let total = try await content(before)
            let made = try await engine.merged(record, contents, onto: total, for: id)
            return Replayed(engram: made.engram)
        case .reset(let target, _), .restore(let target), .checkpoint(let target):
            guard let target else { return Replayed(engram: engine.cortex.emptyEngram()) }
            return Replayed(engram: try await content(.checkpoint(target)))
        case .forget: return Replayed(engram: try await content(before))
        }
    }

    /// - Throws: `.outOfRange` for tokens of a core that was served before and had more.
    private func requireKnown(_ tokens: [Int32]) throws(EngramError) {
        let limit = Int32(clamping: engine.model.vocabularySize)
        if let wrong = tokens.first(where: { !(0..<limit).contains($0) }) {
            throw .outOfRange(site: "token", found: Int(wrong), limit: Int(limit))
        }
    }

    /// The engram at a moment of the user's past.
    /// - Throws: `HistoryLoss` when it cannot be brought back.
    func engram(at point: HistoryPoint, of user: UserID) async throws -> Engram {
        let (_, _, outcome) = try await carryOut(of: user) {
            try HistoryPlan(restoring: [point], in: $0)
        }
        return try outcome.engrams.engram(at: point)
    }

    /// Makes a plan for the user's history and does it; anew, should a working state that it counts
    /// on be replaced by a later one meanwhile.
    func carryOut(
        of user: UserID, _ makePlan: @escaping @Sendable (UserHistory) throws -> HistoryPlan
    ) async throws -> (UserHistory, HistoryPlan, CarriedOutPlan) {
        var attempts = 0
        while true {
            let history = try await store.history(of: user)
            let plan = try await engine.offload(for: user) { try makePlan(history) }
            do {
                return (history, plan, try await carryOut(plan, of: user))
            } catch is SnapshotMoved {
                attempts += 1
                if attempts == 8 { throw StorageError.busy }
            }
        }
    }

    private struct SnapshotMoved: Error {}

    /// Does a plan. Changes nothing but what it returns.
    ///
    /// - Complexity: the learning of every event in it; holds the engrams that are still needed.
    private func carryOut(_ plan: HistoryPlan, of user: UserID) async throws -> CarriedOutPlan {
        var outcome = CarriedOutPlan()
        var uses: [HistoryPoint: Int] = [:]
        for step in plan.steps {
            for source in step.recipe.sources { uses[source, default: 0] += 1 }
        }
        for result in plan.results { uses[result, default: 0] += 1 }
        var engrams = EngramTable()
        for step in plan.steps {
            let known = engrams
            switch step.recipe {
            case .frozen: engrams.all[step.point] = engine.cortex.emptyEngram()
            case .stored:
                engrams.all[step.point] = try await storedEngram(at: step.point, of: user)
            case .same(let point): engrams.all[step.point] = try known.engram(at: point)
            case .event(let place, _):
                let event = try await event(at: place, of: user, in: plan)
                let replayed = try await replay(event.record) { try known.engram(at: $0) }
                engrams.all[step.point] = replayed.engram
                outcome.note(event.record, replayed, was: event.outline)
            case .consolidation(let total, let common, let head, let branching):
                guard case .checkpoint(let id) = step.point, case .state(let name, _) = total
                else { throw StorageError.corrupt(code: 0) }
                let made = try await engine.consolidation(
                    of: try known.engram(at: total),
                    branch: common == head
                        ? nil
                        : Branch(
                            common: try origin(common, in: known),
                            head: try origin(head, in: known), branching: branching),
                    head: head, into: id, for: SessionID(user: user, name: name))
                engrams.all[step.point] = made.engram
                if plan.checkpoints.contains(id) {
                    // One of another core is refused here: its events are not this core's.
                    _ = try await engram(standingOn: id, of: user)
                    outcome.checkpoints[id] = made
                }
            case .lost(let loss, _): throw loss
            }
            for source in step.recipe.sources { uses[source, default: 1] -= 1 }
            for point in [step.point] + step.recipe.sources where uses[point, default: 0] == 0 {
                engrams.all[point] = nil
            }
        }
        outcome.engrams = engrams
        return outcome
    }

    private func origin(_ checkpoint: CheckpointID?, in known: EngramTable) throws -> Engram {
        try checkpoint.map { try known.engram(at: .checkpoint($0)) } ?? engine.cortex.emptyEngram()
    }

    private func storedEngram(at point: HistoryPoint, of user: UserID) async throws -> Engram {
        switch point {
        case .checkpoint(let id): return try await engram(standingOn: id, of: user)
        case .base, .stem: throw StorageError.corrupt(code: 0)
        case .state(let name, let sequence):
            let id = SessionID(user: user, name: name)
            // A session that is dropped from memory leaves a later one there.
            guard let snapshot = try await store.snapshot(of: id), snapshot.sequence == sequence
            else { throw SnapshotMoved() }
            return try await engram(stored: snapshot, of: id)
        }
    }

    /// An event as it is to be done now: a verdict's gain is that of the streak it is in.
    private func event(
        at place: HistoryRecipe.EventPlace, of user: UserID, in plan: HistoryPlan
    ) async throws -> (record: EventRecord, outline: EventOutline) {
        let found = try await store.events(
            of: SessionID(user: user, name: place.session), after: place.sequence - 1, limit: 1)
        guard var record = found.first, record.sequence == place.sequence,
            let outline = plan.graph.event(place.session, place.sequence),
            let bearings = plan.graph.bearings(of: place.session, at: place.sequence)
        else { throw StorageError.corrupt(code: 0) }
        if record.kind == .feedback {
            var verdict = try FeedbackRecord(payload: record.payload)
            if verdict.streak != bearings.streak {
                verdict.streak = bearings.streak
                verdict.gain = FeedbackRule.gain(streak: bearings.streak)
                record.payload = try verdict.payload()
            }
        }
        return (record, outline)
    }
}

/// The engrams at some points of a history.
struct EngramTable: Sendable {
    var all: [HistoryPoint: Engram] = [:]

    /// - Throws: `.corrupt` where it is not known: a plan makes what it needs beforehand.
    func engram(at point: HistoryPoint) throws -> Engram {
        guard let engram = all[point] else { throw StorageError.corrupt(code: 0) }
        return engram
    }
}

/// What came out of a `HistoryPlan`.
struct CarriedOutPlan: Sendable {
    /// Of the plan's results.
    var engrams = EngramTable()
    /// Of the plan's checkpoints.
    var checkpoints: [CheckpointID: Consolidation] = [:]
    /// Events that learned another number of tokens than they had, or with another gain.
    var events: [EventID: HistoryRewrite.RevisedEvent] = [:]
    /// How many events were done again.
    var replayedEvents = 0

    fileprivate mutating func note(
        _ event: EventRecord, _ replayed: Replayed, was outline: EventOutline
    ) {
        replayedEvents += 1
        guard
            replayed.learnedTokens != outline.tokenCount || event.payload != outline.payload
        else { return }
        events[event.id] = .init(
            id: event.id, tokenCount: replayed.learnedTokens, payload: event.payload)
    }
}
