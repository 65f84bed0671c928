/// How a server listens and what it allows a client.
public struct ServerConfiguration: Sendable {
    /// An IPv4 or IPv6 address, or `localhost`. Where no keys are required only a loopback address may be
    /// bound; another one is refused at start.
    public var host: String
    /// 0: a free port, which `HebbServer.start()` reports.
    public var port: Int
    /// Names by which a server with keys may be reached, besides addresses in figures.
    public var allowedHosts: [String]
    /// Origins of which pages may ask, e.g. `https://chat.example.org`; without keys only those of
    /// this machine count.
    public var allowedOrigins: [String]
    /// Nil: plain HTTP.
    public var tls: TLSIdentity?
    /// The largest request body, bytes; a larger one answers 413. Only a file may have so much.
    public var maximumBodyBytes: Int
    /// The largest text of a request, bytes: bounds the bodies of requests that bring one.
    public var maximumTextBytes: Int
    /// Memory for the bodies of all requests under way, what is read from them, and long answers,
    /// bytes. Beyond it requests answer 503; small ones are served nevertheless.
    public var requestMemoryBytes: Int
    /// Connections open at once; more wait in the kernel's backlog.
    public var maximumConnections: Int
    /// How long a client may take for a request's head, and again for its body (where in each such
    /// time as much must come as 64 KiB/s bring), before its connection is cut. Also how long an
    /// idle connection is kept.
    public var requestDeadlineSeconds: Double
    /// How long `stop()` lets running requests finish before it ends them.
    public var drainSeconds: Double

    public init(
        host: String = "127.0.0.1", port: Int = 8421, allowedHosts: [String] = [],
        allowedOrigins: [String] = [], tls: TLSIdentity? = nil, maximumBodyBytes: Int = 16 << 20,
        maximumTextBytes: Int = 1 << 20, requestMemoryBytes: Int = 128 << 20,
        maximumConnections: Int = 1024, requestDeadlineSeconds: Double = 30,
        drainSeconds: Double = 10
    ) {
        self.host = host
        self.port = port
        self.allowedHosts = allowedHosts
        self.allowedOrigins = allowedOrigins
        self.tls = tls
        self.maximumBodyBytes = maximumBodyBytes
        self.maximumTextBytes = maximumTextBytes
        self.requestMemoryBytes = requestMemoryBytes
        self.maximumConnections = maximumConnections
        self.requestDeadlineSeconds = requestDeadlineSeconds
        self.drainSeconds = drainSeconds
    }

    /// Whether an origin is this machine's.
    public static func isLocalOrigin(_ origin: String) -> Bool { CallerCheck.isLocal(origin) }

    /// The longest body that a route may bring, bytes.
    func bodyLimit(of body: Route.Body) -> Int {
        switch body {
        case .fields: min(maximumBodyBytes, 64 << 10)
        case .text:
            // A text in JSON is up to six times as long, a list of as many token ids about eight.
            min(maximumBodyBytes, max(1 << 20, min(maximumTextBytes, 1 << 56) * 8))
        case .file: maximumBodyBytes
        }
    }
}

/// Who a server is to its clients, in PEM: the certificate, with those that vouch for it behind it,
/// and its key.
public struct TLSIdentity: Sendable {
    public var certificate: String
    public var key: String

    public init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }
}

/// Why a server did not start.
public enum ServerStartError: Error, Equatable, CustomStringConvertible {
    case invalidAddress(host: String, port: Int)
    case notLoopback(host: String)
    /// `reason` is the system's, e.g. "Address already in use".
    case cannotListen(host: String, port: Int, reason: String)
    case daemonRefused
    /// The certificate and its key are not a pair, or this libmicrohttpd was built without TLS.
    case tlsRefused

    public var description: String {
        switch self {
        case .invalidAddress(let host, let port):
            "\(host):\(port) is no address to listen on: give an IPv4 or IPv6 address, or "
                + "localhost, and a port from 0 to 65535"
        case .notLoopback(let host):
            "refusing to listen on \(host): without API keys anyone who reaches the server can "
                + "read and change every user's model; make keys (hebb keys add NAME --role admin), "
                + "or listen on 127.0.0.1 or ::1"
        case .cannotListen(let host, let port, let reason):
            "cannot listen on \(host):\(port): \(reason)"
        case .tlsRefused:
            "TLS did not start: the certificate and the key are not a pair of PEM files, or "
                + "libmicrohttpd was built without GnuTLS; deploy/nginx shows how nginx does it"
        case .daemonRefused:
            "libmicrohttpd did not start: too few file descriptors or threads may be left"
        }
    }
}
