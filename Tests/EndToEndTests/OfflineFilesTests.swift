import Foundation
import Testing
import TinyCore

/// What the commands that start no server leave on a disk.
@Suite(.timeLimit(.minutes(10)))
struct OfflineFilesTests {
    private func files(_ folder: String) throws -> [String: Data] {
        var files: [String: Data] = [:]
        for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
            files[name] = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        }
        return files
    }

    @Test("The doctor leaves a data folder as it finds it")
    func doctor() async throws {
        let data = try TemporaryFolder()
        let server = try await ServerProcess(data: data)
        _ = try await server.client.observe("alice/default", UserText.notes)
        #expect(try await server.stop() == 0)
        // A folder that was copied without its lock gets none.
        try FileManager.default.removeItem(atPath: data.path + "/lock")
        let before = try files(data.path)
        let outcome = try await HebbBinary.run(["doctor", "--data", data.path, "--port", "0"])
        #expect(outcome.output.contains("1 learning events, not encrypted"), "\(outcome.output)")
        #expect(try files(data.path) == before)
    }

    @Test("A token without a row in the embedding is told, and its name in a text kills nobody")
    func tokenBeyondEmbedding() async throws {
        let core = try TinyCore.make()
        defer { TinyCore.remove(core) }
        let url = URL(fileURLWithPath: core + "/tokenizer.json")
        let pad = #"{"id":\#(TinyCore.vocabularySize),"content":"<pad>","special":true},"#
        let text = String(decoding: try Data(contentsOf: url), as: UTF8.self)
            .replacing(#""added_tokens":["#, with: #""added_tokens":["# + pad)
        try Data(text.utf8).write(to: url)
        let data = try TemporaryFolder()
        let doctor = try await HebbBinary.run(
            ["doctor", "--core", core, "--data", data.path, "--port", "0"])
        #expect(doctor.output.contains("<pad>") && doctor.output.contains("tokenizer.json"))
        let server = try await ServerProcess(data: data, arguments: ["--core", core])
        for prompt in ["a<pad>b", "a"] {
            let answer = try await server.client.post(
                "/v1/completions", ["prompt": .string(prompt), "max_tokens": 1])
            #expect(try answer["usage"]["completion_tokens"].number >= 0)
        }
        #expect(try await server.stop() == 0)
    }

    @Test("A key that cannot be written whole leaves nothing in its way")
    func partialKey() async throws {
        let folder = try TemporaryFolder()
        let path = folder.path + "/owner.key"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        // No file may grow, and to try is an error, not a signal.
        process.arguments = [
            "-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" seal --new-key \"$1\" >/dev/null 2>&1",
            try HebbBinary.url().path, path,
        ]
        try ProcessLaunch.run(process)
        process.waitUntilExit()
        #expect(process.terminationStatus == 1)
        #expect(try files(folder.path).isEmpty)
        #expect(try await HebbBinary.run(["seal", "--new-key", path]).status == 0)
        #expect(try Set(files(folder.path).keys) == ["owner.key", "owner.key.pub"])
    }
}
