import EngramStorage
import Engrams
import Foundation
import Logging
import OuterCortex

/// Who has what of sessions in memory: their present states, and the answers they gave lately.
///
/// What is here is what the journal implies, never more: a state comes from the store, or from the
/// journal when it has been written (`publish`). The least recently used go first, and losing one
/// loses nothing.
@SchedulerActor
final class SessionHost {
    private let store: any EngramStore
    let engine: Engine
    let archive: Archive
    private let gate: Gate
    private let clock: RecordClock
    let logger: Logger
    private(set) var residency: EngramResidency
    private var loads: [SessionID: (number: Int, task: Task<ResidentSession, any Error>)] = [:]
    /// Answers that verdicts can name.
    var answers: CompletionMemory
    /// Of what is written to make later work less, and can wait while the disk is full.
    var rest: Backoff

    nonisolated init(
        store: any EngramStore, engine: Engine, archive: Archive, gate: Gate, clock: RecordClock,
        logger: Logger
    ) {
        self.store = store
        self.engine = engine
        self.archive = archive
        self.gate = gate
        self.clock = clock
        self.logger = logger
        let configuration = engine.configuration
        residency = EngramResidency(byteLimit: configuration.residentBytesMaximum)
        answers = CompletionMemory(
            completionLimit: configuration.completionsRememberedMaximum,
            tokenLimit: configuration.completionTokensRememberedMaximum)
        rest = Backoff(seconds: configuration.storageRestSeconds)
    }

    // MARK: - Looking one up

    /// The session, for one who changes it: made when it is somebody's `default` and not there yet.
    func resident(_ id: SessionID) async throws -> ResidentSession {
        do {
            return try await loaded(id)
        } catch ServiceError.sessionNotFound where id.name == .default {
            do {
                _ = try await create(id, from: .head, learn: nil)
            } catch StorageError.sessionExists {
                // Another request has been faster.
            }
            return try await loaded(id)
        }
    }

    /// The session, for one who only reads, which writes nothing: somebody's `default` that is not
    /// there yet is read as it would be made now, and is not made.
    func present(_ id: SessionID) async throws -> ResidentSession {
        do {
            return try await loaded(id)
        } catch ServiceError.sessionNotFound where id.name == .default {
            let (record, engram) = try await beginning(
                of: id, from: .head, learn: nil, time: engine.now())
            return ResidentSession(
                record: record, engram: engram, ledger: ledger(of: record), snapshotSequence: 0,
                tokensSinceSnapshot: 0, byteCount: Self.memory(of: engram.summary))
        }
    }

    /// The session for a change that puts another engram in its place: one whose own engram cannot
    /// be loaded, because it belongs to another core, SAE or rule or is none that may be used here,
    /// is still its owner's to replace.
    /// - Precondition: The caller's change does not depend on the session's engram.
    func replaceable(_ id: SessionID) async throws -> ResidentSession {
        do {
            return try await resident(id)
        } catch is EngramError {
            let record = try await record(of: id)
            return ResidentSession(
                record: record, engram: engine.cortex.emptyEngram(), ledger: ledger(of: record),
                // What is stored cannot be recovered from: the next change stores its outcome.
                snapshotSequence: record.sequence - engine.configuration.snapshotEvents,
                tokensSinceSnapshot: 0, byteCount: 0)
        }
    }

    /// The session's record, as `present` has it.
    func record(of id: SessionID) async throws -> SessionRecord {
        if let record = try await knownRecord(of: id) { return record }
        return try await present(id).record
    }

    /// Nil where there is no such session.
    func knownRecord(of id: SessionID) async throws -> SessionRecord? {
        if let session = residency.use(id) { return session.record }
        return try await store.session(id)
    }

    /// The session, loaded when it is not in memory.
    /// - Throws: `.sessionNotFound` when it is not there.
    private func loaded(_ id: SessionID) async throws -> ResidentSession {
        if let session = residency.use(id) { return session }
        if let load = loads[id] { return try await load.task.value }
        // A task of its own: the first to ask may be cancelled while others wait for the same.
        let number = gate.newNumber()
        let task = Task { try await load(id) }
        loads[id] = (number, task)
        do {
            let session = try await task.value
            // Unless a writer has been faster, or the session is gone.
            if loads[id]?.number == number {
                loads[id] = nil
                keep(session)
            }
            return session
        } catch {
            if loads[id]?.number == number { loads[id] = nil }
            throw error
        }
    }

    private func load(_ id: SessionID) async throws -> ResidentSession {
        // As of one moment: an event may be forgotten while this reads.
        guard let stored = try await store.stored(id) else {
            throw ServiceError.sessionNotFound(id)
        }
        let record = stored.record
        let (engram, replayedTokens) = try await archive.total(of: stored)
        if engram.tokensLearned != record.tokensLearned {
            logger.error(
                "A session's journal gave another engram than it gave before.",
                metadata: ["sequence": "\(record.sequence)"])
        }
        return ResidentSession(
            record: record, engram: engram, ledger: ledger(of: record),
            snapshotSequence: stored.snapshot?.sequence ?? 0, tokensSinceSnapshot: replayedTokens,
            byteCount: Self.memory(of: engram.summary))
    }

