import Foundation
import TinyCore

/// Runs a suite of this bundle again in a mount namespace of its own, in which it may mount small
/// and read-only file systems that nobody else sees.
enum PrivateMounts {
    private static let variable = "HEBB_TEST_MOUNT"

    /// The empty tmpfs of this process; nil outside a namespace.
    static let place = ProcessInfo.processInfo.environment[variable]

    /// Whether this user may make namespaces and mount in them (in a container mostly not).
    static let areAllowed: Bool = {
        let folder = TemporaryPlace.path("probe")
        let script = "mkdir -p '\(folder)' && mount -t tmpfs -o size=64k tmpfs '\(folder)'"
        return (try? inNamespace(script, environment: [:]).status) == 0
    }()

    /// - Parameter kilobytes: the size of the tmpfs.
    static func run(suite: String, kilobytes: Int) throws -> (status: Int32, output: String) {
        let folder = TemporaryPlace.path("mount")
        let bundle = CommandLine.arguments[0]
        return try inNamespace(
            """
            mkdir -p '\(folder)' && mount -t tmpfs -o size=\(kilobytes)k tmpfs '\(folder)' \
            && exec '\(bundle)' --testing-library swift-testing --filter '\(suite)'
            """, environment: [variable: folder])
    }

    /// A command of the system's, waited for.
    static func command(_ line: String) throws -> Int32 {
        try start("/bin/sh", ["-c", line], environment: [:]).status
    }

    private static func inNamespace(_ script: String, environment: [String: String]) throws
        -> (status: Int32, output: String)
    {
        // Root needs no user namespace, and may not be allowed one where it is allowed mounts.
        let kind = geteuid() == 0 ? "-m" : "-rm"
        return try start(
            "/usr/bin/env", ["unshare", kind, "sh", "-c", script], environment: environment)
    }

    private static func start(
        _ program: String, _ arguments: [String], environment: [String: String]
    ) throws -> (status: Int32, output: String) {
        let process = Process()
        let pipe = Pipe()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardOutput = pipe
        process.standardError = pipe
        try ProcessLaunch.run(process)
        let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return (process.terminationStatus, String(decoding: output, as: UTF8.self))
    }
}
