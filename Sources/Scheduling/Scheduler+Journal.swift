import EngramStorage
import Engrams
import Foundation
import OuterCortex

/// One change of a session, before it is written.
struct SessionChange: Sendable {
    var kind: EventKind
    var engram: Engram
    /// What the change added to the session's ledger; nil: nothing.
    var ledger: SafetyLedger?
    /// What an audit of `engram` found; nil where there was none.
    var audit: ProbeAudit?
    var event = EventID(rawValue: "evt-" + Scheduler.randomName())
    /// What the session's delta stands on afterwards.
    var base: CheckpointID?
    /// Of a change that decides it (a reset, or a changed past): the head that the session's next
    /// checkpoint is to replace.
    var superseded: CheckpointID?
    var tokens: [Int32] = []
    /// Of `tokens`, those that the learning gate let through.
    var learnedTokens = 0
    var reward: Float?
    var feedback: FeedbackRecord?
    /// Of an observation or a completion that was learned from a conversation.
    var conversation: ConversationRecord?
    var importedFile: [UInt8]?
    var merge: MergeRecord?
    var target: CheckpointID?
    var idempotencyKey: String?
    var requestHash: String?
    var answer: [UInt8]?
    var checkpoint: JournalEntry.NewCheckpoint?
    var head: JournalEntry.HeadMove?
    /// What a changed past makes of the session, where it does not follow from the kind.
    var rebuilt: RebuiltFigures?

    struct RebuiltFigures: Sendable {
        /// Whether its engram is another one than before.
        var isChanged: Bool
        var feedbackStreak: Int
        var tokensSinceCheckpoint: Int
    }

    init(_ kind: EventKind, engram: Engram, base: CheckpointID?) {
        self.kind = kind
        self.engram = engram
        self.base = base
    }

    /// Whether the event is kept with its outcome: a checkpoint that it names may be deleted later,
    /// or its content is not kept, and then the journal alone could not do it again.
    func needsSnapshot(_ configuration: SchedulerConfiguration) -> Bool {
        startsDelta || kind == .merge || kind == .forget || configuration.journal == .deltas
    }

    /// Whether the session's delta is empty afterwards.
    var startsDelta: Bool { [.reset, .restore, .checkpoint].contains(kind) }

    /// Whether its total comes from nothing that the session had.
    var replacesTotal: Bool { kind == .import || merge?.mode == .replace }

    /// What the journal keeps of a feedback, a merge or a conversation, to do it again.
    func payload() throws -> [UInt8]? {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        if let conversation { return Array(try encoder.encode(conversation)) }
        if let feedback { return Array(try encoder.encode(feedback)) }
        return try merge.map { Array(try encoder.encode($0)) }
    }

    /// Whether another engram takes the session's place, so that what is known of it starts over.
    var startsLedger: Bool {
        [.reset, .restore, .import, .merge].contains(kind) || rebuilt?.isChanged == true
    }
}

