import CMicroHTTPD
import Glibc
import Synchronization

/// Sees what libmicrohttpd does not: that a client of a suspended connection has hung up, and that
/// a client takes too long over a request or over its answer (libmicrohttpd's timeout is one of
/// idleness, which a byte now and then keeps off for ever).
///
/// One thread waits on an epoll set of all connections for their ends (`EPOLLRDHUP`), edge
/// triggered. A client that closes its sending half while it waits counts as gone: for TCP the two
/// cannot be told apart until an answer is sent.
final class ConnectionWatch: Sendable {
    /// Names a connection for its lifetime; never used twice, unlike a descriptor.
    typealias Key = UInt64

    /// What must come of a body, bytes per second on the average over a deadline.
    private static let minimumBodyRate = 65_536.0
    private static let sweepMilliseconds: CInt = 250
    private static let stopKey: Key = 0

    private enum Phase {
        /// Waits for a request's head or body since `start`, seconds of the monotonic clock, when
        /// `bytes` had come.
        case receiving(start: Double, bytes: Int)
        case answering(Exchange)
    }

    private struct Connection {
        var descriptor: CInt
        var phase: Phase
        var isHalfClosed = false
    }

    private struct State {
        var connections: [Key: Connection] = [:]
        var lastKey = ConnectionWatch.stopKey
        var isStopped = false
    }

    private let state = Mutex(State())
    private let deadlineSeconds: Double
    private let epoll: CInt
    private let stopEvent: CInt

    init(deadlineSeconds: Double) {
        self.deadlineSeconds = deadlineSeconds
        epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
        stopEvent = eventfd(0, CInt(EFD_CLOEXEC | EFD_NONBLOCK))
        var event = epoll_event(events: EPOLLIN.rawValue, data: .init(u64: Self.stopKey))
        epoll_ctl(epoll, EPOLL_CTL_ADD, stopEvent, &event)
    }

    deinit {
        close(epoll)
        close(stopEvent)
    }

    /// Starts the watching thread, which keeps `self` until `stop`.
    func start() {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let failure = pthread_create(
            &thread, nil,
            { context in
                // The reference that `start` took.
                Unmanaged<ConnectionWatch>.fromOpaque(context!).takeRetainedValue().run()
                return nil
            }, context)
        precondition(failure == 0, "no thread for the connection watch: \(failure)")
        pthread_detach(thread)
    }

    func stop() {
        state.withLock { $0.isStopped = true }
        eventfd_write(stopEvent, 1)
    }

    // MARK: libmicrohttpd's thread

    func add(_ descriptor: CInt) -> Key {
        let key = state.withLock { state in
            state.lastKey += 1
            state.connections[state.lastKey] = Connection(
                descriptor: descriptor, phase: .receiving(start: Self.now(), bytes: 0))
            return state.lastKey
        }
        var event = epoll_event(
            events: EPOLLRDHUP.rawValue | EPOLLET.rawValue, data: .init(u64: key))
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
        return key
    }

    /// To be called before the descriptor is closed: it may be another connection's at once.
    func remove(_ key: Key) {
        state.withLock { state in
            guard let connection = state.connections.removeValue(forKey: key) else { return }
            epoll_ctl(epoll, EPOLL_CTL_DEL, connection.descriptor, nil)
        }
    }

    /// Starts the clock of a head, or of a body of which nothing has come.
    func receives(_ key: Key) {
        state.withLock { $0.connections[key]?.phase = .receiving(start: Self.now(), bytes: 0) }
    }

    /// `bytes` of a body have come: enough of them give it a deadline more. What came faster than it
    /// had to is no credit: a body that stops is cut soon, however much of it is there.
    func receives(_ key: Key, bytes: Int) {
        state.withLock { state in
            guard case .receiving(_, let earlier)? = state.connections[key]?.phase,
                Double(bytes - earlier) >= deadlineSeconds * Self.minimumBodyRate
            else { return }
            state.connections[key]?.phase = .receiving(start: Self.now(), bytes: bytes)
        }
    }

    func answers(_ key: Key, _ exchange: Exchange) {
        let isHalfClosed = state.withLock { state in
            state.connections[key]?.phase = .answering(exchange)
            return state.connections[key]?.isHalfClosed ?? true
        }
        if isHalfClosed { exchange.hangUp() }
    }

    // MARK: any thread

    /// Those that are being answered.
    var exchanges: [Exchange] {
        state.withLock { state in
            state.connections.values.compactMap {
                if case .answering(let exchange) = $0.phase { exchange } else { nil }
            }
        }
    }

    private func run() {
        var events = [epoll_event](repeating: epoll_event(), count: 64)
        while true {
            let count = epoll_wait(epoll, &events, CInt(events.count), Self.sweepMilliseconds)
            if state.withLock({ $0.isStopped }) { return }
            for event in events.prefix(max(0, Int(count))) { halfClosed(event.data.u64) }
            cutLateOnes()
        }
    }

    private func halfClosed(_ key: Key) {
        let exchange: Exchange? = state.withLock { state in
            state.connections[key]?.isHalfClosed = true
            guard case .answering(let exchange)? = state.connections[key]?.phase else { return nil }
            return exchange
        }
        exchange?.hangUp()
    }

    /// Under the lock, so that `remove` waits: no descriptor here is closed yet.
    private func cutLateOnes() {
        let now = Self.now()
        state.withLock { state in
            for connection in state.connections.values {
                let isLate =
                    switch connection.phase {
                    case .receiving(let start, _): now - start > deadlineSeconds
                    case .answering(let exchange):
                        exchange.isUnread(since: now - deadlineSeconds)
                    }
                if isLate { shutdown(connection.descriptor, CInt(SHUT_RDWR)) }
            }
        }
    }

    static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}
