import EngramStorage
public import Engrams
import Logging
import OuterCortex

extension Scheduler {
    /// Consolidates the session into the user's engram: prunes it, drops the traces that only
    /// steer further learning, and makes it the user's head. The session goes on from there. What
    /// the constitution's probes do not allow is turned down, as little as lets them pass, and the
    /// answer says so.
    ///
    /// When another session of the user has moved the head meanwhile, both are reconciled within
    /// the safe zone: what either learned is in, what this session was reset away from is out.
    public func checkpoint(
        _ id: SessionID, name: String?, note: String? = nil, ifMatch: Revision?
    ) async throws -> CheckpointState {
        try await serveWriter(of: id) {
            if name?.isEmpty == true {
                throw ServiceError.invalidParameter(name: "name", reason: "must not be empty")
            }
            try Self.checkDescription(name: name, note: note)
            let session = try await resident(id)
            try requireMatch(ifMatch, session.revision)
            let (record, changed) = try await consolidate(session, name: name, note: note)
            var state = Self.state(of: record, isHead: true)
            state.fit = changed.ledger.audit?.fit
            return state
        }
    }

    /// The user's checkpoints in the order they were made. `page.after` is a checkpoint's id.
    public func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState> {
        try await serve(for: id) {
            let limit = try pageLimit(page)
            _ = try await record(of: id)
            let records = try await store.checkpoints(
                of: id.user, after: page.after.map(CheckpointID.init(rawValue:)),
                limit: limit + 1)
            let head = try await store.user(id.user)?.head
            return Listing(
                items: records.prefix(limit).map { Self.state(of: $0, isHead: $0.id == head) },
                hasMore: records.count > limit)
        }
    }

