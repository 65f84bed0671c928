import Foundation
import Synchronization
import TinyCore

/// A real PostgreSQL server in a folder of its own, for as long as the tests run.
final class PostgreSQLServer: Sendable {
    struct Failure: Error { let output: String }

    /// Nil: PostgreSQL is not installed.
    static let binaries: String? = {
        let root = "/usr/lib/postgresql/"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        let folders = versions.compactMap(Int.init).sorted(by: >).map { "\(root)\($0)/bin" }
        return folders.first { FileManager.default.isExecutableFile(atPath: $0 + "/postgres") }
    }()

    /// The one that tests share; each store has a database of its own on it.
    static let shared = Result { try PostgreSQLServer() }

    let folder: String
    private let databases = Mutex(0)
    /// Inputs of the guards: closed when this process ends, however it ends.
    private let lifelines = Mutex<[Pipe]>([])

    /// - Parameter settings: as `-c` takes them.
    init(settings: [String] = []) throws {
        // A socket's path has about a hundred characters.
        folder = "/tmp/hebb-postgresql-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o777])
        if getuid() == 0 { try Self.run("chown postgres '\(folder)'") }
        try Self.run(
            Self.command("initdb -D '\(folder)/data' -U hebb -A trust -E UTF8 --locale=C -N"))
        try start(settings)
    }

    /// PostgreSQL refuses to run as root.
    private static func command(_ line: String) throws -> String {
        guard let binaries else { throw Failure(output: "no PostgreSQL") }
        let user = getuid() == 0 ? "setpriv --reuid=postgres --regid=postgres --clear-groups " : ""
        return "cd / && exec \(user)\(binaries)/\(line)"
    }

    func start(_ settings: [String] = []) throws {
        let all =
            [
                "listen_addresses=", "unix_socket_directories=\(folder)", "max_connections=200",
                "logging_collector=off",
            ] + settings
        let options = all.map { "-c '\($0)'" }.joined(separator: " ")
        let server = Process()
        server.executableURL = URL(fileURLWithPath: "/bin/sh")
        // The guard waits for the end of its input, and takes the server along.
        server.arguments = [
            "-c",
            """
            (\(try Self.command("postgres -D '\(folder)/data' \(options)"))) \
            >'\(folder)/log' 2>&1 &
            server=$!
            cat >/dev/null
            kill -INT $server 2>/dev/null
            wait $server
            rm -rf '\(folder)'
            """,
        ]
        let lifeline = Pipe()
        lifelines.withLock { $0.append(lifeline) }
        server.standardInput = lifeline
        try server.run()
        for _ in 0..<600 {
            if (try? run(sql: "SELECT 1")) != nil { return }
            usleep(50_000)
        }
        throw Failure(output: (try? String(contentsOfFile: folder + "/log", encoding: .utf8)) ?? "")
    }

    /// Ends it at once, as a crash does, or in order; `start` begins it again.
    func stop(mode: String) throws {
        try Self.run(Self.command("pg_ctl stop -w -m \(mode) -D '\(folder)/data'"))
    }

    /// The location of a new database.
    func makeDatabase() throws -> String { location(of: try makeNamedDatabase()) }

    func makeNamedDatabase() throws -> String {
        let name = databases.withLock { count -> String in
            count += 1
            return "store\(count)"
        }
        try run(sql: "CREATE DATABASE \(name)")
        return name
    }

    func location(of database: String) -> String {
        "postgresql:///\(database)?host=\(folder)&user=hebb"
    }

    @discardableResult
    func run(sql: String, database: String = "postgres") throws -> String {
        guard let binaries = Self.binaries else { throw Failure(output: "no PostgreSQL") }
        return try Self.run(
            "\(binaries)/psql -XqAt -v ON_ERROR_STOP=1 -h '\(folder)' -U hebb "
                + "-d \(database) -c \"\(sql)\"")
    }

    @discardableResult
    static func run(_ line: String) throws -> String {
        let shell = Process()
        shell.executableURL = URL(fileURLWithPath: "/bin/sh")
        shell.arguments = ["-c", line]
        let output = Pipe()
        shell.standardOutput = output
        shell.standardError = output
        shell.standardInput = FileHandle.nullDevice
        try shell.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        shell.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        guard shell.terminationStatus == 0 else { throw Failure(output: text) }
        return text
    }
}
