import Foundation
import TinyCore

/// The real program, built beside the tests.
enum HebbBinary {
    /// `hebb` in the folder of the test bundle, which is where `swift build` puts both.
    static func url() throws -> URL {
        let bundles = [CommandLine.arguments.first, Bundle.main.executablePath].compactMap(\.self)
        for bundle in bundles {
            var folder = URL(fileURLWithPath: bundle).deletingLastPathComponent()
            // A bundle may be a folder with the executable some levels inside.
            for _ in 0..<4 {
                let candidate = folder.appendingPathComponent("hebb")
                if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
                folder.deleteLastPathComponent()
            }
        }
        throw TestFailure("no hebb binary beside \(bundles): run `swift build` first")
    }

    struct Outcome {
        /// What it left with, or the number of the signal that ended it.
        let status: Int32
        let wasSignalled: Bool
        let output: String
        let errors: String
    }

    /// Where commands keep what they keep for an account: not in that of whoever runs the tests.
    private static let state = Result { try TemporaryFolder() }

    /// Runs a command to its end.
    ///
    /// - Parameter meanwhile: called with the process's id once it runs.
    static func run(
        _ arguments: [String], input: Data? = nil, environment: [String: String] = [:],
        secondsAllowed: Double = 120, meanwhile: (Int32) async throws -> Void = { _ in }
    ) async throws -> Outcome {
        let folder = try TemporaryFolder()
        let process = Process()
        process.executableURL = try url()
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment
            .merging([
                "XDG_STATE_HOME": try state.get().path, "XDG_CACHE_HOME": try state.get().path,
            ]) { $1 }
            .merging(environment) { $1 }
        let output = try folder.file("stdout")
        let errors = try folder.file("stderr")
        process.standardOutput = output.handle
        process.standardError = errors.handle
        if let input {
            let source = folder.url.appendingPathComponent("stdin")
            try input.write(to: source)
            process.standardInput = try FileHandle(forReadingFrom: source)
        } else {
            process.standardInput = FileHandle.nullDevice
        }
        try ProcessLaunch.run(process)
        let deadline = ContinuousClock.now + .seconds(secondsAllowed)
        do {
            try await meanwhile(process.processIdentifier)
        } catch {
            kill(process.processIdentifier, SIGKILL)
            throw error
        }
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                kill(process.processIdentifier, SIGKILL)
                throw TestFailure("hebb \(arguments) ran longer than \(secondsAllowed) s")
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        return Outcome(
            status: process.terminationStatus,
            wasSignalled: process.terminationReason == .uncaughtSignal, output: try output.text(),
            errors: try errors.text())
    }
}

/// A failure of the test's own machinery.
struct TestFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A folder that goes away with its owner.
final class TemporaryFolder: Sendable {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory
            .appendingPathComponent("hebb-test-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    var path: String { url.path }

    struct OpenFile {
        let url: URL
        let handle: FileHandle
        func text() throws -> String { try String(contentsOf: url, encoding: .utf8) }
    }

    func file(_ name: String) throws -> OpenFile {
        let file = url.appendingPathComponent(name)
        guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
            throw TestFailure("cannot create \(file.path)")
        }
        return OpenFile(url: file, handle: try FileHandle(forWritingTo: file))
    }
}
