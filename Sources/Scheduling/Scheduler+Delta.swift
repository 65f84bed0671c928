import EngramStorage
public import Engrams
import OuterCortex

extension Scheduler {
    /// - `session`: what the session learned beyond the checkpoint it stands on; `user`: the user's
    ///   head; `total`: all that acts on this session.
    public func exportDelta(
        _ id: SessionID, scope: DeltaScope, without left: Set<PlasticSite> = []
    ) async throws -> ExportedDelta {
        try await serveQueued(for: id) {
            let (engram, revision) = try await exported(id, scope)
            let given = engram.without(left)
            let file = try await atDesk(for: id.user) { try given.serialized(as: .checkpoint) }
            return ExportedDelta(
                file: file, revision: revision, hash: ContentDigest.of(file),
                ownersWords: given.ownersWords)
        }
    }

    private func exported(
        _ id: SessionID, _ scope: DeltaScope
    ) async throws -> (Engram, Revision) {
        if scope == .user {
            return (try await head(of: id.user), try await record(of: id).revision)
        }
        let session = try await present(id)
        return (try await engram(of: session, scope: scope), session.revision)
    }

    /// What a scope means at this moment, as an engram.
    func engram(of session: ResidentSession, scope: DeltaScope) async throws -> Engram {
        switch scope {
        case .total: return session.engram
        case .session:
            let base = try await engram(standingOn: session.record.base, of: session.id.user)
            let total = session.engram
            return try await atDesk(for: session.id.user) { [cortex] in
                total.difference(from: base, within: cortex.zone)
            }
        case .user:
            let head = try await store.user(session.id.user)?.head
            return try await engram(standingOn: head, of: session.id.user)
        }
    }

    /// The user's engram as it is stored, so that its file is the one whose hash is in the list; it
    /// is the owner's also where this server's core is another than it was learned on.
    private func head(of user: UserID) async throws -> Engram {
        guard let head = try await store.user(user)?.head,
            let file = try await store.engram(of: head, of: user)
        else { return cortex.emptyEngram() }
        return try await atDesk(for: user) {
            try Engram(serialized: file, name: "Checkpoint \(head)")
        }
    }

    /// Replaces the session's total by an engram or a PEFT adapter that its owner brought, or
    /// changes nothing and says why: neither of them, another core, values not finite or outside
    /// the safe zone, or a probe of the constitution that it fails.
    public func importDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> SessionState
    {
        try await serveWriter(of: id) {
            let session = try await replaceable(id)
            try requireMatch(ifMatch, session.revision)
            let engram = try await atDesk(for: id.user) {
                [cortex, spared = configuration.journal.spared] in
                try cortex.engram(uploaded: file, name: "The uploaded file").without(spared)
            }
            return try await takeIn(engram, to: session)
        }
    }

    /// Puts an engram from elsewhere in a session's place, once it has passed the audit.
    func takeIn(_ engram: Engram, to session: ResidentSession) async throws -> SessionState {
        let audited = try await audited(engram, for: session.id)
        let audit = try audit(audited, for: .import, of: session)
        var change = SessionChange(.import, engram: engram, base: session.record.base)
        // Our own writing of it: a stranger's file may carry more than an engram.
        change.importedFile = try await atDesk(for: session.id.user) {
            try engram.serialized(as: .workingState)
        }
        change.audit = audit
        return try state(of: try await commit(change, to: session).record)
    }
}
