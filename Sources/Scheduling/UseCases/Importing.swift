import EngramStorage
import Engrams
import OuterCortex

/// Puts an engram that its owner brings in a session's place.
struct Importing {
    let engine: Engine
    let archive: Archive
    let host: SessionHost
    let journal: Journal
}

@SchedulerActor
extension Importing {
    /// Replaces the session's total by an engram or a PEFT adapter that its owner brought, or
    /// changes nothing and says why: neither of them, another core, values not finite or outside
    /// the safe zone, or a probe of the constitution that it fails.
    func upload(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws -> SessionState {
        let session = try await host.replaceable(id)
        try session.requireMatch(ifMatch)
        let engram = try await engine.offload(for: id.user) {
            [cortex = engine.cortex, spared = engine.configuration.journal.spared] in
            try cortex.engram(uploaded: file, name: "The uploaded file").without(spared)
        }
        return try await takeIn(engram, to: session)
    }

    /// Loads an engram of another core, SAE, rule or constitution of the same shape, as far as it
    /// can mean something here, and measures what is left of it. One that was learned here is
    /// loaded as it is.
    func transfer(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws -> TransferResult
    {
        let session = try await host.replaceable(id)
        try session.requireMatch(ifMatch)
        let (engram, report) = try await engine.offload(for: id.user) {
            [cortex = engine.cortex, spared = engine.configuration.journal.spared] in
            let given = try Engram(serialized: file, name: "The uploaded file").without(spared)
            return try cortex.transfer(given)
        }
        let texts = try await archive.ownTexts(of: id)
        let measured = try await engine.measure(engram, on: texts, for: id)
        return TransferResult(
            session: try await takeIn(engram, to: session), report: report, measured: measured)
    }

    /// Puts an engram from elsewhere in a session's place, once it has passed the audit.
    private func takeIn(_ engram: Engram, to session: ResidentSession) async throws -> SessionState
    {
        let audited = try await engine.audited(engram, for: session.id)
        let audit = try host.judge(audited, for: .import, of: session)
        // Our own writing of it: a stranger's file may carry more than an engram.
        let file = try await engine.offload(for: session.id.user) {
            try engram.serialized(as: .workingState)
        }
        var change = SessionChange(
            .import(file: file), engram: engram, base: session.record.base)
        change.audit = audit
        return try SessionState(await journal.commit(change, to: session).record)
    }
}