    // MARK: - Making one

    func create(_ id: SessionID, from target: ResetTarget, learn: LearnMode?) async throws
        -> SessionRecord
    {
        // What it starts from must not change between being read and being written.
        try await gate.holding(.user(id.user)) {
            guard !gate.hasLeft(id.user) else { throw ServiceError.userNotFound(id.user) }
            try await requireRoom(for: id)
            let (record, engram) = try await beginning(
                of: id, from: target, learn: learn, time: try await clock.next(for: id.user))
            let blob = try await engine.offload(for: id.user) {
                try engram.serialized(as: .workingState)
            }
            try await store.createSession(record, engram: blob)
            return record
        }
    }

    /// A session as it is before its first event.
    private func beginning(
        of id: SessionID, from target: ResetTarget, learn: LearnMode?, time: Double
    ) async throws -> (record: SessionRecord, engram: Engram) {
        let base = target.checkpoint(head: try await store.user(id.user)?.head)
        let engram = try await archive.engram(standingOn: base, of: id.user)
        let summary = try await engine.offload(for: id.user) {
            Array(try JSONEncoder().encode(engram.summary))
        }
        let record = SessionRecord(
            id: id, base: base, origin: base, learn: learn?.rawValue ?? "",
            tokensLearned: engram.tokensLearned, summary: summary, created: time, updated: time)
        return (record, engram)
    }

    /// A bound on what one user can put into the store by names alone.
    private func requireRoom(for id: SessionID) async throws {
        let quota = RequestContext.current.key?.quota[.sessions] ?? .max
        let limit = min(quota, engine.configuration.sessionsPerUserMaximum)
        let there = try await store.sessions(of: id.user, after: nil, limit: limit)
        // A name that is taken is refused as that.
        guard there.count < limit || there.contains(where: { $0.id == id }) else {
            throw ServiceError.sessionQuota(limit: limit)
        }
    }

    // MARK: - Keeping and dropping

    /// Makes a session's new state, which has been written, the one that others see.
    func publish(_ session: ResidentSession) {
        loads[session.id] = nil
        keep(session)
    }

    /// Replaces figures of a session that is in memory; nothing happens when it is not.
    /// - Precondition: its engram is the same.
    func update(_ session: ResidentSession) { residency.update(session) }

    func inMemory(_ id: SessionID) -> ResidentSession? { residency.use(id) }

    /// The session as it is in memory now, or else as it was.
    func newest(of session: ResidentSession) -> ResidentSession { inMemory(session.id) ?? session }

    /// Whether a user has been deleted since the present request came.
    func hasLeft(_ user: UserID) -> Bool { gate.hasLeft(user) }

    /// The next request loads the session anew.
    func drop(_ id: SessionID) {
        loads[id] = nil
        residency.remove(id)
    }

    /// Drops all that there is of a user.
    func forget(_ user: UserID) {
        let known = residency.sessions.map(\.id) + loads.keys
        for id in known where id.user == user { drop(id) }
        answers.forget(user)
        engine.thread.forget(user)
        clock.forget(user)
    }

    private func keep(_ session: ResidentSession) {
        for dropped in residency.keep(session) where dropped.isSnapshotDue && !rest.isWaiting() {
            // Counts as a request: a user may be deleted meanwhile, or the store closed.
            guard (try? gate.begin()) != nil else { continue }
            Task {
                await keepSnapshot(of: dropped)
                gate.end()
            }
        }
    }

    /// Keeps all working states that are newer than the store's.
    func keepSnapshots() async {
        for session in residency.sessions where session.isSnapshotDue {
            await keepSnapshot(of: session)
        }
    }

    /// Keeps a working state in the store, to make the next load fast. A failure loses nothing.
    private func keepSnapshot(of session: ResidentSession) async {
        do {
            let blob = try await engine.offload(for: session.id.user) {
                try session.engram.serialized(as: .workingState)
            }
            guard !gate.hasLeft(session.id.user) else { return }
            try await store.keep(
                SnapshotRecord(sequence: session.record.sequence, engram: blob), of: session.id)
        } catch {
            rest.failed()
            logger.warning(
                "A session's working state was not kept.", metadata: ["error": "\(error)"])
        }
    }

    /// A checkpoint's 3 bytes a synapse and 10 a context take about five times that in tables.
    nonisolated static func memory(of summary: EngramSummary) -> Int { 4096 + 5 * summary.bytes }
}

extension ResetTarget {
    /// The checkpoint that is meant; nil: the frozen core.
    func checkpoint(head: CheckpointID?) -> CheckpointID? {
        switch self {
        case .head: head
        case .frozen: nil
        case .checkpoint(let id): id
        }
    }
}
