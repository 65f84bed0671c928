import EngramStorage
import Engrams
import Logging
import OuterCortex

/// Consolidates sessions into their user's engram: when somebody asks, and by itself.
@SchedulerActor
final class Checkpointing {
    private let store: any EngramStore
    private let engine: Engine
    private let archive: Archive
    private let host: SessionHost
    private let journal: Journal
    private let logger: Logger
    /// Of users whose automatic checkpoint failed for a reason of its own.
    private var rests: [UserID: Backoff] = [:]

    nonisolated init(
        store: any EngramStore, engine: Engine, archive: Archive, host: SessionHost,
        journal: Journal, logger: Logger
    ) {
        self.store = store
        self.engine = engine
        self.archive = archive
        self.host = host
        self.journal = journal
        self.logger = logger
    }

    /// Consolidates the session into the user's engram: prunes it, drops the traces that only
    /// steer further learning, and makes it the user's head. The session goes on from there. What
    /// the constitution's probes do not allow is turned down, as little as lets them pass, and the
    /// answer says so.
    ///
    /// When another session of the user has moved the head meanwhile, both are reconciled within
    /// the safe zone: what either learned is in, what this session was reset away from is out.
    func checkpoint(
        _ id: SessionID, name: String?, note: String?, ifMatch: Revision?
    ) async throws -> CheckpointState {
        if name?.isEmpty == true {
            throw ServiceError.invalidParameter(name: "name", reason: "must not be empty")
        }
        try CheckpointDescription(name: name, note: note).check()
        let session = try await host.resident(id)
        try session.requireMatch(ifMatch)
        let (record, changed) = try await consolidate(
            session, as: CheckpointDescription(name: name, note: note))
        var state = CheckpointState(record, isHead: true)
        state.fit = changed.ledger.audit?.fit
        return state
    }

    /// - Precondition: The caller holds the session's lease.
    /// - Parameter description: nil: the server makes it by itself.
    private func consolidate(
        _ session: ResidentSession, as description: CheckpointDescription?
    ) async throws -> (CheckpointRecord, ResidentSession) {
        let id = session.id
        let common = session.record.common
        return try await journal.retryingHead(of: id.user) { user in
            let head = user?.head
            // Counted, and not made from the content: that changes when a text in it is forgotten,
            // and every later checkpoint names this one as its parent.
            let checkpoint = CheckpointID(rawValue: "ckpt-\((user?.checkpointsMade ?? 0) + 1)")
            var branch: Branch?
            if head != common {
                branch = Branch(
                    common: try await archive.engram(standingOn: common, of: id.user),
                    head: try await archive.engram(standingOn: head, of: id.user),
                    branching: try await branching(of: session.record, under: head))
            }
            let made = try await engine.consolidation(
                of: session.engram, branch: branch, head: head, into: checkpoint, for: id)
            let audit = try host.judge(made.audited, for: .checkpoint, of: session)
            let record = CheckpointRecord(
                id: checkpoint, user: id.user, session: id.name,
                sequence: session.record.sequence + 1, name: description?.name,
                note: description?.note, isAutomatic: description == nil, parent: head,
                base: session.record.base, superseded: session.record.superseded,
                revision: made.engram.revision, tokensLearned: made.engram.tokensLearned,
                byteCount: made.blob.count, hash: made.hash,
                created: try await journal.clock.next(for: id.user))
            var change = SessionChange(
                .checkpoint(to: checkpoint), engram: made.engram, base: checkpoint)
            change.audit = audit
            change.checkpoint = .init(record: record, engram: made.blob)
            change.head = .init(from: head, to: checkpoint)
            return (record, try await journal.commit(change, to: session))
        }
    }

    private func branching(
        of session: SessionRecord, under head: CheckpointID?
    ) async throws -> Branching {
        guard let superseded = session.superseded else { return .grown }
        let history = try await store.history(of: session.id.user)
        return try await engine.offload(for: session.id.user) {
            try HistoryGraph(history).branching(superseding: superseded, under: head)
        }
    }

    // MARK: - By itself

    /// Consolidates the session of a client that never does so itself, when it is time. What was
    /// learned is durable already, so a failure here is told to the log only.
    func checkpointIfDue(_ session: ResidentSession) async -> ResidentSession {
        guard session.id.name == .default,
            let limit = engine.configuration.automaticCheckpointTokens,
            session.record.tokensSinceCheckpoint >= limit,
            !host.rest.isWaiting(), rests[session.id.user]?.isWaiting() != true,
            !host.isAuditHopeless(session, every: limit)
        else { return session }
        do {
            let changed = try await consolidate(session, as: nil).1
            rests[session.id.user] = nil
            await prune(session.id.user)
            return changed
        } catch {
            noteFailure(of: session.id.user, error)
            engine.count { $0.safety.refusedAutomaticCheckpoints += 1 }
            logger.warning(
                "An automatic checkpoint failed.",
                metadata: ["session": "\(session.id)", "error": "\(error)"])
            return host.newest(of: session)
        }
    }

    func forget(_ user: UserID) { rests[user] = nil }

    /// Lets automatic checkpoints rest: all of them where the store failed, else the user's. A failed
    /// audit waits for more to be learned instead (`isAuditHopeless`).
    private func noteFailure(of user: UserID, _ error: any Error) {
        switch error {
        case is StorageError: host.rest.failed()
        case ServiceError.probeFailed: break
        default:
            // Forgotten all at once, which costs each of them one attempt.
            if rests.count >= 4096 { rests = [:] }
            rests[user, default: Backoff(seconds: engine.configuration.storageRestSeconds)]
                .failed()
        }
    }

    /// Drops the oldest automatic checkpoints beyond those that are to be kept. The next automatic
    /// checkpoint tries again what failed, so that the log alone hears of it.
    private func prune(_ user: UserID) async {
        do {
            _ = try await store.pruneCheckpoints(
                of: user, keeping: engine.configuration.automaticCheckpointsKept)
        } catch {
            logger.warning(
                "Old automatic checkpoints were not pruned.", metadata: ["error": "\(error)"])
        }
    }
}
