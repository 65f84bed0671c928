import Foundation
import Testing

/// `hebb observe` over files as people have them, and over runs that are broken off.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct ObserveTests {
    private let server: ServerProcess
    private let folder: TemporaryFolder

    init() async throws {
        server = try await ServerProcess(data: TemporaryFolder())
        folder = try TemporaryFolder()
    }

    private func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let path = folder.path + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    private func observe(
        _ arguments: [String], meanwhile: (Int32) async throws -> Void = { _ in }
    ) async throws -> HebbBinary.Outcome {
        try await HebbBinary.run(
            ["observe", "--url", server.client.base, "--user", "alice"] + arguments,
            meanwhile: meanwhile)
    }

    private func report(_ arguments: [String]) async throws -> JSON {
        let outcome = try await observe(arguments + ["--json"])
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try JSONDecoder().decode(JSON.self, from: Data(outcome.output.utf8))
    }

    /// What the session learned from, text by text.
    private func learnedTexts() async throws -> [String] {
        let answer = try await server.client.get(
            "/v1/sessions/alice/default/events?limit=1000&text=true")
        guard answer.status == 200 else { return [] }
        return try answer["data"].array.filter { try $0["kind"].string == "observe" }
            .map { try $0["text"].string }
    }

    /// 40 KB, no two pieces alike.
    private var longText: String {
        (1...20).map { "Notebook \($0).\n\(UserText.notes)" }.joined(separator: "\n")
    }

    @Test("One file that is no text, and nothing is learned from any")
    func checksFirst() async throws {
        let notes = try write("a.txt", UserText.notes.utf8)
        let pdf = try write("b.pdf", "%PDF-1.4 ...".utf8)
        let outcome = try await observe([notes, pdf])
        #expect(outcome.status == 1)
        #expect(outcome.errors.contains("a PDF document") && outcome.errors.contains("pdftotext"))
        #expect(try await learnedTexts().isEmpty)
    }

    @Test("A text is learned as it reads, whatever it was stored as")
    func normalises() async throws {
        let text = "Zeile eins: Grüße.\nZeile zwei.\n"
        let crlf = text.replacingOccurrences(of: "\n", with: "\r\n")
        let marked = try write("a.txt", [0xEF, 0xBB, 0xBF] + Array(crlf.utf8))
        let wide = try write(
            "b.txt", [0xFF, 0xFE] + crlf.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] })
        let latin = try write("c.txt", crlf.unicodeScalars.map { UInt8($0.value) })
        _ = try await report([marked])
        #expect(try await learnedTexts() == [text])
        // The same text is no news, in whatever form it comes.
        for arguments in [[wide], [latin, "--encoding", "latin1"]] {
            let total = try await report(arguments)["total"]
            #expect(try total["learned_before"]["pieces"].number == 1)
        }
        #expect(try await learnedTexts() == [text])
        let refused = try await observe([latin])
        #expect(refused.status == 1 && refused.errors.contains("--encoding latin1"))
    }

    @Test("A folder is learned whole, once; what is new in it is learned when it comes")
    func folders() async throws {
        _ = try write("b.md", "Second note.\n".utf8)
        _ = try write("a.md", "First note.\n".utf8)
        _ = try write("c.png", [0x89, 0x50, 0x4E, 0x47, 0, 0])
        let outcome = try await observe([folder.path])
        #expect(outcome.status == 0, "\(outcome.errors)")
        #expect(
            outcome.errors.contains("left out, being no text") && outcome.errors.contains("PNG"))
        #expect(try await learnedTexts() == ["First note.\n", "Second note.\n"])
        _ = try write("c.md", "Third note.\n".utf8)
        let again = try await observe([folder.path, "--include", "*.md"])
        #expect(again.output.contains("a.md: learned before"))
        #expect(try await learnedTexts().last == "Third note.\n")
        #expect(try await learnedTexts().count == 3)
        // On purpose.
        _ = try await report([folder.path + "/a.md", "--again"])
        #expect(try await learnedTexts().count(where: { $0 == "First note.\n" }) == 2)
    }

    @Test("After Ctrl-C the same command goes on, and every piece is learned once")
    func interrupted() async throws {
        let notes = try write("notes.txt", longText.utf8)
        let stopped = try await observe(["--piece", "1000", notes]) { process in
            let deadline = ContinuousClock.now + .seconds(60)
            while try await learnedTexts().count < 3, ContinuousClock.now < deadline {
                try await Task.sleep(for: .milliseconds(20))
            }
            kill(process, SIGINT)
        }
        #expect(stopped.wasSignalled && stopped.status == SIGINT, "\(stopped.errors)")
        let words = try #require(
            stopped.errors.firstMatch(of: /run ([0-9a-f]{16}) stopped after ([0-9]+) of ([0-9]+)/))
        let pieces = try #require(Int(words.output.3))
        #expect(stopped.errors.contains("the same command goes on from there"))
        let before = try await learnedTexts().count
        #expect((3..<pieces).contains(before))
        let rest = try await report(["--piece", "1000", notes])
        #expect(try rest["run"].string == String(words.output.1))
        #expect(try rest["total"]["pieces"].number == Double(pieces))
        #expect(try rest["total"]["learned_before"]["pieces"].number >= Double(before))
        let learned = try await learnedTexts()
        #expect(learned.joined() == longText && learned.count == pieces)
    }

    @Test("What a reset dropped is learned anew, once", arguments: ["frozen", "head"])
    func reset(target: String) async throws {
        let notes = try write("notes.txt", UserText.notes.utf8)
        _ = try await report(["--piece", "1000", notes])
        let pieces = try await learnedTexts().count
        let reset = try await HebbBinary.run([
            "reset", "--url", server.client.base, "--user", "alice", "--to", target,
        ])
        #expect(reset.status == 0)
        let anew = try await report(["--piece", "1000", notes])
        #expect(try anew["total"]["learned_before"]["pieces"].number == 0)
        #expect(try await learnedTexts().count == 2 * pieces)
        let again = try await report(["--piece", "1000", notes])
        #expect(try again["total"]["learned_before"]["pieces"].number == Double(pieces))
        #expect(try await learnedTexts().count == 2 * pieces)
    }

    @Test("What was forgotten stays so, and what went with a discarded session is learned anew")
    func forgotten() async throws {
        let notes = try write("notes.txt", UserText.notes.utf8)
        _ = try await report(["--piece", "1000", notes])
        let pieces = try await learnedTexts().count
        func hebb(_ arguments: String...) async throws {
            let outcome = try await HebbBinary.run(arguments + ["--url", server.client.base])
            #expect(outcome.status == 0, "\(outcome.errors)")
        }
        let events = try await server.client.get("/v1/sessions/alice/default/events")["data"]
        try await hebb("forget", "--user", "alice", try events[0]["id"].string)
        let again = try await report(["--piece", "1000", notes])["total"]
        #expect(try again["forgotten_pieces"].number == 1)
        #expect(try again["learned_before"]["pieces"].number == Double(pieces - 1))
        try await hebb("sessions", "discard", "alice/default")
        for before in [0, pieces] {
            let anew = try await report(["--piece", "1000", notes])["total"]
            #expect(try anew["learned_before"]["pieces"].number == Double(before))
        }
        #expect(try await learnedTexts().joined() == UserText.notes)
    }

    @Test("The names under which pieces are kept tell nobody a text, without the account's secret")
    func secrecy() async throws {
        let notes = try write("pin.txt", "My number is 1234.\n".utf8)
        var runs: [String] = []
        for account in ["one", "two"] {
            let outcome = try await HebbBinary.run(
                ["observe", "--url", server.client.base, "--user", account, notes, "--json"],
                environment: ["XDG_STATE_HOME": folder.path + "/" + account])
            let report = try JSONDecoder().decode(JSON.self, from: Data(outcome.output.utf8))
            runs.append(try report["run"].string)
            let secret = folder.path + "/\(account)/hebb/observe.secret"
            let mode = try FileManager.default.attributesOfItem(atPath: secret)[.posixPermissions]
            #expect(mode as? Int == 0o600)
        }
        #expect(Set(runs).count == 2)
    }
}
