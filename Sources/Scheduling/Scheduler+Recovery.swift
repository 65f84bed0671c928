import EngramStorage
import Engrams
import Foundation
import Logging
import OuterCortex

// From the store into memory, and back.

extension Scheduler {
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
                of: id, from: .head, learn: nil, moment: now())
            return ResidentSession(
                record: record, engram: engram, ledger: ledger(of: record), snapshotSequence: 0,
                tokensSinceSnapshot: 0, byteCount: Self.memory(of: engram.summary))
        }
    }

    /// The session, loaded when it is not in memory.
    /// - Throws: `.sessionNotFound` when it is not there.
    private func loaded(_ id: SessionID) async throws -> ResidentSession {
        if let session = residency.use(id) { return session }
        if let load = loads[id] { return try await load.task.value }
        // A task of its own: the first to ask may be cancelled while others wait for the same.
        let number = newNumber()
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

    /// Makes a session's new state the one that others see.
    func publish(_ session: ResidentSession) {
        loads[session.id] = nil
        keep(session)
    }

    func forget(_ id: SessionID) {
        loads[id] = nil
        residency.remove(id)
    }

    private func keep(_ session: ResidentSession) {
        for dropped in residency.keep(session) where dropped.isSnapshotDue && !rest.isWaiting() {
            // Counts as a request: a user may be deleted meanwhile, or the store closed.
            guard (try? begin()) != nil else { continue }
            Task {
                await keepSnapshot(of: dropped)
                end()
            }
        }
    }

    /// Keeps a working state in the store, to make the next load fast. A failure loses nothing.
    func keepSnapshot(of session: ResidentSession) async {
        do {
            let blob = try await atDesk(for: session.id.user) {
                try session.engram.serialized(as: .workingState)
            }
            guard !hasLeft(session.id.user) else { return }
            try await store.keep(
                SnapshotRecord(sequence: session.record.sequence, engram: blob), of: session.id)
        } catch {
            rest.failed()
            logger.warning(
                "A session's working state was not kept.", metadata: ["error": "\(error)"])
        }
    }

    /// The session's record, as `present` has it.
    func record(of id: SessionID) async throws -> SessionRecord {
        if let session = residency.use(id) { return session.record }
        if let record = try await store.session(id) { return record }
        return try await present(id).record
    }

    func create(_ id: SessionID, from target: ResetTarget, learn: LearnMode?) async throws
        -> SessionRecord
    {
        // What it starts from must not change between being read and being written.
        try await lease(.user(id.user))
        defer { leases.release(.user(id.user)) }
        guard !hasLeft(id.user) else { throw ServiceError.userNotFound(id.user) }
        try await requireRoom(for: id)
        let (record, engram) = try await beginning(
            of: id, from: target, learn: learn, moment: try await moment(for: id.user))
        let blob = try await atDesk(for: id.user) { try engram.serialized(as: .workingState) }
        try await store.createSession(record, engram: blob)
        return record
    }

    /// A session as it is before its first event.
    private func beginning(
        of id: SessionID, from target: ResetTarget, learn: LearnMode?, moment: Double
    ) async throws -> (record: SessionRecord, engram: Engram) {
        let base = Self.checkpoint(for: target, head: try await store.user(id.user)?.head)
        let engram = try await engram(standingOn: base, of: id.user)
        let record = SessionRecord(
            id: id, base: base, origin: base, learn: learn?.rawValue ?? "",
            tokensLearned: engram.tokensLearned,
            summary: try await summary(of: engram, for: id.user),
            created: moment, updated: moment)
        return (record, engram)
    }

    /// A bound on what one user can put into the store by names alone.
    private func requireRoom(for id: SessionID) async throws {
        let quota = RequestContext.current.key?.quota[.sessions] ?? .max
        let limit = min(quota, configuration.sessionsPerUserMaximum)
        let there = try await store.sessions(of: id.user, after: nil, limit: limit)
        // A name that is taken is refused as that.
        guard there.count < limit || there.contains(where: { $0.id == id }) else {
            throw ServiceError.sessionQuota(limit: limit)
        }
    }

    /// The checkpoint that a target means; nil: the frozen core.
    static func checkpoint(for target: ResetTarget, head: CheckpointID?) -> CheckpointID? {
        switch target {
        case .head: head
        case .frozen: nil
        case .checkpoint(let id): id
        }
    }

    /// The working state of a session that goes on from a checkpoint: its engram, naming it.
    func engram(standingOn checkpoint: CheckpointID?, of user: UserID) async throws -> Engram {
        guard let checkpoint else { return cortex.emptyEngram() }
        guard let blob = try await store.engram(of: checkpoint, of: user) else {
            throw ServiceError.checkpointNotFound(checkpoint)
        }
        return try await atDesk(for: user) { [cortex] in
            try Self.engram(checkpoint: blob, named: checkpoint, on: cortex)
        }
    }

    static func engram(checkpoint blob: [UInt8], named id: CheckpointID, on cortex: Cortex) throws
        -> Engram
    {
        var engram = try Self.engram(stored: blob, name: "Checkpoint \(id)", on: cortex)
        engram.parent = id
        return engram
    }

    /// A stored engram, if it belongs to this cortex.
    /// - Parameter name: what errors call it.
    static func engram(stored blob: [UInt8], name: String, on cortex: Cortex) throws -> Engram {
        try cortex.admit(Engram(serialized: blob, name: name))
    }

    func summary(of engram: Engram, for user: UserID) async throws -> [UInt8] {
        try await atDesk(for: user) { Array(try JSONEncoder().encode(engram.summary)) }
    }

    /// The stored working state, and the journal's events since then done again.
    private func load(_ id: SessionID) async throws -> ResidentSession {
        // As of one moment: an event may be forgotten while this reads.
        guard let stored = try await store.stored(id) else {
            throw ServiceError.sessionNotFound(id)
        }
        let record = stored.record
        var engram: Engram
        if let snapshot = stored.snapshot {
            engram = try await atDesk(for: id.user) { [cortex] in
                try Self.engram(stored: snapshot.engram, name: "The session \(id)", on: cortex)
            }
        } else {
            engram = try await self.engram(standingOn: record.origin, of: id.user)
        }
        var replayedTokens = 0
        for event in stored.events {
            let present = engram
            engram = try await replay(event) { point in
                point == .state(id.name, event.sequence - 1)
                    ? present : try await self.engram(at: point, of: id.user)
            }.engram
            replayedTokens += event.tokens.count
        }
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

    /// A checkpoint's 3 bytes a synapse and 10 a context take about five times that in tables.
    static func memory(of summary: EngramSummary) -> Int { 4096 + 5 * summary.bytes }
}
