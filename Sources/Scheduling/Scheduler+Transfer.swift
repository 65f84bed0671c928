import EngramStorage
public import Engrams
import OuterCortex

/// What came of an engram that was loaded on another cortex than it was learned on.
public struct TransferResult: Sendable {
    public var session: SessionState
    public var report: TransferReport
    /// On the newest text that the session learned from before; nil when it has none.
    public var measured: TextMeasurement?
    public init(
        session: SessionState, report: TransferReport, measured: TextMeasurement?
    ) {
        self.session = session
        self.report = report
        self.measured = measured
    }
}

extension Scheduler {
    /// Loads an engram of another core, SAE, rule or constitution of the same shape, as far as it
    /// can mean something here, and measures what is left of it. One that was learned here is
    /// loaded as it is.
    public func transferDelta(
        _ id: SessionID, file: [UInt8], ifMatch: Revision?
    ) async throws -> TransferResult {
        try await serveWriter(of: id) {
            let session = try await replaceable(id)
            try requireMatch(ifMatch, session.revision)
            let (engram, report) = try await atDesk(for: id.user) {
                [cortex, spared = configuration.journal.spared] in
                let given = try Engram(serialized: file, name: "The uploaded file")
                    .without(spared)
                return try cortex.transfer(given)
            }
            let texts = try await ownTexts(of: id, limit: Self.measuredTokensMaximum)
            let measured = try await measure(engram, on: texts, for: id)
            return TransferResult(
                session: try await takeIn(engram, to: session), report: report,
                measured: measured)
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
                record: record, engram: cortex.emptyEngram(), ledger: ledger(of: record),
                // What is stored cannot be recovered from: the next change stores its outcome.
                snapshotSequence: record.sequence - configuration.snapshotEvents,
                tokensSinceSnapshot: 0, byteCount: 0)
        }
    }
}
