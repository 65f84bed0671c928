import CMicroHTTPD
public import Logging
public import Scheduling

/// Hebb's HTTP server over a set of personal models: OpenAI's API and sessions.
///
/// Keep it until `stop()` has returned: a server that goes while it runs ends the process.
public final class HebbServer: Sendable {
    let application: Application
    private let http: HTTPServer
    private let configuration: ServerConfiguration
    private let logger: Logger

    /// Whether this machine's libmicrohttpd was built with TLS, as Debian's is.
    public static var speaksTLS: Bool { hebb_mhd_has_tls() == 1 }

    public init(
        models: any PersonalModels, keys: KeyRing = KeyRing(),
        configuration: ServerConfiguration = ServerConfiguration(), logger: Logger
    ) {
        application = Application(
            models: models, keys: keys, configuration: configuration, logger: logger)
        self.configuration = configuration
        self.logger = logger
        http = HTTPServer(configuration: configuration, application: application)
    }

    /// Listens and answers from then on, on threads of its own.
    ///
    /// - Returns: where it listens; the port is the one it got where 0 was asked for.
    /// - Precondition: not started before.
    @discardableResult
    public func start() throws(ServerStartError) -> (host: String, port: Int) {
        let port = try http.start()
        logger.info(
            "listening", metadata: ["host": "\(configuration.host)", "port": "\(port)"])
        return (configuration.host, port)
    }

    /// Refuses new requests and says so, lets running ones finish for the configured time, ends the
    /// rest with an error, and listens no more. A second call does nothing.
    public func stop() async {
        await http.stop()
        logger.info("stopped listening")
    }
}
