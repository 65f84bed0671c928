import EngramStorage
import Engrams

/// Lets requests in, and has those that change a session do it one after the other.
///
/// - Who works on a session holds a place of its user's (`Admission`); who changes it holds its
///   lease besides (`Leases`), which is given in the order they came. Who waits for one gives the
///   place back meanwhile.
/// - Requests are numbered as they come. One that is served after its user has been deleted, and
///   came before, finds nobody (`hasLeft`).
/// - Once it drains, nobody new comes in.
@SchedulerActor
final class Gate {
    /// The number of the request that is served.
    private enum Arrival {
        @TaskLocal static var number = Int.max
    }

    private let capacity: Int
    private var admission: Admission
    private(set) var leases = Leases()
    /// Users who were deleted while requests were under way, with the number of the moment.
    private(set) var departures: [UserID: Int] = [:]
    private var newest = 0
    private var running = 0
    private(set) var isDraining = false
    private var whenIdle: [CheckedContinuation<Void, Never>] = []

    /// - Parameter capacity: of `Admission`.
    nonisolated init(capacity: Int) {
        self.capacity = capacity
        admission = Admission(capacity: capacity)
    }

    /// Requests that run or wait.
    var depth: Int { admission.count }

    // MARK: - Requests

    /// Runs one request, with its failures made a client's.
    /// - Parameter id: what it is about, which its caller may reach; nil: of several.
    func serve<Output: Sendable>(
        for id: SessionID?, _ body: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        if let id { try RequestContext.current.requireAccess(to: id) }
        try begin()
        defer { end() }
        do {
            return try await numbered(body)
        } catch {
            throw ServiceError.from(error)
        }
    }

    /// `serve` for requests that work on a session: those hold a place of its user's.
    func serveQueued<Output: Sendable>(
        for id: SessionID, _ body: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        try await serve(for: id) {
            let visit = try enter(id)
            defer { leave(visit) }
            return try await body()
        }
    }

    /// `serveQueued` for requests that change a session: those hold its lease.
    func serveWriter<Output: Sendable>(
        of id: SessionID, _ body: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        try await serveQueued(for: id) {
            try await holding(.session(id), for: id, body)
        }
    }

    /// Runs something as a request that comes now.
    func numbered<Output: Sendable>(
        _ body: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        try await Arrival.$number.withValue(newNumber()) { try await body() }
    }

    /// Pairs with `end`.
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

    /// Refuses new requests, and waits for those that run or wait.
    func drain() async {
        isDraining = true
        while running > 0 {
            await withCheckedContinuation { whenIdle.append($0) }
        }
    }

    func newNumber() -> Int {
        newest += 1
        return newest
    }

    // MARK: - Places

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
            .queueFull(capacity: capacity, retryAfterSeconds: seconds)
        case .user(let requests):
            .shareFull(of: id.user.description, requests: requests, retryAfterSeconds: seconds)
        case .session(let requests):
            .shareFull(of: id.description, requests: requests, retryAfterSeconds: seconds)
        }
    }

    // MARK: - Leases

    /// Runs `body` with a lease held.
    func holding<Output: Sendable>(
        _ key: Leases.Key, for visitor: SessionID? = nil,
        _ body: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        try await lease(key, for: visitor)
        defer { release(key) }
        return try await body()
    }

    /// Waits until it is this caller's. Pairs with `release`.
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

    /// Runs `body` with every session of the visitor's user held, and none being made.
    func holdingAll<Output: Sendable>(
        of visitor: SessionID, in store: any EngramStore,
        _ body: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        let user = visitor.user
        while true {
            // In the order of their names: two of these cannot wait for each other.
            let ids = try await store.sessions(of: user, after: nil, limit: .max).map(\.id)
            var held: [Leases.Key] = []
            defer { for key in held { release(key) } }
            for key in ids.map(Leases.Key.session) + [.user(user)] {
                try await lease(key, for: visitor)
                held.append(key)
            }
            let now = try await store.sessions(of: user, after: nil, limit: .max).map(\.id)
            if Set(now).isSubset(of: ids) { return try await body() }
        }
    }

    func release(_ key: Leases.Key) { leases.release(key) }

    private func leaveLine(of key: Leases.Key, number: Int) { leases.leave(key, number: number) }

    // MARK: - Departures

    /// Runs a user's deletion: whoever came before it is done finds nobody from now on, unless it
    /// fails.
    func departing<Output: Sendable>(
        _ user: UserID, _ delete: @SchedulerActor () async throws -> Output
    ) async throws -> Output {
        let before = departures.updateValue(newNumber(), forKey: user)
        do {
            return try await delete()
        } catch {
            departures[user] = before
            throw error
        }
    }

    /// Whether a user has been deleted since the present request came.
    func hasLeft(_ user: UserID) -> Bool { (departures[user] ?? 0) > Arrival.number }
}
