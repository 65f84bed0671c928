import CMicroHTTPD
import Synchronization

/// One request and its answer: the meeting place of libmicrohttpd's thread, which receives and
/// sends, and the task that computes the answer.
///
/// libmicrohttpd forbids to resume a connection that is not suspended, and a suspended one learns
/// of nothing. So both calls happen only here, under one lock with the state they depend on:
/// *`isSuspended` is true exactly while libmicrohttpd has the connection suspended*, and while it
/// is suspended libmicrohttpd neither completes nor frees it, so that the handle is valid.
final class Exchange: BodyWriter {
    /// Unread stream bytes at which a writer waits for the client.
    static let highWaterBytes = 256 << 10
    /// What a client must take in each time that it is given, while so much is there to be taken.
    private static let leastBytesTaken = 64 << 10

    /// - Invariant: used by libmicrohttpd's own callbacks for this connection, or under the lock
    ///   while `isSuspended`.
    private struct Handle: @unchecked Sendable { let pointer: OpaquePointer }

    private struct State {
        var head: HTTPRequest?
        var body: [UInt8] = []
        /// What `body` has claimed memory for, bytes.
        var room = 0
        var bodyLimit = 0
        /// Come so far, kept or not.
        var bodyBytes = 0
        /// Why the body is not kept any more.
        var refusal: RequestError?

        var isSuspended = false
        /// Nobody reads the answer any more.
        var isClosed = false
        var isStopping = false
        var task: Task<Void, Never>?
        var response: HTTPResponse?

        var pending: [UInt8] = []
        var sent = 0
        /// Since when the client has been given time to take what is pending, and how much it took;
        /// nil while nothing is.
        var sending: (start: Double, bytes: Int)?
        var isFinished = false
        var isBroken = false
        var waiter: CheckedContinuation<Void, Never>?

        /// Makes place in `body` for bytes that are counted already.
        mutating func makeRoom() throws(RequestError) {
            guard let head, bodyBytes <= bodyLimit else {
                throw .bodyTooLarge(limit: bodyLimit)
            }
            guard bodyBytes > room else { return }
            let most = max(bodyBytes, head.declaredBytes > 0 ? head.declaredBytes : bodyLimit)
            let grown = min(max(2 * room, bodyBytes, 4096), most)
            // Both places, while the bytes move from one to the other.
            try head.memory.set(.body, to: room + grown)
            body.reserveCapacity(grown)
            try head.memory.set(.body, to: grown)
            room = grown
        }

        mutating func dropBody() {
            body = []
            room = 0
            // Giving back never fails.
            try? head?.memory.set(.body, to: 0)
        }

        mutating func releaseWriter() {
            waiter?.resume()
            waiter = nil
        }
    }

    /// The request line's target as it came.
    let target: String
    private let handle: Handle
    private let state = Mutex(State())

    init(target: String, connection: OpaquePointer) {
        self.target = target
        handle = Handle(pointer: connection)
    }

    // MARK: libmicrohttpd's thread

    /// The request without its body; nil until it has come.
    var head: HTTPRequest? { state.withLock { $0.head } }

    func receive(head: HTTPRequest) { state.withLock { $0.head = head } }

    /// Lets a body come, of so many bytes at most, to be kept unless there is a reason not to.
    func admitBody(limit: Int, refusal: RequestError?) {
        state.withLock { state in
            state.bodyLimit = limit
            state.refusal = refusal
        }
    }

    /// Keeps a piece of the body as long as the whole stays within the limit and there is memory
    /// for it.
    ///
    /// - Returns: the bytes that have come so far, kept or not; nil when it is time to cut the
    ///   connection. libmicrohttpd takes no answer amid a body, so what is not kept is let go by,
    ///   up to as much as would be kept, and most clients get their answer.
    func receiveBody(_ bytes: UnsafeRawBufferPointer) -> Int? {
        state.withLock { state in
            state.bodyBytes += bytes.count
            if state.refusal == nil {
                do throws(RequestError) {
                    try state.makeRoom()
                    state.body.append(contentsOf: bytes)
                } catch {
                    state.refusal = error
                    state.dropBody()
                }
            }
            // Not `2 * limit`, which no Int holds for the largest limits.
            return state.bodyBytes - state.bodyLimit <= state.bodyLimit ? state.bodyBytes : nil
        }
    }

    /// Why the whole body, which has come, was not kept, and the request is refused.
    var refusal: RequestError? { state.withLock { $0.refusal } }

    /// Suspends the connection and computes the answer in a task of its own.
    ///
    /// - Returns: the answer of a server that is stopping, which suspends nothing any more.
    func begin(
        _ handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) -> HTTPResponse? {
        state.withLock { state in
            guard !state.isStopping, var request = state.head else { return state.response }
            request.body = state.body
            state.body = []
            MHD_suspend_connection(handle.pointer)
            state.isSuspended = true
            state.task = Task.detached { [self] in await answer(request, handler) }
            if state.isClosed { state.task?.cancel() }
            return nil
        }
    }

