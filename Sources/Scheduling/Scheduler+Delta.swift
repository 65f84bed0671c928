import EngramStorage
public import Engrams
import OuterCortex

extension Scheduler {
    /// - `session`: what the session learned beyond the checkpoint it stands on; `user`: the user's
    ///   head; `total`: all that acts on this session.
    public func exportDelta(_ id: SessionID, scope: DeltaScope) async throws -> ExportedDelta {
        try await serveQueued(for: id) {
            if scope == .user { return try await exportHead(for: id) }
            let session = try await present(id)
            let engram = try await engram(of: session, scope: scope)
            let file = try await atDesk(for: id.user) { try engram.serialized(as: .checkpoint) }
            return ExportedDelta(
                file: file, revision: session.revision, hash: ContentDigest.of(file))
        }
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

    /// The head's own bytes, so that their hash is the one in the list; they are the owner's also
    /// where this server's core is another than they were learned on.
    private func exportHead(for id: SessionID) async throws -> ExportedDelta {
        let revision = try await record(of: id).revision
        var file: [UInt8]?
        if let head = try await store.user(id.user)?.head {
            file = try await store.engram(of: head, of: id.user)
        }
        let bytes = try await atDesk(for: id.user) { [cortex, file] in
            try file ?? cortex.emptyEngram().serialized(as: .checkpoint)
        }
        return ExportedDelta(file: bytes, revision: revision, hash: ContentDigest.of(bytes))
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
            let (engram, blob) = try await atDesk(for: id.user) { [cortex] in
                let engram = try cortex.engram(uploaded: file, name: "The uploaded file")
                // Our own writing of it: a stranger's file may carry more than an engram.
                return (engram, try engram.serialized(as: .workingState))
            }
            return try await takeIn(engram, file: blob, to: session)
        }
    }

    /// Puts an engram from elsewhere in a session's place, once it has passed the audit.
    /// - Parameter file: our own writing of it, for the journal.
    func takeIn(
        _ engram: Engram, file: [UInt8], to session: ResidentSession
    ) async throws -> SessionState {
        let audit = try await audit(engram, for: .import, of: session)
        var change = SessionChange(.import, engram: engram, base: session.record.base)
        change.importedFile = file
        change.audit = audit
        return try state(of: try await commit(change, to: session).record)
    }
}
