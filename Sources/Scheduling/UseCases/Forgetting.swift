import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// Takes an event out of a user's history.
struct Forgetting {
    let store: any EngramStore
    let engine: Engine
    let archive: Archive
    let gate: Gate
    let host: SessionHost
    let journal: Journal
}

@SchedulerActor
extension Forgetting {
    /// Forgets an event exactly: every session and every checkpoint of the user becomes what it
    /// would be had the event never come, byte for byte, and what it taught is on no disk any more
    /// when this returns. What came after it stays where it was: events, checkpoints, resets.
    ///
    /// All of the user's sessions are held meanwhile; who reads goes on with the old state. Nothing
    /// changes unless everything can be rebuilt. An engram file that was exported and brought back
    /// is an event of its own: what it holds of the text goes when the import is forgotten too.
    func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws -> ForgetReceipt {
        guard try await store.session(id) != nil else { throw ServiceError.sessionNotFound(id) }
        return try await gate.holdingAll(of: id, in: store) {
            guard let found = try await store.event(event, of: id) else {
                throw ServiceError.eventNotFound(event)
            }
            let receipt: ForgetReceipt
            if let forgetting = found.forgottenBy {
                receipt = try await ForgetReceipt(of: forgetting, in: id, from: store)
            } else {
                try Self.requireForgettable(found)
                try await host.resident(id).requireMatch(ifMatch)
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

    /// - Precondition: The caller holds all of the user's sessions.
    private func forget(_ event: EventRecord) async throws -> ForgetReceipt {
        let omission = HistoryGraph.Omission(
            session: event.session.name, sequence: event.sequence)
        let (history, plan, outcome) = try await rebuild(without: event, omission)
        let time = try await journal.clock.next(for: event.session.user)
        var changes: [SessionForgetting] = []
        for session in history.sessions where plan.sessions.contains(session.record.id.name) {
            changes.append(try await change(of: session, by: plan, outcome))
        }
        let checkpoints = try Self.rebuiltCheckpoints(outcome, by: plan, of: history)
        let receipt = ForgetReceipt(
            event: event.id, session: event.session, kind: event.kind.rawValue,
            created: event.created, forgotten: time, sessions: changes.map(\.receipt),
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
                return try await archive.carryOut(of: event.session.user) {
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
        let session = try await host.resident(id)
        guard let bearings = plan.graph.bearings(of: id.name, at: history.events.count)
        else { throw StorageError.corrupt(code: 0) }
        let engram = try outcome.engrams.engram(at: end)
        var change = SessionChange(.forget, engram: engram, base: bearings.base)
        change.rebuilt = SessionChange.RebuiltFigures(
            isChanged: plan.changed.contains(end), superseded: bearings.superseded,
            feedbackStreak: bearings.streak,
            tokensSinceCheckpoint: plan.graph.tokensSinceCheckpoint(of: id.name) {
                outcome.events[$0.id]?.tokenCount ?? $0.tokenCount
            })
        let (before, after) = try await engine.offload(for: id.user) {
            (
                ContentDigest.of(try session.engram.serialized(as: .checkpoint)),
                ContentDigest.of(try engram.serialized(as: .checkpoint))
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
        var drafts: [Journal.Draft] = []
        var forgottenBy: EventID?
        for var forgetting in changes {
            forgetting.change.answer = answer
            if forgetting.session.id == receipt.session { forgottenBy = forgetting.change.event }
            drafts.append(try await journal.draft(forgetting.change, of: forgetting.session))
        }
        guard let forgottenBy else { throw StorageError.corrupt(code: 0) }
        try await journal.rewrite(drafts) { entries in
            HistoryRewrite(
                forgotten: receipt.event, forgottenBy: forgottenBy, events: events,
                checkpoints: checkpoints, entries: entries)
        }
        engine.count { $0.forgottenEvents += 1 }
    }

    /// Drops remembered answers whose text the event taught.
    private func forgetAnswers(that event: EventRecord) throws {
        switch try EventContent(event) {
        case .text(let text) where text.isCompletion:
            host.answers.forget(event.session) { answer in
                [answer.prompt, answer.answer, answer.prompt + answer.answer]
                    .contains { $0.map(\.rawValue) == text.tokens }
            }
        case .feedback(let verdicts):
            let judged = verdicts.judged ?? []
            host.answers.forget(event.session) { answer in
                judged.contains { $0.prompt == answer.prompt && $0.answer == answer.answer }
            }
        case .text, .import, .merge, .reset, .restore, .checkpoint, .forget: break
        }
    }
}
