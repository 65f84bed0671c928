import Foundation
import Testing

/// The commands, run as people and scripts run them.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct CommandLineTests {
    private func json(_ outcome: HebbBinary.Outcome) throws -> JSON {
        try JSONDecoder().decode(JSON.self, from: Data(outcome.output.utf8))
    }

    @Test("Commands teach, measure, keep, drop and carry over what a user taught")
    func wholeLife() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let folder = try TemporaryFolder()
        let notes = folder.url.appendingPathComponent("notes.txt").path
        try UserText.notes.write(toFile: notes, atomically: true, encoding: .utf8)
        let environment = ["HEBB_URL": server.client.base, "HEBB_SESSION": "alice/default"]
        func hebb(_ arguments: String..., input: String? = nil) async throws -> JSON {
            let outcome = try await HebbBinary.run(
                arguments + ["--json"], input: input.map { Data($0.utf8) },
                environment: environment)
            #expect(outcome.status == 0, "hebb \(arguments): \(outcome.errors)")
            return try json(outcome)
        }
        func adapted() async throws -> Double {
            let score = try await hebb("score", "-", input: UserText.laterNotes)
            return try score["total"]["bits_per_byte"]["adapted"].number
        }

        let first = try await adapted()
        let lesson = try await hebb("observe", "--piece", "1000", notes)
        #expect(try lesson["total"]["bytes"].number == Double(UserText.notes.utf8.count))
        #expect(try lesson["total"]["pieces"].number >= 2)
        let learned = try await adapted()
        #expect(learned < first)

        // The same run again is a retry: every piece is known, nothing is learned twice.
        let run = try lesson["run"].string
        for arguments in [[], ["--run", run]] {
            let again = try await HebbBinary.run(
                ["observe", "--piece", "1000", notes, "--json"] + arguments,
                environment: environment)
            #expect(try json(again)["revision"] == lesson["revision"])
            #expect(
                try json(again)["total"]["learned_before"]["bytes"] == lesson["total"]["bytes"])
        }
        #expect(try await adapted() == learned)

        _ = try await hebb("checkpoint", "--name", "week nine")
        let kept = try await adapted()
        let listed = try await hebb("checkpoint", "list")
        #expect(try listed.array.count == 1)
        let made = try listed.array[0]["id"].string
        let described = try await hebb("checkpoint", "describe", made, "--note", "after a week")
        #expect(try described["note"].string == "after a week")

        let features = try await hebb("inspect", "--top", "3")
        #expect(try features["latents"].array.count == 3)
        let example = try features["latents"].array[0]["examples"].array[0]
        #expect(try UserText.notes.contains(example["token"].string))
        let diff = try await hebb("checkpoint", "diff", "frozen", made)
        #expect(
            try diff["bits_per_byte"]["to"].number < diff["bits_per_byte"]["from"].number)

        let engram = folder.url.appendingPathComponent("alice.engram").path
        _ = try await hebb("export", "--output", engram)
        _ = try await hebb("reset", "--to", "frozen")
        #expect(try await adapted() == first)
        _ = try await hebb("import", engram)
        #expect(try await adapted() == kept)
        #expect(try await hebb("sessions").array.count == 1)
    }

    @Test("A completion is printed as text")
    func completes() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let outcome = try await HebbBinary.run(
            [
                "complete", "--url", server.client.base, "--max-tokens", "8", "--seed", "3",
                "The tarn",
            ])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(!outcome.output.trimmingCharacters(in: .whitespacesAndNewlines).isEmpty)
    }

    @Test("Without a server a command says how to start one, and leaves with 1")
    func noServer() async throws {
        let outcome = try await HebbBinary.run(
            ["score", "-", "--url", "http://127.0.0.1:9"], input: Data("text".utf8))
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("hebb serve"))
    }

    @Test(
        "Wrong usage leaves with 2 and says what is allowed",
        arguments: [
            ["bogus"], ["run"], ["score"], ["feedback", "cmpl-1"], ["feedback", "cmpl-1", "2"],
            ["reset", "--session", "a//b"], ["observe", "-", "-"],
            ["score", "--user", "al ice", "-"], ["score", "-", "--url", "localhost:8421"],
            ["serve", "--port", "70000"], ["export", "--scope", "all"],
        ])
    func wrongUsage(arguments: [String]) async throws {
        let outcome = try await HebbBinary.run(arguments)
        #expect(outcome.status == 2, "\(outcome.errors)")
        #expect(outcome.output.isEmpty)
        #expect(outcome.errors.contains("Usage:"))
    }

    @Test("A command that there is not leads to the one that there is")
    func otherWords() async throws {
        for (word, hint) in [("run", "hebb complete"), ("models", "hebb sessions")] {
            let outcome = try await HebbBinary.run([word])
            #expect(outcome.status == 2)
            let lines = outcome.errors.split(separator: "\n")
            #expect(lines.count > 2 && lines[0].contains("'\(word)'") && lines[1].contains(hint))
        }
    }

    @Test("A server is reached by IPv6 in figures, and by the address of OpenAI's clients")
    func addresses() async throws {
        let server = try await ServerProcess(
            data: TemporaryFolder(), arguments: ["--host", "::1"])
        #expect(server.client.base.hasPrefix("http://[::1]:"))
        for url in [server.client.base, server.client.base + "/v1/"] {
            let outcome = try await HebbBinary.run(["sessions", "--url", url])
            #expect(outcome.status == 0, "\(outcome.errors)")
            let byEnvironment = try await HebbBinary.run(
                ["sessions"], environment: ["HEBB_URL": url])
            #expect(byEnvironment.status == 0, "\(byEnvironment.errors)")
        }
    }

    @Test(
        "Every command has help with an example",
        arguments: [
            "serve", "pull", "doctor", "observe", "score", "complete", "feedback", "sessions",
            "checkpoint", "reset", "export", "import", "train-sae", "evaluate", "bench",
        ])
    func help(command: String) async throws {
        let outcome = try await HebbBinary.run([command, "--help"])
        #expect(outcome.status == 0)
        #expect(outcome.output.contains("Example: hebb \(command)"))
        #expect(outcome.output.contains("--json"))
    }

    @Test("An evaluation comes out the same twice, and draws its curves")
    func evaluation() async throws {
        let folder = try TemporaryFolder()
        let users = folder.url.appendingPathComponent("users")
        try FileManager.default.createDirectory(at: users, withIntermediateDirectories: true)
        for (name, text) in [("a", UserText.notes), ("b", UserText.laterNotes + UserText.notes)] {
            let file = users.appendingPathComponent("\(name).txt").path
            try text.write(toFile: file, atomically: true, encoding: .utf8)
        }
        let generic = folder.url.appendingPathComponent("generic.txt").path
        try UserText.laterNotes.write(toFile: generic, atomically: true, encoding: .utf8)
        let svg = folder.url.appendingPathComponent("curves.svg").path
        func evaluate() async throws -> HebbBinary.Outcome {
            let outcome = try await HebbBinary.run([
                "evaluate", "--users", users.path, "--generic", generic, "--quick", "--json",
                "--no-timings", "--svg", svg,
            ])
            #expect(outcome.status == 0, "\(outcome.errors)")
            return outcome
        }
        let first = try await evaluate()
        #expect(first.output == (try await evaluate()).output)
        let report = try json(first)
        #expect(try report["systems"].array.map { try $0["name"].string } == ["frozen", "all"])
        let all = try report["systems"].array[1]
        #expect(try all["mean"]["stream_gain"].number > 0)
        #expect(try all["facts"]["alone"].array[1]["same"]["probability"].number > 0.05)
        #expect(!first.output.contains("timings"))
        #expect(try String(contentsOfFile: svg, encoding: .utf8).contains("<polyline"))
    }

    @Test("The doctor finds the shipped core in order, and a missing one not")
    func doctor() async throws {
        let data = try TemporaryFolder()
        let well = try await HebbBinary.run([
            "doctor", "--json", "--data", data.path, "--port", "0",
        ])
        #expect(well.status == 0, "\(well.output)\(well.errors)")
        let ill = try await HebbBinary.run(
            ["doctor", "--data", data.path, "--core", data.path, "--port", "0"])
        #expect(ill.status == 1)
        #expect(ill.output.contains("fail"))
    }
}
