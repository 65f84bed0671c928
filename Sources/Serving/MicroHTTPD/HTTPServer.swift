import CMicroHTTPD
import Glibc
import Synchronization

/// An HTTP/1.1 server over libmicrohttpd: one epoll thread receives and sends, handlers run as
/// Swift tasks while their connection is suspended.
///
/// A handler's task is cancelled when its client hangs up. Bodies are complete before a handler
/// sees them, and bounded.
final class HTTPServer: Sendable {
    typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse

    /// Of a connection, bytes: bounds a request's head, and the piece of a body a call brings.
    private static let connectionMemoryBytes = 64 << 10
    private static let streamBlockBytes = 16 << 10

    /// - Invariant: set by `start`, taken by `stop`, both under the lock.
    private struct Daemon: @unchecked Sendable { let pointer: OpaquePointer }

    private let configuration: ServerConfiguration
    private let handler: Handler
    private let watch: ConnectionWatch
    private let daemon = Mutex<Daemon?>(nil)
    private let isStopping = Mutex(false)

    init(configuration: ServerConfiguration, handler: @escaping Handler) {
        self.configuration = configuration
        self.handler = handler
        watch = ConnectionWatch(deadlineSeconds: configuration.requestDeadlineSeconds)
    }

    deinit {
        precondition(
            daemon.withLock { $0?.pointer } == nil, "an HTTP server went away while it ran")
    }

    /// - Returns: the port it listens on.
    /// - Precondition: not started before. `stop()` must come before the last reference goes:
    ///   libmicrohttpd's callbacks use `self` without one.
    func start() throws(ServerStartError) -> Int {
        let socket = try ListeningSocket(host: configuration.host, port: configuration.port)
        let pointer = hebb_mhd_start(
            socket.descriptor, socket.isIPv6 ? 1 : 0,
            CUnsignedInt(clamping: configuration.maximumConnections),
            Self.connectionMemoryBytes,
            CUnsignedInt(max(1, configuration.requestDeadlineSeconds.rounded(.up))),
            Unmanaged.passUnretained(self).toOpaque(),
            { context, connection, _, method, _, data, size, exchange in
                HTTPServer.from(context).received(
                    connection!, exchange!.pointee!, method!, data, size!)
            },
            { _, target, connection in
                // Balanced where the request completes.
                Unmanaged.passRetained(
                    Exchange(target: String(cString: target!), connection: connection!)
                ).toOpaque()
            },
            { context, connection, exchange, _ in
                guard let opaque = exchange?.pointee else { return }
                let exchange = Unmanaged<Exchange>.fromOpaque(opaque).takeRetainedValue()
                HTTPServer.from(context).completed(connection!, exchange)
            },
            { context, connection, key, event in
                HTTPServer.from(context).connectionChanged(
                    connection!, key!, isOpen: event == .CONNECTION_NOTIFY_STARTED)
            })
        guard let pointer else {
            close(socket.descriptor)
            throw .daemonRefused
        }
        daemon.withLock { $0 = Daemon(pointer: pointer) }
        watch.start()
        return socket.port
    }

    /// Accepts nothing more, lets running requests finish for the configured grace, cancels the
    /// rest, and returns when libmicrohttpd's thread has ended. A second call does nothing.
    func stop() async {
        let stopped = daemon.withLock { daemon in
            defer { daemon = nil }
            return daemon
        }
        guard let daemon = stopped else { return }
        close(MHD_quiesce_daemon(daemon.pointer))
        await idle(atMostSeconds: configuration.shutdownGraceSeconds)
        isStopping.withLock { $0 = true }
        for exchange in watch.exchanges { exchange.shutDown() }
        // Time for the last bytes to leave; nothing suspends any more.
        await idle(atMostSeconds: 0.5)
        MHD_stop_daemon(daemon.pointer)
        watch.stop()
    }

