import Foundation
import Testing
import TinyCore

/// A file system of a few megabytes in memory, in a mount namespace of its own.
///
/// A shell holds the namespace; servers are started inside it by `nsenter` and keep their own
/// process number, so that they are killed as any other.
final class SmallDisk {
    /// Where it is, for those inside.
    let path: String
    private let holder: Process
    private let folder: TemporaryFolder

    /// Whether this machine lets us mount one; some containers do not.
    static let isAllowed: Bool = {
        guard let unshare = program("unshare"), program("nsenter") != nil else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: unshare)
        process.arguments = ["--mount", "sh", "-c", "mount -t tmpfs tmpfs /mnt"]
        process.standardError = FileHandle.nullDevice
        guard (try? ProcessLaunch.run(process)) != nil else { return false }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// Why tests that need it are skipped.
    static let reason: Comment = "mounting a file system needs root (CAP_SYS_ADMIN)"

    init(megabytes: Int) async throws {
        folder = try TemporaryFolder()
        path = folder.path + "/disk"
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        holder = Process()
        holder.executableURL = URL(fileURLWithPath: try Self.found("unshare"))
        holder.arguments = [
            "--mount", "sh", "-c",
            "mount -t tmpfs -o size=\(megabytes)m tmpfs '\(path)' && echo ready && exec sleep 3600",
        ]
        let output = try folder.file("ready")
        holder.standardOutput = output.handle
        try ProcessLaunch.run(holder)
        RunningServers.shared.add(holder.processIdentifier)
        let deadline = ContinuousClock.now + .seconds(20)
        while try output.text() != "ready\n" {
            guard holder.isRunning, ContinuousClock.now < deadline else {
                throw TestFailure("the small disk could not be mounted")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    deinit {
        kill(holder.processIdentifier, SIGKILL)
        holder.waitUntilExit()
        RunningServers.shared.remove(holder.processIdentifier)
    }

    /// What starts a program inside.
    var launcher: [String] {
        get throws {
            [try Self.found("nsenter"), "--mount", "--target", "\(holder.processIdentifier)", "--"]
        }
    }

    /// Runs a shell line inside and gives its output.
    @discardableResult
    func shell(_ line: String) throws -> String {
        let process = Process()
        let command = try launcher + ["sh", "-c", line]
        process.executableURL = URL(fileURLWithPath: command[0])
        process.arguments = Array(command.dropFirst())
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try ProcessLaunch.run(process)
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus == 0 else {
            throw TestFailure("\(line): \(String(decoding: output, as: UTF8.self))")
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// A server whose data folder is on it.
    func server(arguments: [String]) async throws -> ServerProcess {
        try await ServerProcess(
            dataPath: path + "/data", arguments: arguments, launcher: try launcher)
    }

    private static func found(_ name: String) throws -> String {
        guard let path = program(name) else { throw TestFailure("no \(name) on this machine") }
        return path
    }

    private static func program(_ name: String) -> String? {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return folders.map { "\($0)/\(name)" }
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }
}
