public import EngramStorage
public import Engrams
import Foundation
public import Logging
public import OuterCortex

/// Serves the personal models of many users from one cortex and one store.
///
/// A request goes one way: the gate lets it in and says when it is its turn (`Gate`), its use case
/// takes the session from the host (`SessionHost`), has the engine compute on it (`Engine`) and the
/// journal write what came of it (`Journal`); what has to be done again comes from the archive
/// (`Archive`).
///
/// - Who writes a session holds its lease; writers stand in line in the order they came. Who only
///   reads (scores, or completes without learning) works on the engram as it was when they came,
///   beside a writer if need be.
/// - Learning goes: a draft on the cortex thread, judged by `Engram.commit`, written to the
///   journal, and only then seen by others. A failure on the way leaves everything as it was.
/// - A session that is not in memory is its last stored working state and the journal's events
///   since, done again: the same events give the same bytes.
/// - A session's revision is the number of its last event.
public final class Scheduler: PersonalModels {
    let store: any EngramStore
    let engine: Engine
    let gate: Gate
    let archive: Archive
    let host: SessionHost
    let journal: Journal
    let checkpointing: Checkpointing

    public var model: ModelDescription { engine.model }
    /// The core's hashes and constitution.
    public var seal: CoreSeal { engine.cortex.seal }

    /// - Parameters:
    ///   - store: this scheduler must be its only user.
    ///   - now: seconds since 1970, the system's clock when nil; only for records, never in an
    ///     engram. It may be set back (`RecordClock`).
    public init(
        cortex: Cortex, store: any EngramStore,
        configuration: SchedulerConfiguration = .init(),
        logger: Logger = Logger(label: "hebb.scheduler"),
        now: (@Sendable () -> Double)? = nil
    ) {
        self.store = store
        let now = now ?? { Date().timeIntervalSince1970 }
        engine = Engine(cortex: cortex, configuration: configuration, now: now)
        gate = Gate(capacity: configuration.queueCapacity)
        archive = Archive(store: store, engine: engine)
        let clock = RecordClock(store: store, now: now)
        host = SessionHost(
            store: store, engine: engine, archive: archive, gate: gate, clock: clock,
            logger: logger)
        journal = Journal(store: store, engine: engine, host: host, clock: clock)
        checkpointing = Checkpointing(
            store: store, engine: engine, archive: archive, host: host, journal: journal,
            logger: logger)
    }

    public func health() async -> Health { await gate.isDraining ? .draining : .ready }

    public func statistics() async -> Statistics {
        var statistics = await host.adding(to: engine.statistics)
        statistics.queueDepth = await gate.depth
        statistics.queueCapacity = engine.configuration.queueCapacity
        statistics.sessions = (try? await store.sessionCount()) ?? 0
        return statistics
    }

    /// Refuses new requests, lets those that run or wait finish, keeps every working state, and
    /// closes the store. Nothing depends on it being called: the journal has everything already.
    public func shutdown() async {
        await gate.drain()
        await host.keepSnapshots()
        engine.thread.stop()
        await store.close()
    }

    // MARK: - Sessions

    private var sessions: Opening {
        Opening(store: store, engine: engine, archive: archive, host: host, journal: journal)
    }

    public func createSession(_ request: CreateSession) async throws -> SessionState {
        let name = request.name ?? SessionName(rawValue: "s-" + randomName())!
        let id = SessionID(user: request.user, name: name)
        return try await gate.serveQueued(for: id) { [sessions] in
            try await sessions.create(id, request)
        }
    }

    public func sessions(of user: UserID?, page: Page) async throws -> Listing<SessionState> {
        let user = try RequestContext.current.scope(of: user)
        return try await gate.serve(for: nil) { [sessions] in
            try await sessions.sessions(of: user, page: page)
        }
    }

    public func session(_ id: SessionID) async throws -> SessionState {
        try await gate.serve(for: id) { [sessions] in try await sessions.session(id) }
    }

    public func safety(_ id: SessionID) async throws -> SafetyReport {
        try await gate.serve(for: id) { [sessions] in try await sessions.safety(id) }
    }

    public func discard(_ id: SessionID, ifMatch: Revision?) async throws {
        try await gate.serveWriter(of: id) { [sessions] in
            try await sessions.discard(id, ifMatch: ifMatch)
        }
    }

    public func reset(_ id: SessionID, to target: ResetTarget, ifMatch: Revision?) async throws
        -> SessionState
    {
        try await gate.serveWriter(of: id) { [sessions] in
            try await sessions.reset(id, to: target, ifMatch: ifMatch)
        }
    }

    public func deleteUser(_ user: UserID) async throws -> DepartureReceipt {
        let visitor = SessionID(user: user, name: .default)
        let departing = Departing(
            store: store, engine: engine, gate: gate, host: host, checkpoints: checkpointing)
        return try await gate.serveQueued(for: visitor) {
            try await departing.delete(user, as: visitor)
        }
    }

    // MARK: - Learning, measuring, answering

    public func observe(_ id: SessionID, _ request: ObserveRequest) async throws -> ObserveResult {
        let observing = Observing(
            engine: engine, host: host, journal: journal, checkpoints: checkpointing)
        return try await gate.serveWriter(of: id) { try await observing.observe(id, request) }
    }

    public func score(_ id: SessionID, _ request: ScoreRequest) async throws -> ScoreResult {
        let measuring = Measuring(engine: engine, host: host)
        return try await gate.serveQueued(for: id) { try await measuring.score(id, request) }
    }

    public func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
    {
        let completing = Completing(
            gate: gate, engine: engine, archive: archive, host: host, journal: journal,
            checkpoints: checkpointing)
        return try await gate.numbered { try await completing.complete(id, request) }
    }

    public func feedback(_ id: SessionID, _ request: FeedbackRequest) async throws
        -> FeedbackResult
    {
        let judging = Judging(
            engine: engine, host: host, journal: journal, checkpoints: checkpointing)
        return try await gate.serveWriter(of: id) { try await judging.feedback(id, request) }
    }

    // MARK: - What is known

    private var explaining: Explaining {
        Explaining(store: store, engine: engine, archive: archive, host: host)
    }

    public func features(_ id: SessionID, top: Int) async throws -> FeatureReport {
        try await gate.serveQueued(for: id) { [explaining] in
            try await explaining.features(id, top: top)
        }
    }

    public func diff(_ id: SessionID, from: DiffSide, to: DiffSide, top: Int) async throws
        -> CheckpointDiff
    {
        try await gate.serveQueued(for: id) { [explaining] in
            try await explaining.diff(id, from: from, to: to, top: top)
        }
    }

    // MARK: - The journal

    private var listing: EventListing { EventListing(store: store, engine: engine, host: host) }

    public func events(_ id: SessionID, page: Page, text: Bool) async throws
        -> Listing<EventState>
    {
        try await gate.serveQueued(for: id) { [listing] in
            try await listing.events(id, page: page, text: text)
        }
    }

    public func event(_ id: SessionID, event: EventID) async throws -> EventState {
        try await gate.serveQueued(for: id) { [listing] in
            try await listing.event(id, event: event)
        }
    }

    public func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws
        -> ForgetReceipt
    {
        let forgetting = Forgetting(
            store: store, engine: engine, archive: archive, gate: gate, host: host,
            journal: journal)
        return try await gate.serveQueued(for: id) {
            try await forgetting.forget(id, event: event, ifMatch: ifMatch)
        }
    }
}
