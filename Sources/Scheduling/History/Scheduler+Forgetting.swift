import EngramStorage
public import Engrams
import Foundation
import ModelFormats
import OuterCortex

extension Scheduler {
    /// Forgets an event exactly: every session and every checkpoint of the user becomes what it
    /// would be had the event never come, byte for byte, and what it taught is on no disk any more
    /// when this returns. What came after it stays where it was: events, checkpoints, resets.
    ///
    /// All of the user's sessions are held meanwhile; who reads goes on with the old state. Nothing
    /// changes unless everything can be rebuilt. An engram file that was exported and brought back
    /// is an event of its own: what it holds of the text goes when the import is forgotten too.
    public func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws
        -> ForgetReceipt
    {
        try await serveQueued(for: id) {
            guard try await store.session(id) != nil else { throw ServiceError.sessionNotFound(id) }
            return try await holdingAll(of: id) {
                guard let found = try await store.event(event, of: id) else {
                    throw ServiceError.eventNotFound(event)
                }
                let receipt: ForgetReceipt
                if let forgetting = found.forgottenBy {
                    receipt = try await self.receipt(of: forgetting, in: id)
                } else {
                    try Self.requireForgettable(found)
                    try requireMatch(ifMatch, try await resident(id).revision)
                    receipt = try await forget(found)
                }
                do {
                    try await store.erase()
                } catch {
                    throw ServiceError.notErased(event, reason: "\(error)")
                }
                return receipt
            }
        }
    }

    func receipt(of forgetting: EventID, in id: SessionID) async throws -> ForgetReceipt {
        guard let answer = try await store.event(forgetting, of: id)?.answer,
            let receipt = try? JSONDecoder().decode(ForgetReceipt.self, from: Data(answer))
        else { throw StorageError.corrupt(code: 0) }
        return receipt
    }

    private static func requireForgettable(_ event: EventRecord) throws(ServiceError) {
        let advice: String
        switch event.kind {
        case .observe, .completion, .feedback, .import, .merge, .reset: return
        case .checkpoint:
            advice =
                "It taught nothing: forget the events before it, and the checkpoint changes with "
                + "them; or delete the checkpoint."
        case .restore:
            advice = "It moved the user's head: restore another checkpoint instead."
        case .forget: advice = "It is the receipt of what was forgotten, and holds no text."
        }
        throw .notForgettable(event.id, kind: event.kind.rawValue, advice: advice)
    }

    /// Runs `body` with every session of the visitor's user held, and none being made.
    func holdingAll<Output: Sendable>(
        of visitor: SessionID, _ body: () async throws -> Output
    ) async throws -> Output {
        let user = visitor.user
        while true {
            // In the order of their names: two of these cannot wait for each other.
            let ids = try await sessionIDs(of: user)
            var held: [Leases.Key] = []
            defer { for key in held { leases.release(key) } }
            for key in ids.map(Leases.Key.session) + [.user(user)] {
                try await lease(key, for: visitor)
                held.append(key)
            }
            if Set(try await sessionIDs(of: user)).isSubset(of: ids) { return try await body() }
        }
    }

    private func sessionIDs(of user: UserID) async throws -> [SessionID] {
        try await store.sessions(of: user, after: nil, limit: .max).map(\.id)
    }

    /// - Precondition: The caller holds all of the user's sessions.
    private func forget(_ event: EventRecord) async throws -> ForgetReceipt {
        let omission = HistoryGraph.Omission(
            session: event.session.name, sequence: event.sequence)
        let (history, plan, outcome) = try await rebuild(without: event, omission)
        let moment = try await moment(for: event.session.user)
        var changes: [SessionForgetting] = []
        for session in history.sessions where plan.sessions.contains(session.record.id.name) {
            changes.append(try await change(of: session, by: plan, outcome))
        }
        let checkpoints = try Self.rebuiltCheckpoints(outcome, by: plan, of: history)
        let receipt = ForgetReceipt(
            event: event.id, session: event.session, kind: event.kind.rawValue,
            created: event.created, forgotten: moment, sessions: changes.map(\.receipt),
            checkpoints: checkpoints.map(\.receipt), replayedEvents: outcome.replayedEvents)
        try await write(
            receipt, changes,
            checkpoints: checkpoints.map(\.content) + Self.rebased(by: plan, of: history),
            events: outcome.events.values.sorted { $0.id.rawValue < $1.id.rawValue })
        try forgetAnswers(that: event)
        return receipt
    }

    private func rebuild(without event: EventRecord, _ omission: HistoryGraph.Omission)
        async throws -> (UserHistory, HistoryPlan, CarriedOutPlan)
    {
        func rebuild(counting: Bool) async throws -> (UserHistory, HistoryPlan, CarriedOutPlan) {
            do {
                return try await carryOut(of: event.session.user) {
                    try HistoryPlan(forgetting: omission, in: $0, counting: counting)
                }
            } catch let loss as HistoryLoss {
                throw ServiceError.cannotForget(event.id, reason: loss.description)
            } catch let error as EngramError {
                throw ServiceError.cannotForget(
                    event.id, reason: "what came of it cannot be made again: \(error)")
            }
        }
        do {
            return try await rebuild(counting: true)
        } catch ServiceError.cannotForget {
            return try await rebuild(counting: false)
        }
    }

    private struct SessionForgetting {
        var change: SessionChange
        var session: ResidentSession
        var receipt: ForgetReceipt.Session
    }

