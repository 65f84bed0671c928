/// How a server listens and what it allows a client.
public struct ServerConfiguration: Sendable {
    /// An IPv4 or IPv6 address, or `localhost`. Without API keys only a loopback address may be
    /// bound; another one is refused at start.
    public var host: String
    /// 0: a free port, which `HebbServer.start()` reports.
    public var port: Int
    /// The largest request body, bytes; a larger one answers 413.
    public var maximumBodyBytes: Int
    /// Connections open at once; more wait in the kernel's backlog.
    public var maximumConnections: Int
    /// How long a client may take for a request's head, and again for its body (which gets more
    /// time as it grows, at 64 KiB/s), before its connection is cut. Also how long an idle
    /// connection is kept.
    public var requestDeadlineSeconds: Double
    /// How long `stop()` lets running requests finish before it cancels them.
    public var shutdownGraceSeconds: Double

    public init(
        host: String = "127.0.0.1", port: Int = 8421, maximumBodyBytes: Int = 16 << 20,
        maximumConnections: Int = 1024, requestDeadlineSeconds: Double = 30,
        shutdownGraceSeconds: Double = 5
    ) {
        self.host = host
        self.port = port
        self.maximumBodyBytes = maximumBodyBytes
        self.maximumConnections = maximumConnections
        self.requestDeadlineSeconds = requestDeadlineSeconds
        self.shutdownGraceSeconds = shutdownGraceSeconds
    }
}

/// Why a server did not start.
public enum ServerStartError: Error, Equatable, CustomStringConvertible {
    case invalidAddress(host: String, port: Int)
    case notLoopback(host: String)
    /// `reason` is the system's, e.g. "Address already in use".
    case cannotListen(host: String, port: Int, reason: String)
    case daemonRefused

    public var description: String {
        switch self {
        case .invalidAddress(let host, let port):
            "\(host):\(port) is no address to listen on: give an IPv4 or IPv6 address, or "
                + "localhost, and a port from 0 to 65535"
        case .notLoopback(let host):
            "refusing to listen on \(host): without API keys anyone who reaches the server can "
                + "read and change every user's model; listen on 127.0.0.1 or ::1"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason)"
        case .daemonRefused:
            "libmicrohttpd did not start: too few file descriptors or threads may be left"
        }
    }
}
