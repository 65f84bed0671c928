public import Logging
public import Scheduling

/// Hebb's HTTP server over a set of personal models: OpenAI's API and sessions.
///
/// Keep it until `stop()` has returned: a server that goes while it runs ends the process.
public final class HebbServer: Sendable {
    private let http: HTTPServer
    private let configuration: ServerConfiguration
    private let logger: Logger

    public init(
        models: any PersonalModels, configuration: ServerConfiguration = ServerConfiguration(),
        logger: Logger
    ) {
        let application = Application(models: models, logger: logger)
        self.configuration = configuration
        self.logger = logger
        http = HTTPServer(configuration: configuration) { await application.respond($0) }
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

    /// Accepts nothing more, lets running requests finish for the configured grace, cancels the
    /// rest. A second call does nothing.
    public func stop() async {
        await http.stop()
        logger.info("stopped listening")
    }
}