    private func change(
        of history: SessionHistory, by plan: HistoryPlan, _ outcome: CarriedOutPlan
    ) async throws -> SessionForgetting {
        let id = history.record.id
        let end = HistoryPoint.state(id.name, history.events.count)
        let session = try await resident(id)
        guard let bearings = plan.graph.bearings(of: id.name, at: history.events.count)
        else { throw StorageError.corrupt(code: 0) }
        var change = SessionChange(
            .forget, engram: try outcome.engrams.engram(at: end), base: bearings.base)
        change.superseded = bearings.superseded
        change.rebuilt = SessionChange.RebuiltFigures(
            isChanged: plan.changed.contains(end), feedbackStreak: bearings.streak,
            tokensSinceCheckpoint: plan.graph.tokensSinceCheckpoint(of: id.name) {
                outcome.events[$0.id]?.tokenCount ?? $0.tokenCount
            })
        let (before, after) = try await atDesk(for: id.user) { [change] in
            (
                ContentDigest.of(try session.engram.serialized(as: .checkpoint)),
                ContentDigest.of(try change.engram.serialized(as: .checkpoint))
            )
        }
        return SessionForgetting(
            change: change, session: session,
            receipt: ForgetReceipt.Session(
                session: id, revisionBefore: session.revision,
                revisionAfter: session.revision.next, hashBefore: before, hashAfter: after))
    }

    private static func rebuiltCheckpoints(
        _ outcome: CarriedOutPlan, by plan: HistoryPlan, of history: UserHistory
    ) throws -> [(content: JournalEntry.NewCheckpoint, receipt: ForgetReceipt.Checkpoint)] {
        var all: [(content: JournalEntry.NewCheckpoint, receipt: ForgetReceipt.Checkpoint)] = []
        for id in plan.checkpoints {
            guard let was = history.checkpoints.first(where: { $0.record.id == id })?.record,
                let sequence = was.sequence, let made = outcome.checkpoints[id],
                let bearings = plan.graph.bearings(of: was.session, at: sequence - 1)
            else { throw StorageError.corrupt(code: 0) }
            var record = was
            (record.base, record.superseded) = (bearings.base, bearings.superseded)
            record.revision = made.engram.revision
            record.tokensLearned = made.engram.tokensLearned
            record.byteCount = made.blob.count
            record.hash = made.hash
            all.append(
                (
                    JournalEntry.NewCheckpoint(record: record, engram: made.blob),
                    ForgetReceipt.Checkpoint(
                        checkpoint: id, hashBefore: was.hash, hashAfter: made.hash,
                        failedProbe: made.audited.worst.flatMap { $0.passes ? nil : $0 },
                        fit: made.audited.fit)
                ))
        }
        return all
    }

    /// Deleted checkpoints whose session stood elsewhere then, as the history is now. What they
    /// came from is all that is left of them; once that session is gone, nothing else tells of it.
    private static func rebased(
        by plan: HistoryPlan, of history: UserHistory
    ) -> [JournalEntry.NewCheckpoint] {
        history.checkpoints.compactMap { checkpoint in
            var record = checkpoint.record
            guard checkpoint.isDeleted, let sequence = record.sequence,
                let bearings = plan.graph.bearings(of: record.session, at: sequence - 1),
                (bearings.base, bearings.superseded) != (record.base, record.superseded)
            else { return nil }
            (record.base, record.superseded) = (bearings.base, bearings.superseded)
            return JournalEntry.NewCheckpoint(record: record, engram: [])
        }
    }

    /// One transaction, and then everybody sees it.
    private func write(
        _ receipt: ForgetReceipt, _ changes: [SessionForgetting],
        checkpoints: [JournalEntry.NewCheckpoint], events: [HistoryRewrite.RevisedEvent]
    ) async throws {
        let answer = Array(try JSONEncoder().encode(receipt))
        var entries: [JournalEntry] = []
        var published: [(ResidentSession, SessionForgetting)] = []
        var forgottenBy: EventID?
        for var forgetting in changes {
            forgetting.change.answer = answer
            if forgetting.session.id == receipt.session { forgottenBy = forgetting.change.event }
            let (entry, changed) = try await prepare(forgetting.change, to: forgetting.session)
            entries.append(entry)
            published.append((changed, forgetting))
        }
        guard let forgottenBy else { throw StorageError.corrupt(code: 0) }
        do {
            try await store.rewrite(
                HistoryRewrite(
                    forgotten: receipt.event, forgottenBy: forgottenBy, events: events,
                    checkpoints: checkpoints, entries: entries))
        } catch {
            settle(error, of: changes.map(\.session.id))
            throw error
        }
        for (changed, forgetting) in published {
            publish(changed, after: forgetting.change, of: forgetting.session)
        }
        counts.forgottenEvents += 1
    }

    /// Drops remembered answers whose text the event taught.
    private func forgetAnswers(that event: EventRecord) throws {
        switch event.kind {
        case .completion:
            memory.forget(event.session) { answer in
                [answer.prompt, answer.answer, answer.prompt + answer.answer]
                    .contains { $0.map(\.rawValue) == event.tokens }
            }
        case .feedback:
            let judged = try Self.payload(FeedbackRecord.self, of: event).judged(event.tokens)
            memory.forget(event.session) { answer in
                (judged ?? []).contains {
                    $0.prompt == answer.prompt && $0.answer == answer.answer
                }
            }
        case .observe, .import, .merge, .reset, .restore, .checkpoint, .forget: break
        }
    }
}