extension Scheduler {
    /// Writes a change to the store and then, durable as it is, shows it to others.
    /// - Precondition: The caller holds the session's lease, and `session` is its present state.
    func commit(_ change: SessionChange, to session: ResidentSession) async throws
        -> ResidentSession
    {
        var (entry, changed) = try await prepare(change, to: session)
        var failure = await append(entry)
        if failure == .diskFull, entry.snapshot != nil, !change.needsSnapshot(configuration) {
            // The event alone may find room.
            rest.failed()
            (entry, changed) = try await prepare(change, to: session)
            failure = await append(entry)
        }
        if let failure {
            settle(failure, of: [session.id])
            throw failure
        }
        if entry.snapshot != nil { rest.succeeded() }
        return publish(changed, after: change, of: session)
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
    func settle(_ error: any Error, of sessions: [SessionID]) {
        if (error as? StorageError)?.isCertainlyUnchanged == true { return }
        for session in sessions { forget(session) }
    }

    /// A change as it is to be written, and the session as it is after that.
    func prepare(_ change: SessionChange, to session: ResidentSession) async throws
        -> (JournalEntry, ResidentSession)
    {
        let moment = try await moment(for: session.id.user)
        var record = session.record
        record.sequence += 1
        if change.startsDelta || change.kind == .forget {
            record.superseded = change.superseded
        } else if change.replacesTotal {
            record.superseded = record.common
        }
        record.base = change.base
        record.tokensLearned = change.engram.tokensLearned
        record.tokensSinceCheckpoint =
            change.startsDelta ? 0 : record.tokensSinceCheckpoint + change.learnedTokens
        record.updated = moment
        switch change.kind {
        case .feedback: record.feedbackStreak = change.feedback?.streak ?? 0
        // Another engram than the one that the verdicts were about.
        case .reset, .restore, .import, .merge: record.feedbackStreak = 0
        case .observe, .completion, .checkpoint, .forget: break
        }
        if let rebuilt = change.rebuilt {
            record.feedbackStreak = rebuilt.feedbackStreak
            record.tokensSinceCheckpoint = rebuilt.tokensSinceCheckpoint
        }
        let keepsContent = configuration.journal == .text || !change.kind.bringsContent
        let event = EventRecord(
            id: change.event, session: record.id, sequence: record.sequence, kind: change.kind,
            tokens: keepsContent ? change.tokens : [], tokenCount: change.learnedTokens,
            reward: change.reward, engram: keepsContent ? change.importedFile : nil,
            target: change.target,
            superseded: change.kind == .reset ? change.superseded : nil,
            idempotencyKey: change.idempotencyKey, requestHash: change.requestHash,
            answer: change.answer,
            payload: keepsContent || change.conversation == nil ? try change.payload() : nil,
            keepsContent: keepsContent, created: moment)
        let tokensSinceSnapshot = session.tokensSinceSnapshot + change.tokens.count
        let isSnapshotDue =
            change.needsSnapshot(configuration)
            || !rest.isWaiting()
                && (record.sequence - session.snapshotSequence >= configuration.snapshotEvents
                    || tokensSinceSnapshot >= configuration.snapshotTokens)
        let user = session.id.user
        let (summary, blob) = try await atDesk(for: user) { [engram = change.engram] in
            (
                engram.summary,
                isSnapshotDue ? try engram.serialized(as: .workingState) : nil
            )
        }
        record.summary = Array(try JSONEncoder().encode(summary))
        let ledger = ledger(after: change, to: session)
        record.ledger = try ledger.encoded()
        let snapshot = blob.map { SnapshotRecord(sequence: event.sequence, engram: $0) }
        let entry = JournalEntry(
            event: event, session: record, snapshot: snapshot, checkpoint: change.checkpoint,
            head: change.head)
        let changed = ResidentSession(
            record: record, engram: change.engram, ledger: ledger,
            snapshotSequence: snapshot == nil ? session.snapshotSequence : record.sequence,
            tokensSinceSnapshot: snapshot == nil ? tokensSinceSnapshot : 0,
            byteCount: Self.memory(of: summary))
        return (entry, changed)
    }

    /// Shows others a session that has been written.
    @discardableResult
    func publish(
        _ changed: ResidentSession, after change: SessionChange, of session: ResidentSession
    ) -> ResidentSession {
        var changed = changed
        // Answers may have ended while the event was on its way to the disk.
        if !change.startsLedger { changed.ledger.answers = answers(of: session) }
        publish(changed)
        return changed
    }

    private func ledger(
        after change: SessionChange, to session: ResidentSession
    ) -> SafetyLedger {
        if change.startsLedger {
            var ledger = SafetyLedger(zone: cortex.zone, start: session.record.sequence + 1)
            ledger.audit = change.audit
            return ledger
        }
        var ledger = change.ledger ?? session.ledger
        ledger.answers = answers(of: session)
        // A failed audit is kept in memory until an event takes it along.
        ledger.audit = change.audit ?? (residency.use(session.id) ?? session).ledger.audit
        return ledger
    }

    /// As they are now: who only completes does not hold the lease.
    private func answers(of session: ResidentSession) -> SafetyLedger.AnswerTally {
        (residency.use(session.id) ?? session).ledger.answers
    }

    func state(of record: SessionRecord) throws -> SessionState {
        SessionState(
            id: record.id, revision: record.revision,
            base: record.base, superseded: record.superseded, tokensLearned: record.tokensLearned,
            events: record.sequence,
            learn: Self.learn(of: record), created: record.created,
            updated: record.updated,
            engram: try JSONDecoder().decode(EngramSummary.self, from: Data(record.summary)))
    }

    /// 96 random bits, hexadecimal.
    static func randomName() -> String {
        (0..<3).map { _ in
            let word = String(UInt32.random(in: 0...(.max)), radix: 16)
            return String(repeating: "0", count: 8 - word.count) + word
        }.joined()
    }
}
