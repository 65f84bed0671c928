public import EngramStorage
public import Engrams
import Foundation
import InnerCortex
import Kernels
public import Logging
import ModelFormats
public import OuterCortex

/// Serves the personal models of many users from one cortex and one store.
///
/// - Who writes a session holds its lease; writers stand in line in the order they came. Who only
///   reads (scores, or completes without learning) works on the engram as it was when they came,
///   beside a writer if need be.
/// - Learning goes: a draft on the cortex thread, judged by `Engram.commit`, written to the
///   journal, and only then seen by others. A failure on the way leaves everything as it was.
/// - A session that is not in memory is its last stored working state and the journal's events
///   since, done again: the same events give the same bytes.
/// - A session's revision is the number of its last event.
public actor Scheduler: PersonalModels {
    public nonisolated let model: ModelDescription

    /// The core's hashes and constitution.
    public nonisolated var seal: CoreSeal { cortex.seal }

    nonisolated let cortex: Cortex
    nonisolated let auditor: ProbeAuditor
    nonisolated let store: any EngramStore
    nonisolated let configuration: SchedulerConfiguration
    nonisolated let logger: Logger
    nonisolated let now: @Sendable () -> Double
    nonisolated let thread: CortexThread
    nonisolated let times = AnswerTimes()
    private nonisolated let desk = Desk()

    var admission: Admission
    var leases = Leases()
    var residency: EngramResidency
    var loads: [SessionID: (number: Int, task: Task<ResidentSession, any Error>)] = [:]
    var memory: CompletionMemory
    /// The newest on record, of users that something was written for lately.
    var moments: [UserID: Double] = [:]
    /// Of what is written to make later work less, and can wait while the disk is full.
    var rest: Backoff
    /// The same of users whose automatic checkpoint failed for a reason of its own.
    var checkpointRests: [UserID: Backoff] = [:]
    /// Users who were deleted while requests were under way, with the number of the moment.
    var departures: [UserID: Int] = [:]
    /// The number of the moment at which the request came that is served.
    @TaskLocal static var arrival = Int.max
    var counts = Statistics()
    private var nextNumber = 0
    private var running = 0
    private var isDraining = false
    private var whenIdle: [CheckedContinuation<Void, Never>] = []

    /// - Parameters:
    ///   - store: this scheduler must be its only user.
    ///   - now: seconds since 1970, the system's clock when nil; only for records, never in an
    ///     engram. It may be set back (`moment`).
    public init(
        cortex: Cortex, store: any EngramStore,
        configuration: SchedulerConfiguration = .init(),
        logger: Logger = Logger(label: "hebb.scheduler"),
        now: (@Sendable () -> Double)? = nil
    ) {
        self.cortex = cortex
        auditor = ProbeAuditor(cortex: cortex)
        self.store = store
        self.configuration = configuration
        self.logger = logger
        let now = now ?? { Date().timeIntervalSince1970 }
        self.now = now
        thread = CortexThread(
            decodeBurstMaximum: configuration.decodeBurstMaximum,
            stackBytes: configuration.stackBytes,
            budget: SliceBudget(.milliseconds(configuration.sliceMilliseconds)),
            memory: CortexThread.MemoryBounds(
                byteLimit: configuration.contextBytesMaximum,
                sharesContexts: configuration.sharesContextsAmongUsers),
            makeReader: { CoreReader(cortex: cortex) })
        admission = Admission(capacity: configuration.queueCapacity)
        rest = Backoff(seconds: configuration.storageRestSeconds)
        residency = EngramResidency(byteLimit: configuration.residentBytesMaximum)
        memory = CompletionMemory(
            completionLimit: configuration.completionsRememberedMaximum,
            tokenLimit: configuration.completionTokensRememberedMaximum)
        model = ModelDescription(
            name: cortex.modelName, created: Int(Self.believable(now())),
            contextLength: cortex.inner.config.contextLength,
            vocabularySize: cortex.inner.config.vocabularySize, identity: cortex.identity,
            kernelClass: cortex.kernelClass, tools: Self.toolForm(of: cortex))
    }

    deinit { thread.stop() }

    public func health() -> Health { isDraining ? .draining : .ready }

    public func statistics() async -> Statistics {
        var statistics = counts
        statistics.queueDepth = admission.count
        statistics.queueCapacity = configuration.queueCapacity
        statistics.residentEngrams = residency.count
        statistics.residentEngramBytes = residency.byteCount
        let load = thread.load
        statistics.busySeconds = load.busy / .seconds(1)
        (statistics.corePasses, statistics.coreRows) = (load.passes, load.rows)
        statistics.contexts = ContextStatistics(
            load, pages: cortex.inner.pageMemory, byteLimit: configuration.contextBytesMaximum)
        statistics.latency = times.snapshot
        statistics.latency.queue = load.latency.queue
        statistics.latency.batch = load.latency.batch
        statistics.safety = safetyStatistics()
        statistics.sessions = (try? await store.sessionCount()) ?? 0
        return statistics
    }

    /// Refuses new requests, lets those that run or wait finish, keeps every working state, and
    /// closes the store. Nothing depends on it being called: the journal has everything already.
    public func shutdown() async {
        isDraining = true
        while running > 0 {
            await withCheckedContinuation { whenIdle.append($0) }
        }
        for session in residency.sessions where session.isSnapshotDue {
            await keepSnapshot(of: session)
        }
        thread.stop()
        await store.close()
    }

    // MARK: - A request's way in and out

    /// Runs one request, with its failures made a client's.
    /// - Parameter id: what it is about, which its caller may reach; nil: of several.
    func serve<Output: Sendable>(
        for id: SessionID?, _ body: () async throws -> Output
    ) async throws -> Output {
        if let id { try RequestContext.current.requireAccess(to: id) }
        try begin()
        defer { end() }
        do {
            return try await Self.$arrival.withValue(newNumber()) { try await body() }
        } catch {
            throw ServiceError.from(error)
        }
    }

    /// `serve` for requests that work on a session: those hold a place of its user's.
    func serveQueued<Output: Sendable>(
        for id: SessionID, _ body: () async throws -> Output
    ) async throws -> Output {
        try await serve(for: id) {
            let visit = try enter(id)
            defer { leave(visit) }
            return try await body()
        }
    }

    /// `serveQueued` for requests that change a session: those hold its lease.
    func serveWriter<Output: Sendable>(
        of id: SessionID, _ body: () async throws -> Output
    ) async throws -> Output {
        try await serveQueued(for: id) {
            try await lease(.session(id), for: id)
            defer { leases.release(.session(id)) }
            return try await body()
        }
    }

    func begin() throws(ServiceError) {
        guard !isDraining else { throw .draining }
        running += 1
    }

    func end() {
        running -= 1
        guard running == 0 else { return }
        departures = [:]
        for continuation in whenIdle { continuation.resume() }
        whenIdle = []
    }

    /// A request that is in.
    struct Visit {
        fileprivate let session: SessionID
        let start = ContinuousClock.now
    }

    /// Pairs with `leave`.
    func enter(_ id: SessionID) throws(ServiceError) -> Visit {
        do {
            try admission.enter(id)
        } catch {
            throw queueFull(error, for: id)
        }
        return Visit(session: id)
    }

    func leave(_ visit: Visit) {
        admission.leave(
            visit.session, staySeconds: visit.start.duration(to: .now) / .seconds(1))
    }

    private func queueFull(_ refusal: Admission.Refusal, for id: SessionID) -> ServiceError {
        let seconds = admission.retryAfterSeconds(refusal, of: id)
        return switch refusal {
        case .full:
            .queueFull(capacity: configuration.queueCapacity, retryAfterSeconds: seconds)
        case .user(let requests):
            .shareFull(of: id.user.description, requests: requests, retryAfterSeconds: seconds)
        case .session(let requests):
            .shareFull(of: id.description, requests: requests, retryAfterSeconds: seconds)
        }
    }

    /// Waits until it is this caller's. Pairs with `leases.release`.
    /// - Parameter visitor: whose place is given back meanwhile; nil: the caller has none to give.
    func lease(_ key: Leases.Key, for visitor: SessionID? = nil) async throws {
        try Task.checkCancellation()
        if leases.take(key) { return }
        if let visitor {
            do {
                try admission.lineUp(visitor)
            } catch {
                throw queueFull(error, for: visitor)
            }
        }
        defer { if let visitor { admission.stepForward(visitor) } }
        let number = newNumber()
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                leases.wait(for: key, number: number, continuation: continuation)
            }
        } onCancel: {
            // Runs after the wait above has begun: that happens without leaving the actor.
            Task { await self.leaveLine(of: key, number: number) }
        }
    }

    private func leaveLine(of key: Leases.Key, number: Int) { leases.leave(key, number: number) }

    func newNumber() -> Int {
        nextNumber += 1
        return nextNumber
    }

    func requireMatch(_ expected: Revision?, _ found: Revision) throws(ServiceError) {
        if let expected, expected != found {
            throw .revisionConflict(expected: expected, found: found)
        }
    }

    /// Does what takes milliseconds away from the actor and from the cooperative threads.
    /// - Parameter lane: `.short` where what a client sends cannot make it long.
    nonisolated func atDesk<Output: Sendable>(
        for user: UserID, _ lane: Desk.Lane = .long,
        _ body: @escaping @Sendable () throws -> Output
    ) async throws -> Output {
        try await desk.run(for: user, in: lane, body)
    }
}