    /// Rolls back: the session becomes exactly that checkpoint, and it is the user's head again.
    /// Later checkpoints stay and can be restored in the same way; other sessions keep what they
    /// stand on.
    public func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?)
        async throws -> SessionState
    {
        try await serveWriter(of: id) {
            let session = try await replaceable(id)
            try requireMatch(ifMatch, session.revision)
            let engram = try await engram(standingOn: checkpoint, of: id.user)
            return try await retryingHead(of: id.user) { user in
                var change = SessionChange(.restore, engram: engram, base: checkpoint)
                change.target = checkpoint
                change.head = .init(from: user?.head, to: checkpoint)
                return try state(of: try await commit(change, to: session).record)
            }
        }
    }

    /// Deletes a checkpoint on which neither the user's head nor a session stands, and which no
    /// session's next checkpoint replaces.
    public func deleteCheckpoint(_ id: SessionID, checkpoint: CheckpointID) async throws {
        try await serveQueued(for: id) {
            _ = try await record(of: id)
            try await lease(.user(id.user))
            defer { leases.release(.user(id.user)) }
            try await store.deleteCheckpoint(checkpoint, of: id.user)
        }
    }

    /// - Precondition: The caller holds the session's lease.
    func consolidate(
        _ session: ResidentSession, name: String? = nil, note: String? = nil,
        isAutomatic: Bool = false
    ) async throws -> (CheckpointRecord, ResidentSession) {
        let id = session.id
        let common = session.record.common
        return try await retryingHead(of: id.user) { user in
            let head = user?.head
            // Counted, and not made from the content: that changes when a text in it is forgotten,
            // and every later checkpoint names this one as its parent.
            let checkpoint = CheckpointID(rawValue: "ckpt-\((user?.checkpointsMade ?? 0) + 1)")
            var branch: Branch?
            if head != common {
                branch = Branch(
                    common: try await engram(standingOn: common, of: id.user),
                    head: try await engram(standingOn: head, of: id.user),
                    branching: try await branching(of: session.record, under: head))
            }
            let made = try await consolidation(
                of: session.engram, branch: branch, head: head, into: checkpoint, for: id)
            let audit = try audit(made.audited, for: .checkpoint, of: session)
            let record = CheckpointRecord(
                id: checkpoint, user: id.user, session: id.name,
                sequence: session.record.sequence + 1, name: name, note: note,
                isAutomatic: isAutomatic, parent: head, base: session.record.base,
                superseded: session.record.superseded, revision: made.engram.revision,
                tokensLearned: made.engram.tokensLearned, byteCount: made.blob.count,
                hash: made.hash, created: try await moment(for: id.user))
            var change = SessionChange(.checkpoint, engram: made.engram, base: checkpoint)
            change.target = checkpoint
            change.audit = audit
            change.checkpoint = .init(record: record, engram: made.blob)
            change.head = .init(from: head, to: checkpoint)
            return (record, try await commit(change, to: session))
        }
    }

    private func branching(
        of session: SessionRecord, under head: CheckpointID?
    ) async throws -> Branching {
        guard let superseded = session.superseded else { return .grown }
        let history = try await store.history(of: session.id.user)
        return try await atDesk(for: session.id.user) {
            try HistoryGraph(history).branching(superseding: superseded, under: head)
        }
    }

    /// What consolidating a session's total gives. The same is done when a history is rebuilt.
    ///
    /// - Parameters:
    ///   - branch: where the head is another than the session counts from; then both are
    ///     reconciled.
    ///   - head: nil: the frozen core.
    ///   - id: on whose behalf.
    func consolidation(
        of total: Engram, branch: Branch?, head: CheckpointID?, into checkpoint: CheckpointID,
        for id: SessionID
    ) async throws -> Consolidation {
        let made = try await atDesk(for: id.user) { [cortex] in
            let zone = cortex.zone
            var engram =
                branch.map {
                    total.reconciled(
                        with: $0.head, since: $0.common, $0.branching, within: zone,
                        episodes: cortex.rule.episode.capacity)
                } ?? total.consolidated(within: zone)
            engram.parent = head
            return engram
        }
        let audited = try await fitted(made, for: id)
        return try await atDesk(for: id.user) { [cortex, audited] in
            let blob = try audited.engram.serialized(as: .checkpoint)
            var stored = audited
            // The session goes on from what a reader of the file gets, to the last bit.
            stored.engram = try Self.engram(checkpoint: blob, named: checkpoint, on: cortex)
            return Consolidation(blob: blob, hash: ContentDigest.of(blob), audited: stored)
        }
    }

    /// Consolidates the session of a client that never does so itself, when it is time. What was
    /// learned is durable already, so a failure here is told to the log only.
    func checkpointIfDue(_ session: ResidentSession) async -> ResidentSession {
        guard session.id.name == .default, let limit = configuration.automaticCheckpointTokens,
            session.record.tokensSinceCheckpoint >= limit,
            !rest.isWaiting(), checkpointRests[session.id.user]?.isWaiting() != true,
            !isAuditHopeless(session, every: limit)
        else { return session }
        do {
            let changed = try await consolidate(session, isAutomatic: true).1
            checkpointRests[session.id.user] = nil
            await pruneCheckpoints(of: session.id.user)
            return changed
        } catch {
            noteFailedCheckpoint(of: session.id.user, error)
            counts.safety.refusedAutomaticCheckpoints += 1
            logger.warning(
                "An automatic checkpoint failed.",
                metadata: ["session": "\(session.id)", "error": "\(error)"])
            return residency.use(session.id) ?? session
        }
    }

    /// Lets automatic checkpoints rest: all of them where the store failed, else the user's. A failed
    /// audit waits for more to be learned instead (`isAuditHopeless`).
    private func noteFailedCheckpoint(of user: UserID, _ error: any Error) {
        switch error {
        case is StorageError: rest.failed()
        case ServiceError.probeFailed: break
        default:
            // Forgotten all at once, which costs each of them one attempt.
            if checkpointRests.count >= 4096 { checkpointRests = [:] }
            checkpointRests[user, default: Backoff(seconds: configuration.storageRestSeconds)]
                .failed()
        }
    }

    /// Compare and swap: tries again while other sessions of the user move the head.
    func retryingHead<Output>(
        of user: UserID, _ body: (UserRecord?) async throws -> Output
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

    static func state(of record: CheckpointRecord, isHead: Bool) -> CheckpointState {
        CheckpointState(
            id: record.id, name: record.name, note: record.note,
            isAutomatic: record.isAutomatic, parent: record.parent,
            superseded: record.superseded, revision: record.revision,
            tokensLearned: record.tokensLearned, created: record.created,
            bytes: record.byteCount, hash: record.hash, isHead: isHead)
    }
}

extension SessionRecord {
    /// The head from which its next checkpoint counts what was learned and dropped.
    var common: CheckpointID? { superseded ?? base }
}

/// A session and a head that came from one.
struct Branch: Sendable {
    /// The head that the session counts from.
    var common: Engram
    /// The user's present one.
    var head: Engram
    var branching: Branching
}

/// A checkpoint, before it is written.
struct Consolidation: Sendable {
    var blob: [UInt8]
    /// SHA-256 of `blob`, hexadecimal.
    var hash: String
    /// What the session goes on from, and what the probes measured of it.
    var audited: AuditedEngram

    var engram: Engram { audited.engram }
}
