import EngramStorage
import Engrams
import Foundation
import OuterCortex

/// Writes what happens to sessions, and only then, durable as it is, has it seen: nothing that is
/// not on disk is in memory, or in an answer.
struct Journal {
    let store: any EngramStore
    let engine: Engine
    let host: SessionHost
    let clock: RecordClock

    /// A change as it is to be written, and the session as it is after that.
    struct Draft: Sendable {
        let change: SessionChange
        let before: ResidentSession
        let entry: JournalEntry
        fileprivate let after: ResidentSession
    }

    private var kind: JournalKind { engine.configuration.journal }
}

@SchedulerActor
extension Journal {

    /// - Precondition: The caller holds the session's lease, and `session` is its present state.
    func commit(_ change: SessionChange, to session: ResidentSession) async throws
        -> ResidentSession
    {
        var draft = try await draft(change, of: session)
        var failure = await append(draft.entry)
        if failure == .diskFull, draft.entry.snapshot != nil, !change.needsSnapshot(in: kind) {
            // The event alone may find room.
            host.rest.failed()
            draft = try await self.draft(change, of: session)
            failure = await append(draft.entry)
        }
        if let failure {
            dropUncertain([session.id], after: failure)
            throw failure
        }
        if draft.entry.snapshot != nil { host.rest.succeeded() }
        return publish(draft)
    }

    /// Writes a changed past, with what it makes of sessions, in one transaction.
    /// - Parameter rewrite: of the drafts' entries.
    /// - Precondition: The caller holds the drafts' sessions, which are as they were.
    func rewrite(
        _ drafts: [Draft], _ rewrite: ([JournalEntry]) -> HistoryRewrite
    ) async throws {
        do {
            try await store.rewrite(rewrite(drafts.map(\.entry)))
        } catch {
            dropUncertain(drafts.map(\.before.id), after: error)
            throw error
        }
        for draft in drafts { publish(draft) }
    }

    /// - Returns: nil when it is durable.
    private func append(_ entry: JournalEntry) async -> StorageError? {
        do {
            try await store.append(entry)
            return nil
        } catch {
            return error
        }
    }

    /// After a write that failed, sessions stay in memory where the store is certainly as before;
    /// else the next request starts from whatever it holds.
    private func dropUncertain(_ sessions: [SessionID], after error: any Error) {
        if (error as? StorageError)?.isCertainlyUnchanged == true { return }
        for session in sessions { host.drop(session) }
    }

    func draft(_ change: SessionChange, of session: ResidentSession) async throws -> Draft {
        let id = session.id
        let time = try await clock.next(for: id.user)
        let record = change.record(after: session.record, at: time)
        let tokensSinceSnapshot = session.tokensSinceSnapshot + change.content.tokens.count
        let isSnapshotDue =
            change.needsSnapshot(in: kind)
            || !host.rest.isWaiting()
                && (record.sequence - session.snapshotSequence
                    >= engine.configuration.snapshotEvents
                    || tokensSinceSnapshot >= engine.configuration.snapshotTokens)
        let ledger = ledger(after: change, of: session)
        return try await engine.offload(for: id.user) { [kind, record] in
            var record = record
            let summary = change.engram.summary
            record.summary = Array(try JSONEncoder().encode(summary))
            record.ledger = try ledger.encoded()
            let snapshot =
                isSnapshotDue
                ? SnapshotRecord(
                    sequence: record.sequence,
                    engram: try change.engram.serialized(as: .workingState)) : nil
            let entry = JournalEntry(
                event: try change.eventRecord(leavingBehind: record, in: kind), session: record,
                snapshot: snapshot, checkpoint: change.checkpoint, head: change.head)
            let after = ResidentSession(
                record: record, engram: change.engram, ledger: ledger,
                snapshotSequence: snapshot == nil ? session.snapshotSequence : record.sequence,
                tokensSinceSnapshot: snapshot == nil ? tokensSinceSnapshot : 0,
                byteCount: SessionHost.memory(of: summary))
            return Draft(change: change, before: session, entry: entry, after: after)
        }
    }

    /// Shows others a session that has been written.
    @discardableResult
    private func publish(_ draft: Draft) -> ResidentSession {
        var session = draft.after
        // Answers may have ended while the event was on its way to the disk.
        if !draft.change.startsLedger {
            session.ledger.answers = host.newest(of: draft.before).ledger.answers
        }
        host.publish(session)
        return session
    }

    private func ledger(after change: SessionChange, of session: ResidentSession) -> SafetyLedger {
        if change.startsLedger {
            var ledger = SafetyLedger(
                zone: engine.cortex.zone, start: session.record.sequence + 1)
            ledger.audit = change.audit
            return ledger
        }
        let newest = host.newest(of: session).ledger
        var ledger = change.ledger ?? session.ledger
        // As they are now: who only completes does not hold the lease.
        ledger.answers = newest.answers
        // A failed audit is kept in memory until an event takes it along.
        ledger.audit = change.audit ?? newest.audit
        return ledger
    }

    /// Compare and swap: tries again while other sessions of the user move the head.
    func retryingHead<Output: Sendable>(
        of user: UserID, _ body: @SchedulerActor (UserRecord?) async throws -> Output
    ) async throws -> Output {
        var attempts = 0
        while true {
            let found = try await store.user(user)
            do {
                return try await body(found)
            } catch let error as StorageError {
                attempts += 1
                switch error {
                case .headMoved, .checkpointExists: guard attempts < 16 else { throw error }
                default: throw error
                }
            }
        }
    }
}
