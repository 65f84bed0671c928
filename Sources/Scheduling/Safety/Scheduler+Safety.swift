import EngramStorage
public import Engrams
import Foundation
import Logging
import OuterCortex

extension Scheduler {
    /// How the session stands against its bounds; reads its ledger, not its engram.
    public func safety(_ id: SessionID) async throws -> SafetyReport {
        try await serve(for: id) {
            let record = try await record(of: id)
            let ledger = residency.use(id)?.ledger ?? ledger(of: record)
            let state = try state(of: record)
            return SafetyReport(
                session: id, revision: state.revision,
                since: Revision(rawValue: UInt64(max(0, ledger.start))), engram: state.engram,
                zone: cortex.zone, divergence: ledger.divergence, certificate: ledger.certificate,
                monitors: ledger.answers.monitor.readings, lastAudit: ledger.audit)
        }
    }

    /// The ledger of a stored session. One that cannot be read starts anew from here: it is a
    /// record of measurements, and no reason to refuse a session.
    func ledger(of record: SessionRecord) -> SafetyLedger {
        if let ledger = SafetyLedger(encoded: record.ledger) { return ledger }
        if !record.ledger.isEmpty {
            logger.warning("A session's safety ledger could not be read, and starts anew.")
        }
        return SafetyLedger(zone: cortex.zone, start: record.sequence)
    }

    /// The session's ledger with a lesson in it. The certificate takes a fraction of a microsecond a
    /// token, so a long text is worked through at the desk.
    func ledger(of session: ResidentSession, after lesson: Lesson) async throws -> SafetyLedger {
        try await atDesk(for: session.id.user, .ofText(bytes: lesson.bytes)) {
            [ledger = session.ledger] in
            var ledger = ledger
            ledger.add(lesson)
            return ledger
        }
    }

    /// Takes note of how answers went, in memory.
    ///
    /// - Parameter session: as it was when they were asked for.
    /// - Returns: The session's monitors after them.
    func note(_ vitals: [GenerationVitals], of session: ResidentSession) -> CollapseMonitor {
        var present = residency.use(session.id) ?? session
        // Answers of an engram that a reset has replaced meanwhile say nothing of the new one.
        guard present.ledger.start == session.ledger.start, !hasLeft(session.id.user) else {
            return present.ledger.answers.monitor
        }
        for answer in vitals { present.ledger.answers.add(answer) }
        residency.update(present)
        return present.ledger.answers.monitor
    }

    func safetyStatistics() -> SafetyStatistics {
        var statistics = counts.safety
        for session in residency.sessions {
            for monitor in session.ledger.answers.monitor.firing {
                statistics.firingSessions[monitor, default: 0] += 1
            }
            let certificate = session.ledger.certificate
            if certificate.certifiedGain > 0 { statistics.certifiedSessions += 1 }
            if certificate.helps { statistics.helpedSessions += 1 }
        }
        return statistics
    }
}
