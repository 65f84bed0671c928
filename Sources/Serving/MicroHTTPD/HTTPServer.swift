import CMicroHTTPD
import Glibc
import Scheduling
import Synchronization

/// An HTTP/1.1 server over libmicrohttpd: one epoll thread receives and sends, handlers run as
/// Swift tasks while their connection is suspended.
///
/// A handler's task is cancelled when its client hangs up. Bodies are complete before a handler
/// sees them; how long one may be is decided on the head, and all together are bounded
/// (`RequestMemory`).
final class HTTPServer: Sendable {
    /// Of a connection, bytes: bounds a request's head, and the piece of a body a call brings.
    private static let connectionMemoryBytes = 64 << 10
    private static let streamBlockBytes = 16 << 10

    /// - Invariant: set by `start`, taken by `stop`, both under the lock.
    private struct Daemon: @unchecked Sendable { let pointer: OpaquePointer }

    private let configuration: ServerConfiguration
    private let application: Application
    private let watch: ConnectionWatch
    private let daemon = Mutex<Daemon?>(nil)
    private let isStopping = Mutex(false)

    init(configuration: ServerConfiguration, application: Application) {
        self.configuration = configuration
        self.application = application
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
        let socket = try ListeningSocket(
            host: configuration.host, port: configuration.port,
            isLoopbackOnly: !application.doorkeeper.keys.isRequired)
        let tls = configuration.tls
        let pointer = hebb_mhd_start(
            socket.descriptor, socket.isIPv6 ? 1 : 0,
            CUnsignedInt(clamping: configuration.maximumConnections),
            Self.connectionMemoryBytes,
            CUnsignedInt(max(1, configuration.requestDeadlineSeconds.rounded(.up))),
            tls?.certificate, tls?.key,
            Unmanaged.passUnretained(self).toOpaque(),
            { context, connection, _, method, version, data, size, exchange in
                HTTPServer.from(context).received(
                    connection!, exchange!.pointee!, method!, version!, data, size!)
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
            throw tls == nil ? .daemonRefused : .tlsRefused
        }
        daemon.withLock { $0 = Daemon(pointer: pointer) }
        watch.start()
        return socket.port
    }

    /// Drains: refuses new requests, lets running ones finish for the configured time, ends the
    /// rest, and returns when libmicrohttpd's thread has ended. Who asks meanwhile is told, so that
    /// it listens until there is nothing left to finish. A second call does nothing.
    func stop() async {
        let stopped = daemon.withLock { daemon in
            defer { daemon = nil }
            return daemon
        }
        guard let daemon = stopped else { return }
        application.phase.drain()
        await idle(atMostSeconds: configuration.drainSeconds)
        close(MHD_quiesce_daemon(daemon.pointer))
        isStopping.withLock { $0 = true }
        for exchange in watch.exchanges { exchange.shutDown() }
        // Time for the last bytes to leave, also on a busy machine; nothing suspends any more.
        await idle(atMostSeconds: 5)
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
        _ method: UnsafePointer<CChar>, _ version: UnsafePointer<CChar>,
        _ data: UnsafePointer<CChar>?, _ size: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        // Retained by the request-line callback until the request completes.
        let exchange = Unmanaged<Exchange>.fromOpaque(opaque).takeUnretainedValue()
        let key = key(connection)
        guard exchange.head != nil else {
            let head = HTTPRequest(
                method: String(cString: method), target: exchange.target,
                version: String(cString: version), headers: Self.headers(of: connection),
                memory: application.memory)
            exchange.receive(head: head)
            watch.receives(key)
            switch application.admit(head) {
            case .admitted(let limit): exchange.admitBody(limit: limit, refusal: nil)
            case .unwanted(let error, let limit):
                exchange.admitBody(limit: limit, refusal: error)
            // An answer on the first call spares us the body.
            case .refused(let response): return queue(response, connection, exchange)
            }
            return .YES
        }
        if size.pointee > 0 {
            let piece = UnsafeRawBufferPointer(start: data, count: size.pointee)
            size.pointee = 0
            guard let bytes = exchange.receiveBody(piece) else { return .NO }
            watch.receives(key, bytes: bytes)
            return .YES
        }
        if let response = exchange.response { return queue(response, connection, exchange) }
        if let error = exchange.refusal, let head = exchange.head {
            return queue(application.refuse(head, error), connection, exchange)
        }
        watch.answers(key, exchange)
        if isStopping.withLock({ $0 }) { exchange.shutDown() }
        guard let refusal = exchange.begin({ [application] in await application.respond($0) })
        else { return .YES }
        return queue(refusal, connection, exchange)
    }

    private func completed(_ connection: OpaquePointer, _ exchange: Exchange) {
        exchange.complete()
        watch.receives(key(connection))
    }

    private static func headers(of connection: OpaquePointer) -> HTTPHeaders {
        var headers = HTTPHeaders()
        // The pointer does not outlive the call, which does not outlive `headers`.
        withUnsafeMutablePointer(to: &headers) { headers in
            _ = MHD_get_connection_values_n(
                connection, .HEADER_KIND,
                { context, _, name, nameSize, value, valueSize in
                    func text(_ bytes: UnsafePointer<CChar>?, _ count: Int) -> String {
                        String(
                            decoding: UnsafeRawBufferPointer(start: bytes, count: count),
                            as: UTF8.self)
                    }
                    // White space around a value is no part of it (RFC 9112); libmicrohttpd leaves
                    // what is behind it.
                    var count = value == nil ? 0 : valueSize
                    while count > 0, [0x20, 0x09].contains(value![count - 1]) { count -= 1 }
                    context!.assumingMemoryBound(to: HTTPHeaders.self).pointee.append(
                        text(name, nameSize), text(value, count))
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
        case .bytes(let bytes) where bytes.count <= Self.streamBlockBytes:
            created = bytes.withUnsafeBytes { bytes in
                // Copied by libmicrohttpd, which does not write to it.
                MHD_create_response_from_buffer(
                    bytes.count, UnsafeMutableRawPointer(mutating: bytes.baseAddress),
                    .RESPMEM_MUST_COPY)
            }
        case .bytes(let bytes):
            // A second copy of a long one would count for nothing in `RequestMemory`.
            exchange.stage(bytes)
            created = Self.response(reading: exchange, byteCount: UInt64(bytes.count))
        case .stream:
            created = Self.response(reading: exchange, byteCount: hebb_mhd_size_unknown())
        }
        guard let created else { return .NO }
        defer { MHD_destroy_response(created) }
        for field in response.headers.fields {
            MHD_add_response_header(created, field.name, field.value)
        }
        if application.phase.isDraining, response.headers["Connection"] == nil {
            MHD_add_response_header(created, "Connection", "close")
        }
        return MHD_queue_response(connection, CUnsignedInt(response.status), created)
    }

    /// An answer whose body libmicrohttpd asks an exchange for, piece by piece.
    private static func response(reading exchange: Exchange, byteCount: UInt64) -> OpaquePointer? {
        // The reference goes with the response, in its last callback.
        MHD_create_response_from_callback(
            byteCount, streamBlockBytes,
            { context, _, buffer, size in
                Unmanaged<Exchange>.fromOpaque(context!).takeUnretainedValue().read(
                    into: UnsafeMutableRawBufferPointer(start: buffer, count: size))
            }, Unmanaged.passRetained(exchange).toOpaque(),
            { context in Unmanaged<Exchange>.fromOpaque(context!).release() })
    }
}
