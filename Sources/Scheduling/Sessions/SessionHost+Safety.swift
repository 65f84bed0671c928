import EngramStorage
import Engrams
import Logging
import OuterCortex

// What is known of how sessions' models do, between the events that make it durable.

extension SessionHost {
    /// The ledger of a stored session. One that cannot be read starts anew from here: it is a
    /// record of measurements, and no reason to refuse a session.
    func ledger(of record: SessionRecord) -> SafetyLedger {
        if let ledger = SafetyLedger(encoded: record.ledger) { return ledger }
        if !record.ledger.isEmpty {
            logger.warning("A session's safety ledger could not be read, and starts anew.")
        }
        return SafetyLedger(zone: engine.cortex.zone, start: record.sequence)
    }

    /// Takes note of how answers went, in memory.
    ///
    /// - Parameter session: as it was when they were asked for.
    /// - Returns: The session's monitors after them.
    func note(_ vitals: [GenerationVitals], of session: ResidentSession) -> CollapseMonitor {
        var present = newest(of: session)
        // Answers of an engram that a reset has replaced meanwhile say nothing of the new one.
        guard present.ledger.start == session.ledger.start, !hasLeft(session.id.user) else {
            return present.ledger.answers.monitor
        }
        for answer in vitals { present.ledger.answers.add(answer) }
        update(present)
        return present.ledger.answers.monitor
    }

    /// Judges what was measured of an engram that is to take a session's place or to become a
    /// checkpoint. To be called with the session's lease held; what passes goes into
    /// `SessionChange.audit`, a failure into the session's ledger in memory, which the next event
    /// makes durable.
    ///
    /// - Parameters:
    ///   - audited: exactly what would be kept.
    ///   - session: whose it would be; unchanged by a failure.
    /// - Returns: nil where the core is not sealed or its constitution has no probes.
    /// - Throws: `ServiceError.probeFailed` for the probe that fails most.
    func judge(
        _ audited: AuditedEngram, for occasion: AuditOccasion, of session: ResidentSession
    ) throws(ServiceError) -> ProbeAudit? {
        guard let worst = audited.worst else { return nil }
        let audit = ProbeAudit(
            occasion: occasion, revision: session.revision,
            tokensLearned: session.engram.tokensLearned, probes: engine.auditor.probes.count,
            worst: worst, fit: audited.fit)
        guard audit.passed else {
            var present = newest(of: session)
            present.ledger.audit = audit
            update(present)
            throw .probeFailed(worst)
        }
        return audit
    }

    /// Whether the session's next automatic checkpoint should wait: it failed lately, and has
    /// learned too little since to expect another outcome.
    func isAuditHopeless(_ session: ResidentSession, every limit: Int) -> Bool {
        guard let last = newest(of: session).ledger.audit, !last.passed,
            last.occasion == .checkpoint
        else { return false }
        return session.engram.tokensLearned - last.tokensLearned < limit / 8
    }

    /// How much is in memory, and how it does: adds to what was counted.
    func adding(to counted: Statistics) -> Statistics {
        var statistics = counted
        statistics.residentEngrams = residency.count
        statistics.residentEngramBytes = residency.byteCount
        for session in residency.sessions {
            for monitor in session.ledger.answers.monitor.firing {
                statistics.safety.firingSessions[monitor, default: 0] += 1
            }
            let certificate = session.ledger.certificate
            if certificate.certifiedGain > 0 { statistics.safety.certifiedSessions += 1 }
            if certificate.helps { statistics.safety.helpedSessions += 1 }
        }
        return statistics
    }
}
