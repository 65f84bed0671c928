import Foundation
import Synchronization
import TinyCore

/// A `hebb serve` of its own: free port, temporary data folder, the core that ships.
final class ServerProcess: Sendable {
    let client: TestClient
    private let process: Process
    private let logs: TemporaryFolder

    /// Starts it and waits until it is ready.
    ///
    /// - Parameters:
    ///   - data: the data folder; it outlives the server, so that a second one can take it over.
    ///   - arguments: further ones for `hebb serve`.
    convenience init(data: TemporaryFolder, arguments: [String] = []) async throws {
        try await self.init(dataPath: data.path, arguments: arguments)
    }

    /// - Parameters:
    ///   - launcher: a program that starts the server in its own place (`exec`), with its
    ///     arguments; empty to start it directly.
    ///   - program: the server; nil: the one beside the tests.
    init(
        dataPath: String, arguments: [String] = [], launcher: [String] = [], program: String? = nil
    ) async throws {
        logs = try TemporaryFolder()
        process = Process()
        let command =
            launcher + [try program ?? HebbBinary.url().path, "serve", "--json", "--port", "0"]
            + ["--data", dataPath] + arguments
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        // Not a core that somebody fetched on this machine.
        process.environment = ProcessInfo.processInfo.environment
            .merging(["XDG_CACHE_HOME": logs.path]) { $1 }
        process.standardInput = FileHandle.nullDevice
        let output = try logs.file("stdout")
        let errors = try logs.file("stderr")
        process.standardOutput = output.handle
        process.standardError = errors.handle
        try ProcessLaunch.run(process)
        RunningServers.shared.add(process.processIdentifier)
        let deadline = ContinuousClock.now + .seconds(120)
        while true {
            let text = try output.text()
            if let end = text.firstIndex(of: "\n") {
                client = TestClient(base: try Self.address(in: String(text[..<end])))
                return
            }
            guard process.isRunning, ContinuousClock.now < deadline else {
                let said = try errors.text()
                kill(process.processIdentifier, SIGKILL)
                throw TestFailure("hebb serve did not start: \(said)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    deinit { killNow() }

    var identifier: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }

    /// A figure of the process, e.g. `VmHWM`, the most memory it has ever held, bytes.
    func memory(_ name: String) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(identifier)/status", encoding: .utf8)
        for line in status.split(separator: "\n") where line.hasPrefix(name + ":") {
            let words = line.split { $0 == " " || $0 == "\t" }
            if words.count > 1, let figure = Int(words[1]) {
                return figure << 10
            }
        }
        throw TestFailure("no \(name) in the process's status")
    }

    func signal(_ number: Int32) { kill(identifier, number) }

    /// Waits for its end by itself; the status it left with, or the signal that ended it.
    func end(withinSeconds seconds: Double) async throws -> Int32 {
        let deadline = ContinuousClock.now + .seconds(seconds)
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                throw TestFailure("hebb serve did not end within \(seconds) s")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
        RunningServers.shared.remove(process.processIdentifier)
        return process.terminationStatus
    }

    /// What the server has logged.
    func log() throws -> String {
        try String(contentsOf: logs.url.appendingPathComponent("stderr"), encoding: .utf8)
    }

    /// As `kill -9` does: no chance to save anything.
    func killNow() {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
        RunningServers.shared.remove(process.processIdentifier)
    }

    /// Asks it to end, as a service manager does; the status it left with.
    func stop() async throws -> Int32 {
        kill(process.processIdentifier, SIGTERM)
        let deadline = ContinuousClock.now + .seconds(60)
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                killNow()
                throw TestFailure("hebb serve did not stop within 60 s of SIGTERM")
            }
            try await Task.sleep(for: .milliseconds(30))
        }
        RunningServers.shared.remove(process.processIdentifier)
        return process.terminationStatus
    }

    private static func address(in line: String) throws -> String {
        let announcement = try JSONDecoder().decode(JSON.self, from: Data(line.utf8))
        return try announcement["url"].string
    }
}

/// Servers that still run when the tests end, however they end, are killed.
final class RunningServers: Sendable {
    static let shared = RunningServers()
    private let identifiers = Mutex<Set<Int32>>([])

    private init() {
        atexit { RunningServers.shared.killAll() }
    }

    func add(_ identifier: Int32) { identifiers.withLock { _ = $0.insert(identifier) } }
    func remove(_ identifier: Int32) { identifiers.withLock { _ = $0.remove(identifier) } }

    private func killAll() {
        identifiers.withLock { identifiers in
            for identifier in identifiers { kill(identifier, SIGKILL) }
        }
    }
}
