import Foundation
import Testing
import TinyCore

/// `deploy/install`, into a folder of its own.
@Suite(.timeLimit(.minutes(5)))
struct InstallTests {
    private struct Outcome {
        let status: Int32
        let text: String
    }

    /// Runs a program in a folder, with a path to the system's tools and nothing else around it.
    private func run(
        _ program: String, _ arguments: [String], in folder: String, home: String
    ) throws -> Outcome {
        let log = try TemporaryFolder()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = arguments
        process.environment = ["PATH": "/usr/bin:/bin", "HOME": home]
        process.currentDirectoryURL = URL(fileURLWithPath: folder)
        process.standardInput = FileHandle.nullDevice
        let output = try log.file("log")
        process.standardOutput = output.handle
        process.standardError = output.handle
        try ProcessLaunch.run(process)
        process.waitUntilExit()
        return Outcome(status: process.terminationStatus, text: try output.text())
    }

    private var script: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("deploy/install").path
    }

    private func files(_ folder: String) -> Set<String> {
        Set(FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? [])
    }

    @Test(
        "What is installed is found and works from anywhere; what is removed is that, and no more")
    func roundTrip() async throws {
        let (place, elsewhere) = (try TemporaryFolder(), try TemporaryFolder())
        let home = place.path + "/home"
        let prefix = home + "/.local"
        // As a server of this user would have left it.
        let data = prefix + "/share/hebb"
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true)
        try Data().write(to: URL(fileURLWithPath: data + "/hebb.sqlite"))
        let before = files(place.path)

        func install(_ arguments: String...) throws -> Outcome {
            try run(
                "/bin/bash", [script, "--prefix", prefix] + arguments, in: elsewhere.path,
                home: home)
        }
        let program = try HebbBinary.url().path
        for _ in 0..<2 {
            let outcome = try install("--program", program)
            #expect(outcome.status == 0, "\(outcome.text)")
        }
        for path in [
            "bin/hebb", "share/man/man1/hebb-observe.1", "share/hebb/cores/folio-5m/config.json",
            "share/bash-completion/completions/hebb", "share/zsh/site-functions/_hebb",
            "share/fish/vendor_completions.d/hebb.fish",
        ] { #expect(files(prefix).contains(path), "\(path)") }

        // From another folder, with an empty environment: the core is found beside the program.
        let doctor = try run(
            prefix + "/bin/hebb", ["doctor", "--port", "0", "--data", elsewhere.path + "/data"],
            in: elsewhere.path, home: elsewhere.path)
        #expect(doctor.status == 0 && doctor.text.contains(prefix), "\(doctor.text)")
        let server = try await ServerProcess(
            dataPath: elsewhere.path + "/data",
            launcher: ["/usr/bin/env", "-i", "-C", elsewhere.path], program: prefix + "/bin/hebb")
        #expect(try await server.client.get("/health")["model"].string == "folio-5m")
        _ = try await server.stop()

        let outcome = try install("--uninstall")
        #expect(outcome.status == 0, "\(outcome.text)")
        #expect(files(place.path) == before)
        #expect(try install("--uninstall").status == 1)
    }

    @Test("A file of somebody else's is not replaced, and then nothing is installed")
    func foreignFile() throws {
        let place = try TemporaryFolder()
        let prefix = place.path + "/prefix"
        try FileManager.default.createDirectory(
            atPath: prefix + "/bin", withIntermediateDirectories: true)
        try Data("mine".utf8).write(to: URL(fileURLWithPath: prefix + "/bin/hebb"))
        let before = files(place.path)
        let outcome = try run(
            "/bin/bash", [script, "--prefix=prefix", "--program", try HebbBinary.url().path],
            in: place.path, home: place.path)
        #expect(outcome.status == 1 && outcome.text.contains("Nothing was changed"))
        #expect(files(place.path) == before)
    }

    @Test("A copy without a core says where it looked and how to name one")
    func copyAlone() throws {
        let place = try TemporaryFolder()
        let copy = place.path + "/bin/hebb"
        try FileManager.default.createDirectory(
            atPath: place.path + "/bin", withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: try HebbBinary.url().path, toPath: copy)
        let outcome = try run(
            copy, ["bench"], in: place.path, home: place.path)
        #expect(outcome.status == 1)
        for part in ["\(place.path)/share/hebb/cores", "--core", "HEBB_CORE", "deploy/install"] {
            #expect(outcome.text.contains(part), "\(outcome.text)")
        }
    }
}
