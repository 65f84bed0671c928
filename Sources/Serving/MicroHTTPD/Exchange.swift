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

    /// - Invariant: used by libmicrohttpd's own callbacks for this connection, or under the lock
    ///   while `isSuspended`.
    private struct Handle: @unchecked Sendable { let pointer: OpaquePointer }

    private struct State {
        var hasHead = false
        var method = ""
        var headers = HTTPHeaders()
        var body: [UInt8] = []
        var bodyBytes = 0

        var isSuspended = false
        /// Nobody reads the answer any more.
        var isClosed = false
        var isStopping = false
        var task: Task<Void, Never>?
        var response: HTTPResponse?

        var pending: [UInt8] = []
        var sent = 0
        var isFinished = false
        var isBroken = false
        var waiter: CheckedContinuation<Void, Never>?

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

    /// - Returns: true on the first call: the head has just arrived.
    func receiveHead(method: String, headers: @autoclosure () -> HTTPHeaders) -> Bool {
        state.withLock { state in
            if state.hasHead { return false }
            state.hasHead = true
            state.method = method
            state.headers = headers()
            return true
        }
    }

    var contentLength: Int? {
        state.withLock { state in
            // One beyond Int is too large whatever the limit.
            state.headers["Content-Length"].map { Int($0) ?? .max }
        }
    }

    /// Keeps a piece of the body as long as the whole stays within `limit`.
    ///
    /// - Returns: the bytes that have come so far, kept or not.
    func receiveBody(_ bytes: UnsafeRawBufferPointer, limit: Int) -> Int {
        state.withLock { state in
            state.bodyBytes += bytes.count
            if state.bodyBytes <= limit {
                state.body.append(contentsOf: bytes)
            } else {
                state.body = []
            }
            return state.bodyBytes
        }
    }

    var bodyBytes: Int { state.withLock { $0.bodyBytes } }

    /// Suspends the connection and computes the answer in a task of its own.
    ///
    /// - Returns: the answer of a server that is stopping, which suspends nothing any more.
    func begin(
        _ handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) -> HTTPResponse? {
        state.withLock { state in
            let request = HTTPRequest(
                method: state.method, target: target, headers: state.headers, body: state.body)
            state.body = []
            guard !state.isStopping else { return state.response }
            MHD_suspend_connection(handle.pointer)
            state.isSuspended = true
            state.task = Task.detached { [self] in await answer(request, handler) }
            if state.isClosed { state.task?.cancel() }
            return nil
        }
    }

    /// The answer, once there is one.
    var response: HTTPResponse? { state.withLock { $0.response } }

    /// The next bytes of a streamed body, for libmicrohttpd's content reader. Suspends the
    /// connection when there are none yet.
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
                if state.sent == state.pending.count {
                    state.pending.removeAll(keepingCapacity: true)
                    state.sent = 0
                    state.releaseWriter()
                }
                return count
            }
            if state.isBroken || state.isStopping { return hebb_mhd_end_with_error() }
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

    /// The server stops: ends the exchange now, whatever its handler does.
    func shutDown() {
        state.withLock { state in
            state.isStopping = true
            state.task?.cancel()
            state.releaseWriter()
            if state.response == nil {
                state.response = ErrorAnswer(RequestError.shuttingDown).response
            }
            resume(&state)
        }
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
