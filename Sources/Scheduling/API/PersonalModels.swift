public import Engrams

/// What a server needs of the personal models it serves: sessions, learning, scoring, generation
/// and the life cycle of engrams. `Scheduler` is the implementation; a server's tests bring a fake.
///
/// Every method throws `ServiceError` alone for failures a client can understand. A call that
/// learns returns only when what it learned is durable.
public protocol PersonalModels: Sendable {
    var model: ModelDescription { get }
    /// The core's hashes, and the constitution that it is served under.
    var seal: CoreSeal { get }
    func health() async -> Health
    func statistics() async -> Statistics

    func createSession(_ request: CreateSession) async throws -> SessionState
    func sessions(of user: UserID?, page: Page) async throws -> Listing<SessionState>
    /// The session; `default` is made by the first request that changes it, and is until then read
    /// as it would be made. Another one that is not there: `.sessionNotFound`. No read writes.
    func session(_ id: SessionID) async throws -> SessionState
    func discard(_ id: SessionID, ifMatch: Revision?) async throws
    /// Deletes a user with everything that there is of them, off the disk too.
    func deleteUser(_ user: UserID) async throws -> DepartureReceipt
    /// What the session's personal model has learned, as people can read it.
    func features(_ id: SessionID, top: Int) async throws -> FeatureReport
    /// How the session's personal model stands against its bounds.
    func safety(_ id: SessionID) async throws -> SafetyReport

    func observe(_ id: SessionID, _ request: ObserveRequest) async throws -> ObserveResult
    func score(_ id: SessionID, _ request: ScoreRequest) async throws -> ScoreResult
    /// Learns from verdicts on answers of `complete`, as the ids that they were asked for with.
    func feedback(_ id: SessionID, _ request: FeedbackRequest) async throws -> FeedbackResult
    func reset(_ id: SessionID, to: ResetTarget, ifMatch: Revision?) async throws -> SessionState

    func checkpoint(_ id: SessionID, name: String?, note: String?, ifMatch: Revision?)
        async throws -> CheckpointState
    func checkpoint(_ checkpoint: CheckpointID, of id: SessionID) async throws -> CheckpointState
    /// Writes a name or a note on a checkpoint; nil leaves one as it is, an empty text removes it.
    func describeCheckpoint(
        _ id: SessionID, checkpoint: CheckpointID, name: String?, note: String?
    ) async throws -> CheckpointState
    func diff(_ id: SessionID, from: DiffSide, to: DiffSide, top: Int) async throws
        -> CheckpointDiff
    func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState>
    func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?) async throws
        -> SessionState
    func deleteCheckpoint(_ id: SessionID, checkpoint: CheckpointID) async throws

    /// - Parameter without: sites that are left out.
    func exportDelta(_ id: SessionID, scope: DeltaScope, without: Set<PlasticSite>) async throws
        -> ExportedDelta
    /// An export of 8 bits a weight, with what it lost.
    func exportRounded(_ id: SessionID, scope: DeltaScope, without: Set<PlasticSite>) async throws
        -> ExportedDelta
    /// What other programs can run of an engram (`AdapterRequest.swift`).
    func exportAdapter(_ id: SessionID, _ request: AdapterRequest) async throws -> ExportedAdapter
    func importDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> SessionState

    /// `importDelta` for an engram of another core of the same shape, measured here.
    func transferDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> TransferResult
    /// Puts a scaled sum of the user's engrams in the session's place, or adds it.
    func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult

    /// What the session learned from, in order. `page.after` is an event's id.
    /// - Parameter text: whether with the whole text of each, or only with its beginning.
    func events(_ id: SessionID, page: Page, text: Bool) async throws -> Listing<EventState>
    /// One event with its text.
    func event(_ id: SessionID, event: EventID) async throws -> EventState
    /// Makes the user's history what it would be had the event never come. Repeated, it gives the
    /// same receipt.
    func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws
        -> ForgetReceipt

    /// Generates; the stream ends with `.finished`. Ending the iteration early (a client that hangs
    /// up) cancels the generation, and nothing is learned from it.
    func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
}
