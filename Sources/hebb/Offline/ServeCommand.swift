import ArgumentParser
import EngramStorage
import Engrams
import Foundation
import Logging
import OuterCortex
import Scheduling
import Serving

/// `hebb serve`: the server.
struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve a core and its users' engrams over HTTP.",
        discussion: """
            Example: hebb serve
                     hebb serve --core ~/models/my-core --data ~/engrams --port 9000

            SIGINT and SIGTERM drain it: new requests and /health answer 503, running ones have \
            --drain-seconds to finish, and streams that must end then get an error as their last \
            event. A second signal ends it at once. What was learned is on disk before a request \
            is answered, so that even a crash loses nothing. SIGHUP does nothing.

            The log has a line a request: its id (X-Request-Id, the client's or ours), route, \
            status, error code, and a word for the user that changes at every start; no names, \
            no texts.

            With a data key, what users taught is encrypted on disk (AES-256-GCM): texts, engrams \
            and answers, not names, times and counts. Make the key once, on a folder old or new, \
            and keep a copy elsewhere, since without it the folder is lost:

              hebb serve --new-data-key ~/hebb.key
              hebb serve --data-key ~/hebb.key

            With API keys (`hebb keys`) it may listen on any address, and each key is its user:

              hebb keys add alice --role admin --data ~/.local/share/hebb
              hebb serve --host 0.0.0.0 --allowed-host hebb.example.org --tls-cert F --tls-key F

            With `--journal deltas` no text is kept at all, nor what of an engram spells it (episodes \
            and sequences): less is learned, and no single event can be forgotten.
            """)

    @OptionGroup var core: CoreOptions
    @OptionGroup var computing: ThreadOptions
    @OptionGroup var data: DataOptions

    @Option(help: "Serve only a core whose constitution this Ed25519 key (PEM) has signed.")
    var trust: String?

    @OptionGroup(title: "Sharing") var sharing: SharingOptions

    @Option(help: "The address to listen on; without API keys a loopback address only.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes a free one.")
    var port = 8421

    @Option(help: "The largest file that a request may bring, bytes.")
    var maxBody = 16 << 20

    @Option(help: "The largest text of a request, bytes.")
    var maxText = 1 << 20

    @Option(help: "Make a key for the data folder in this new file, and encrypt the folder.")
    var newDataKey: String?

    enum Journal: String, ExpressibleByArgument, CaseIterable {
        case text, deltas

        var kind: JournalKind {
            switch self {
            case .text: .text
            case .deltas: .deltas
            }
        }
    }

    @Option(
        help: """
            What to keep of what is learned: its text, so that it can be looked at and forgotten, \
            or only what it made of the engram, without the sites that spell the text.
            """)
    var journal = Journal.text

    @Option(
        help: """
            Megabytes for the bodies of all requests under way and for long answers; beyond it \
            they are told to come again, except small ones.
            """)
    var requestMemory = 128

    @Option(help: "Sessions that one user may have.")
    var sessionsPerUser = 256

    @Option(help: "How long running requests may go on once the server is told to end.")
    var drainSeconds = 10

    @Option(help: "Connections open at once.")
    var maxConnections = 1_024

    @Option(help: "Requests that run or wait before others are told to come again.")
    var queue = 64

    @Option(help: "Megabytes of users' engrams to hold in memory.")
    var memory = 256

    @Option(
        help: """
            Megabytes for what the core keeps of the tokens of all requests, and of conversations \
            between their turns (default: a quarter of the machine's memory).
            """)
    var kvMemory: Int?

    @Flag(
        help: """
            Let a prompt go on with what another user's was read to, where both begin with the same \
            text. Saves time; how fast an answer comes then tells what others have sent.
            """)
    var sharePrefixes = false

    @Option(
        help: "Unnamed automatic checkpoints of a user to keep; the newest stay.")
    var keepCheckpoints = 10

    enum LogLevel: String, ExpressibleByArgument, CaseIterable {
        case trace, debug, info, notice, warning, error, critical
    }

    @Option(help: "The least that is logged, on stderr.")
    var logLevel = LogLevel.info

    @Option(help: "How the log is written: lines for people, or a JSON object a line.")
    var logFormat = LogFormat.text

    @Flag(help: "Announce in JSON on stdout: one line, when ready.")
    var json = false

    func validate() throws {
        guard (0...65_535).contains(port) else {
            throw ValidationError("--port must be from 0 to 65535")
        }
        guard (0...1_000_000_000).contains(keepCheckpoints) else {
            throw ValidationError("--keep-checkpoints must be from 0 to 1000000000")
        }
        if newDataKey != nil, data.dataKey != nil {
            throw ValidationError("--new-data-key makes a key; name it as --data-key next time")
        }
        // Far beyond any machine, and far from where sums and products of them overflow.
        let bounds = [
            ("--max-body", maxBody, 1 << 40), ("--max-text", maxText, 1 << 40),
            ("--queue", queue, 1_000_000), ("--max-connections", maxConnections, 1_000_000),
            ("--memory", memory, 1 << 30), ("--request-memory", requestMemory, 1 << 30),
            ("--sessions-per-user", sessionsPerUser, 1_000_000),
            ("--kv-memory", kvMemory ?? 1, 1 << 30),
        ]
        for (name, value, largest) in bounds where !(1...largest).contains(value) {
            throw ValidationError("\(name) must be from 1 to \(largest)")
        }
        guard (0...86_400).contains(drainSeconds) else {
            throw ValidationError("--drain-seconds must be from 0 to 86400")
        }
        // A body that grows is in two places for a moment.
        guard maxBody <= requestMemory << 19 else {
            throw ValidationError(
                "--request-memory must hold two bodies: \(maxBody) bytes of --max-body are more "
                    + "than half of \(requestMemory) megabytes")
        }
    }

    private struct Announcement: Encodable {
        let url: String
        let core: String
        let data: String
        let kernelClass: String
        let startupSeconds: Double
    }

    func run() async throws {
        let start = ContinuousClock.now
        LoggingSystem.bootstrap { label in
            LineLogHandler(
                label: label, format: logFormat,
                level: Logger.Level(rawValue: logLevel.rawValue) ?? .info)
        }
        let logger = Logger(label: "hebb.serve")
        let signals = ShutdownSignals()
        // The data first: it takes no time, and a second server on it must not start.
        let store = try await StoreOpening(
            location: data.location(), keyFile: data.dataKey, newKeyFile: newDataKey,
            journal: journal.kind
        ).open(logger: logger)
        let keys = try await KeyRing(store: store, isRequired: sharing.requireKeys)
        try sharing.check(keys)
        let tls = try sharing.tls()
        let policy = try trust.map { CoreSeal.Policy.trust(try KeyFile.verifying($0)) } ?? .verify
        let cortex = try Cortex(
            at: try core.location(), threads: computing.ofMachine, policy: policy)
        let scheduler = Scheduler(cortex: cortex, store: store, configuration: schedulerBounds)
        let server = HebbServer(
            models: scheduler, keys: keys, configuration: serverBounds(tls: tls),
            logger: Logger(label: "hebb.http"))
        let boundPort = try server.start().port
        let announcement = Announcement(
            url:
                "\(tls == nil ? "http" : "https")://\(host.contains(":") ? "[\(host)]" : host):\(boundPort)",
            core: cortex.modelName, data: data.location().description,
            kernelClass: cortex.kernelClass,
            startupSeconds: (ContinuousClock.now - start) / .seconds(1))
        try announce(announcement, needsKeys: keys.isRequired)
        for notice in cortex.notices { logger.warning("\(notice)") }
        log(cortex.seal, to: logger)
        logger.info(
            "ready",
            metadata: [
                "url": "\(announcement.url)", "core": "\(announcement.core)",
                "data": "\(announcement.data)", "kernels": "\(announcement.kernelClass)",
                "seconds": "\(Figure.fixed(announcement.startupSeconds, 2))",
            ])

        await signals.first()
        logger.info(
            "draining; another signal ends it at once", metadata: ["seconds": "\(drainSeconds)"])
        await server.stop()
        await keys.flush()
        await scheduler.shutdown()
        logger.info("stopped")
    }

    private func log(_ seal: CoreSeal, to logger: Logger) {
        guard let constitution = seal.constitution else {
            return logger.info("the core is not sealed; `hebb seal` writes its constitution")
        }
        logger.info(
            "the core is as its constitution sealed it",
            metadata: [
                "sha256": "\(seal.hash)", "files": "\(constitution.files.count)",
                "probes": "\(constitution.probes.count)",
                "signed_by": "\(seal.signer?.description ?? "nobody")",
            ])
    }

    private var schedulerBounds: SchedulerConfiguration {
        var bounds = SchedulerConfiguration()
        bounds.textBytesMaximum = maxText
        bounds.queueCapacity = queue
        bounds.sessionsPerUserMaximum = sessionsPerUser
        bounds.residentBytesMaximum = memory << 20
        bounds.contextBytesMaximum = kvMemory.map { $0 << 20 } ?? MachineMemory.byteCount / 4
        bounds.sharesContextsAmongUsers = sharePrefixes
        bounds.automaticCheckpointsKept = keepCheckpoints
        bounds.journal = journal.kind
        return bounds
    }

    private func serverBounds(tls: TLSIdentity?) -> ServerConfiguration {
        ServerConfiguration(
            host: host, port: port, allowedHosts: sharing.allowedHost,
            allowedOrigins: sharing.corsOrigin, tls: tls, maximumBodyBytes: maxBody,
            maximumTextBytes: maxText,
            requestMemoryBytes: requestMemory << 20, maximumConnections: maxConnections,
            drainSeconds: Double(drainSeconds))
    }

    private static let keyHeader = "\n    -H \"Authorization: Bearer $HEBB_API_KEY\" \\"

    private func announce(_ announcement: Announcement, needsKeys: Bool) throws {
        if json {
            return Terminal.result(
                String(decoding: try WireFormat.encoded(announcement), as: UTF8.self))
        }
        Terminal.result(
            """
            Hebb serves \(announcement.core) at \(announcement.url)
            Users' engrams are in \(announcement.data)

            Teach it something, twice, and watch "adapted" fall under "frozen" (bits per byte):

              curl -s \(announcement.url)/v1/sessions/you/default/observe \\
                -H 'Content-Type: application/json' \\\(needsKeys ? Self.keyHeader : "")
                -d '{"text": "The quorvath hums at dusk. A struck bell is answered by the quorvath."}'

            Ctrl-C stops it.
            """)
    }
}
