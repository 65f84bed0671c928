import EngramStorage
import Engrams
import Logging
import OuterCortex

extension Scheduler {
    /// Asks an engram the constitution's probes, before it takes a session's place or becomes a
    /// checkpoint. To be called with the session's lease held; what passes goes into
    /// `SessionChange.audit`, a failure into the session's ledger in memory, which the next event
    /// makes durable.
    ///
    /// - Parameters:
    ///   - engram: exactly what would be kept.
    ///   - session: whose it would be; unchanged by a failure.
    /// - Returns: nil where the core is not sealed or its constitution has no probes.
    /// - Throws: `ServiceError.probeFailed` for the probe that fails most.
    /// - Complexity: One pass of readout over the probes' tokens on the cortex thread; none of the
    ///   frozen core while the layer site is off.
    func audit(
        _ engram: Engram, for occasion: AuditOccasion, of session: ResidentSession
    ) async throws -> ProbeAudit? {
        guard let worst = try await worstReading(of: engram, for: session.id) else { return nil }
        let audit = ProbeAudit(
            occasion: occasion, revision: session.revision,
            tokensLearned: session.engram.tokensLearned, probes: auditor.probes.count, worst: worst)
        guard audit.passed else {
            note(audit, of: session)
            throw ServiceError.probeFailed(worst)
        }
        return audit
    }

    /// Asks an engram the probes: of the one nearest to its bound, or farthest beyond it.
    /// - Returns: nil where there are none.
    func worstReading(of engram: Engram, for id: SessionID) async throws -> ProbeReading? {
        guard !auditor.isEmpty else { return nil }
        let readings = try await thread.run(for: id) { [auditor] in
            let task = auditor.startAudit(of: engram)
            return CortexWork { task.advance() ? .done(task.result) : .more(.bulk) }
        }
        // A figure that is not a number is the worst of all, though it compares with none.
        let worst = readings.first { $0.slack.isNaN } ?? readings.min { $0.slack < $1.slack }
        counts.safety.audits += 1
        if worst?.passes == false { counts.safety.failedAudits += 1 }
        return worst
    }

    /// Whether the session's next automatic checkpoint should wait: it failed lately, and has
    /// learned too little since to expect another outcome.
    func isAuditHopeless(_ session: ResidentSession, every limit: Int) -> Bool {
        guard let last = (residency.use(session.id) ?? session).ledger.audit, !last.passed,
            last.occasion == .checkpoint
        else { return false }
        return session.engram.tokensLearned - last.tokensLearned < limit / 8
    }

    private func note(_ audit: ProbeAudit, of session: ResidentSession) {
        var present = residency.use(session.id) ?? session
        present.ledger.audit = audit
        residency.update(present)
    }
}