    /// The answer, once there is one.
    var response: HTTPResponse? { state.withLock { $0.response } }

    /// Takes an answer's bytes over, for `read`.
    func stage(_ bytes: [UInt8]) {
        state.withLock { state in
            state.pending = bytes
            state.sending = (ConnectionWatch.now(), 0)
            state.response?.body = .bytes([])
            state.isFinished = true
        }
    }

    /// The next bytes of the answer, for libmicrohttpd's content reader. Suspends the connection
    /// when there are none yet.
    ///
    /// - Returns: how many bytes were written to `buffer`, or an end marker of libmicrohttpd's.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        state.withLock { state in
            let count = min(buffer.count, state.pending.count - state.sent)
            if count > 0 {
                state.pending.withUnsafeBytes {
                    buffer.copyMemory(from: .init(rebasing: $0[state.sent..<(state.sent + count)]))
                }
                state.sent += count
                state.sending?.bytes += count
                if let bytes = state.sending?.bytes, bytes >= Self.leastBytesTaken {
                    state.sending = (ConnectionWatch.now(), 0)
                }
                if state.sent == state.pending.count {
                    state.sending = nil
                    state.pending.removeAll(keepingCapacity: !state.isFinished)
                    state.sent = 0
                    state.releaseWriter()
                }
                return count
            }
            if state.isBroken { return hebb_mhd_end_with_error() }
            if state.isFinished { return hebb_mhd_end_of_stream() }
            MHD_suspend_connection(handle.pointer)
            state.isSuspended = true
            return 0
        }
    }

    /// libmicrohttpd is through with the request, for better or worse; its handle is void now.
    func complete() {
        state.withLock { state in
            state.isClosed = true
            state.isSuspended = false
            // A handler that has answered already is not disturbed: it may be logging.
            if !state.isFinished { state.task?.cancel() }
            state.releaseWriter()
        }
    }

    // MARK: any thread

    /// The client is gone: cancels the handler, whose end then frees the connection.
    func hangUp() {
        state.withLock { state in
            state.isClosed = true
            state.task?.cancel()
            state.releaseWriter()
        }
    }

    /// The server stops: ends the exchange now, whatever its handler does. A stream gets its
    /// farewell as its end.
    func shutDown() {
        state.withLock { state in
            state.isStopping = true
            state.task?.cancel()
            state.releaseWriter()
            if let response = state.response {
                if !state.isFinished {
                    state.pending += response.farewell ?? []
                    state.isBroken = response.farewell == nil
                    state.isFinished = true
                }
            } else {
                var response = ErrorAnswer(RequestError.shuttingDown).response
                response.headers["X-Request-Id"] = state.head?.trace.id
                state.response = response
            }
            resume(&state)
        }
    }
    /// Whether the client has let an answer lie too long.
    func isUnread(since moment: Double) -> Bool {
        state.withLock { ($0.sending?.start ?? .infinity) < moment }
    }

    /// Written and not yet sent.
    var unreadBytes: Int { state.withLock { $0.pending.count - $0.sent } }

    func write(_ bytes: [UInt8]) async throws {
        await withCheckedContinuation { continuation in
            state.withLock { state in
                if state.isClosed || state.isStopping {
                    continuation.resume()
                    return
                }
                state.pending += bytes
                if state.sending == nil { state.sending = (ConnectionWatch.now(), 0) }
                resume(&state)
                if state.pending.count - state.sent > Self.highWaterBytes {
                    state.waiter = continuation
                } else {
                    continuation.resume()
                }
            }
        }
        if state.withLock({ $0.isClosed || $0.isStopping }) { throw CancellationError() }
    }

    private func answer(
        _ request: HTTPRequest, _ handler: @Sendable (HTTPRequest) async -> HTTPResponse
    ) async {
        let response = await handler(request)
        guard case .stream(let produce) = response.body else {
            deliver(response, isComplete: true)
            return
        }
        deliver(response, isComplete: false)
        var isBroken = false
        do { try await produce(self) } catch { isBroken = true }
        state.withLock { state in
            // Unless the server's end has ended it.
            guard !state.isFinished else { return }
            state.isFinished = true
            state.isBroken = isBroken
            resume(&state)
        }
    }

    private func deliver(_ response: HTTPResponse, isComplete: Bool) {
        state.withLock { state in
            guard state.response == nil else { return }
            state.response = response
            state.isFinished = isComplete
            resume(&state)
        }
    }

    private func resume(_ state: inout State) {
        guard state.isSuspended else { return }
        state.isSuspended = false
        MHD_resume_connection(handle.pointer)
    }
}
