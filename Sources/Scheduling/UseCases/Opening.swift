import EngramStorage
import Engrams
import Foundation
import OuterCortex

/// Sessions as such: making one, looking at it, starting over, and giving it up.
struct Opening {
    let store: any EngramStore
    let engine: Engine
    let archive: Archive
    let host: SessionHost
    let journal: Journal
}

@SchedulerActor
extension Opening {
    func create(_ id: SessionID, _ request: CreateSession) async throws -> SessionState {
        try SessionState(await host.create(id, from: request.from, learn: request.learn))
    }

    /// Sessions in the order of user and name. `page.after` is the last id of the page before.
    nonisolated func sessions(of user: UserID?, page: Page) async throws -> Listing<SessionState> {
        let limit = try page.checkedLimit()
        var after: SessionID?
        if let text = page.after {
            after = SessionID(text)
            guard after != nil else {
                throw ServiceError.invalidParameter(name: "after", reason: "no session's id")
            }
        }
        let records = try await store.sessions(of: user, after: after, limit: limit + 1)
        return Listing(
            items: try records.prefix(limit).map { try SessionState($0) },
            hasMore: records.count > limit)
    }

    func session(_ id: SessionID) async throws -> SessionState {
        try SessionState(await host.record(of: id))
    }

    /// How the session stands against its bounds; reads its ledger, not its engram.
    func safety(_ id: SessionID) async throws -> SafetyReport {
        let record = try await host.record(of: id)
        let ledger = host.inMemory(id)?.ledger ?? host.ledger(of: record)
        let state = try SessionState(record)
        return SafetyReport(
            session: id, revision: state.revision,
            since: Revision(rawValue: UInt64(max(0, ledger.start))), engram: state.engram,
            zone: engine.cortex.zone, divergence: ledger.divergence,
            certificate: ledger.certificate, monitors: ledger.answers.monitor.readings,
            lastAudit: ledger.audit)
    }

    /// Forgets the session with its delta and journal; the user's checkpoints stay.
    func discard(_ id: SessionID, ifMatch: Revision?) async throws {
        if let ifMatch {
            guard let record = try await store.session(id) else {
                throw ServiceError.sessionNotFound(id)
            }
            guard record.revision == ifMatch else {
                throw ServiceError.revisionConflict(expected: ifMatch, found: record.revision)
            }
        }
        try await store.discardSession(id)
        host.drop(id)
        host.answers.forget(id)
    }

    /// Drops the session's delta, or goes further back. The user's head stays where it is until the
    /// session's next checkpoint, which then replaces what the head is now: what the session was
    /// reset away from does not come back with it. What other sessions add to the head meanwhile
    /// stays.
    func reset(_ id: SessionID, to target: ResetTarget, ifMatch: Revision?) async throws
        -> SessionState
    {
        let session = try await host.replaceable(id)
        try session.requireMatch(ifMatch)
        return try await journal.retryingHead(of: id.user) { user in
            let head = user?.head
            let base = target.checkpoint(head: head)
            var change = SessionChange(
                .reset(to: base, superseded: head == base ? nil : head),
                engram: try await archive.engram(standingOn: base, of: id.user), base: base)
            // It stays, or this has seen an older one.
            change.head = .init(from: head, to: head)
            return try SessionState(await journal.commit(change, to: session).record)
        }
    }
}

extension SessionState {
    init(_ record: SessionRecord) throws {
        self.init(
            id: record.id, revision: record.revision,
            base: record.base, superseded: record.superseded, tokensLearned: record.tokensLearned,
            events: record.sequence, learn: LearnMode(of: record), created: record.created,
            updated: record.updated,
            engram: try JSONDecoder().decode(EngramSummary.self, from: Data(record.summary)))
    }
}

extension Page {
    func checkedLimit() throws(ServiceError) -> Int {
        guard (1...1000).contains(limit) else {
            throw .invalidParameter(name: "limit", reason: "must be between 1 and 1000")
        }
        return limit
    }
}