    private func idle(atMostSeconds seconds: Double) async {
        let end = ContinuousClock.now + .seconds(seconds)
        while !watch.exchanges.isEmpty, ContinuousClock.now < end {
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    // MARK: libmicrohttpd's thread

    /// - Parameter context: what `start` passed, valid until `stop` has ended the thread.
    private static func from(_ context: UnsafeMutableRawPointer?) -> HTTPServer {
        Unmanaged<HTTPServer>.fromOpaque(context!).takeUnretainedValue()
    }

    /// The key that `connectionChanged` stored as the connection's context.
    private func key(_ connection: OpaquePointer) -> ConnectionWatch.Key {
        ConnectionWatch.Key(UInt(bitPattern: hebb_mhd_socket_context(connection)))
    }

    private func connectionChanged(
        _ connection: OpaquePointer, _ context: UnsafeMutablePointer<UnsafeMutableRawPointer?>,
        isOpen: Bool
    ) {
        if isOpen {
            let key = watch.add(hebb_mhd_socket(connection))
            context.pointee = UnsafeMutableRawPointer(bitPattern: UInt(key))
        } else {
            watch.remove(ConnectionWatch.Key(UInt(bitPattern: context.pointee)))
        }
    }

    /// Called with the head, with every piece of the body (`size` bytes at `data`), at its end
    /// (size 0), and again after the connection was resumed.
    private func received(
        _ connection: OpaquePointer, _ opaque: UnsafeMutableRawPointer,
        _ method: UnsafePointer<CChar>, _ data: UnsafePointer<CChar>?,
        _ size: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        // Retained by the request-line callback until the request completes.
        let exchange = Unmanaged<Exchange>.fromOpaque(opaque).takeUnretainedValue()
        let key = key(connection)
        let limit = configuration.maximumBodyBytes
        let isFirstCall = exchange.receiveHead(
            method: String(cString: method), headers: Self.headers(of: connection))
        if isFirstCall {
            watch.receives(key, restart: true, bytes: 0)
            guard exchange.contentLength ?? 0 <= limit else {
                // An answer on the first call makes libmicrohttpd close the connection, which
                // spares us the body.
                return refuse(connection, exchange)
            }
            return .YES
        }
        if size.pointee > 0 {
            let piece = UnsafeRawBufferPointer(start: data, count: size.pointee)
            size.pointee = 0
            let bytes = exchange.receiveBody(piece, limit: limit)
            watch.receives(key, restart: false, bytes: bytes)
            // libmicrohttpd takes no answer amid a body: what exceeds the limit is let go by, up
            // to as much again, so that most clients get their 413; then the connection is cut.
            // Not `2 * limit`, which no Int holds for the largest limits.
            return bytes - limit <= limit ? .YES : .NO
        }
        if let response = exchange.response { return queue(response, connection, exchange) }
        if exchange.bodyBytes > limit { return refuse(connection, exchange) }
        watch.answers(key, exchange)
        if isStopping.withLock({ $0 }) { exchange.shutDown() }
        guard let refusal = exchange.begin(handler) else { return .YES }
        return queue(refusal, connection, exchange)
    }

    private func completed(_ connection: OpaquePointer, _ exchange: Exchange) {
        exchange.complete()
        watch.receives(key(connection), restart: true, bytes: 0)
    }

    private func refuse(_ connection: OpaquePointer, _ exchange: Exchange) -> MHD_Result {
        let error = RequestError.bodyTooLarge(limit: configuration.maximumBodyBytes)
        return queue(ErrorAnswer(error).response, connection, exchange)
    }

    private static func headers(of connection: OpaquePointer) -> HTTPHeaders {
        var headers = HTTPHeaders()
        // The pointer does not outlive the call, which does not outlive `headers`.
        withUnsafeMutablePointer(to: &headers) { headers in
            _ = MHD_get_connection_values(
                connection, .HEADER_KIND,
                { context, _, name, value in
                    context!.assumingMemoryBound(to: HTTPHeaders.self).pointee.append(
                        String(cString: name!), value.map { String(cString: $0) } ?? "")
                    return .YES
                }, headers)
        }
        return headers
    }

    private func queue(
        _ response: HTTPResponse, _ connection: OpaquePointer, _ exchange: Exchange
    ) -> MHD_Result {
        let created: OpaquePointer?
        switch response.body {
        case .bytes(let bytes):
            created = bytes.withUnsafeBytes { bytes in
                // Copied by libmicrohttpd, which does not write to it.
                MHD_create_response_from_buffer(
                    bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                    .RESPMEM_MUST_COPY)
            }
        case .stream:
            // The reference goes with the response, in its last callback.
            created = MHD_create_response_from_callback(
                hebb_mhd_size_unknown(), Self.streamBlockBytes,
                { context, _, buffer, size in
                    Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().read(
                        into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
                }, Unmanaged.passRetained(exchange).toOpaque(),
                { context in Unmanaged<Exchange>.fromOpaque(context!).release() })
        }
        guard let created else { return .NO }
        defer { MHD_destroy_response(created) }
        for field in response.headers.fields {
            MHD_add_response_header(created, field.name, field.value)
        }
        return MHD_queue_response(connection, CUnsignedInt(response.status), created)
    }
}
