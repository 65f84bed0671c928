public import Engrams

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
