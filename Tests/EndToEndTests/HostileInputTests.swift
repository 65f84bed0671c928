import Foundation
import Testing

/// What a server must survive, and what it must say. One server takes it all, so that each case
/// also shows that the ones before left no harm.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct HostileInputTests {
    private let alice = "/v1/sessions/alice/default"

    @Test("Requests that make no sense are refused in OpenAI's shape, and nothing is learned")
    func badRequests() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        let before = try await client.get(alice)["revision"]
        let cases: [(path: String, body: String, status: Int)] = [
            ("\(alice)/observe", "{\"text\": \"a", 400),
            ("\(alice)/observe", "", 400),
            ("\(alice)/observe", "[]", 400),
            ("\(alice)/observe", "{\"text\": 5}", 400),
            ("\(alice)/observe", "{\"text\": \"\"}", 400),
            ("\(alice)/observe", "{}", 400),
            ("\(alice)/observe", "{\"text\": \"a\", \"reward\": 7}", 400),
            ("\(alice)/score", "{\"text\": null}", 400),
            ("\(alice)/reset", "{\"to\": \"no-such-checkpoint\"}", 404),
            ("/v1/sessions/alice/nowhere/score", "{\"text\": \"a\"}", 404),
            ("/v1/completions", "{\"prompt\": \"a\", \"max_tokens\": \"many\"}", 400),
            ("/v1/completions", "{\"prompt\": \"a\", \"max_tokens\": -1}", 400),
            ("/v1/completions", "{\"prompt\": \"a\", \"temperature\": 1e999}", 400),
            ("/v1/nothing", "{}", 404),
            ("\(alice)/observe", String(repeating: "[", count: 100_000), 400),
        ]
        for (path, body, status) in cases {
            let answer = try await client.send("POST", path, body: Data(body.utf8))
            #expect(answer.status == status, "\(path) \(body.prefix(60)): \(answer.text)")
            #expect(try !answer.errorMessage.isEmpty)
        }
        let wrongMethod = try await client.send("DELETE", "\(alice)/observe")
        #expect(wrongMethod.status == 405)
        #expect(try await client.get(alice)["revision"] == before)
    }

    @Test("Invalid UTF-8 in a body is refused or repaired, never fatal")
    func invalidUTF8() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        var body = Data("{\"text\": \"caf".utf8)
        body += [0xE9, 0xFF, 0xC0, 0x80]
        body += Data("\"}".utf8)
        let answer = try await server.client.send("POST", "\(alice)/observe", body: body)
        #expect(answer.status == 400 || answer.status == 200, "\(answer.text)")
        #expect(try await server.client.get("/health").status == 200)
    }

    @Test("A body over the limit is refused: by its announced length, and by its chunks")
    func bodyOverTheLimit() async throws {
        let server = try await ServerProcess(
            data: TemporaryFolder(), arguments: ["--max-body", "100000"])
        let body = Data(repeating: UInt8(ascii: "a"), count: 150_000)
        let answer = try await server.client.send("POST", "\(alice)/observe", body: body)
        #expect(answer.status == 413, "\(answer.text)")

        // Far over the limit by Content-Length: the answer comes before the body is sent.
        let announced = try RawConnection(port: server.client.port)
        announced.send(
            "POST \(alice)/observe HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\n"
        )
        #expect(announced.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 413"))

        let chunked = try RawConnection(port: server.client.port)
        chunked.send(
            "POST \(alice)/observe HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        for _ in 0..<150 {
            chunked.send("3E8\r\n" + String(repeating: "a", count: 1_000) + "\r\n")
        }
        chunked.send("0\r\n\r\n")
        #expect(chunked.receive(until: "\r\n\r\n").hasPrefix("HTTP/1.1 413"))
        #expect(try await server.client.get("/health").status == 200)
    }

    @Test("A text of 10 MB is refused with its size, and the server goes on serving")
    func tenMegabytes() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let text = String(repeating: "The quorvath hums at dusk. ", count: 400_000)
        let answer = try await server.client.observe("alice/default", text)
        #expect(answer.status == 413, "\(answer.text.prefix(300))")
        #expect(try await server.client.observe("alice/default", "It hums.").status == 200)
    }

    @Test(
        "A file that is no engram of this core is refused and changes nothing",
        arguments: [
            "", "not safetensors at all", "\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{FF}\u{7F}{}",
        ])
    func foreignEngram(file: String) async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        _ = try await server.client.observe("alice/default", "The tarn is full.")
        let before = try await server.client.get(alice)["revision"]
        let answer = try await server.client.send(
            "PUT", "\(alice)/delta",
            body: Data(file.unicodeScalars.map { UInt8(truncatingIfNeeded: $0.value) }),
            headers: ["Content-Type": "application/octet-stream"])
        #expect([400, 422].contains(answer.status), "\(answer.text)")
        #expect(try await server.client.get(alice)["revision"] == before)
    }

    @Test("A damaged engram is refused wherever it was cut")
    func truncatedEngram() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        _ = try await server.client.observe("alice/default", UserText.notes)
        let file = try await server.client.get("\(alice)/delta?scope=total").body
        let before = try await server.client.score("alice/default", UserText.laterNotes)
        for share in [0.01, 0.3, 0.9, 0.9999] {
            let cut = file.prefix(Int(Double(file.count) * share))
            let answer = try await server.client.send(
                "PUT", "\(alice)/delta", body: Data(cut),
                headers: ["Content-Type": "application/octet-stream"])
            #expect([400, 422].contains(answer.status), "cut to \(share): \(answer.text)")
        }
        #expect(try await server.client.score("alice/default", UserText.laterNotes) == before)
    }

    @Test("Two writers of one session at once both learn, one after the other")
    func twoWriters() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        async let first = client.observe("alice/default", "The quorvath hums at dusk.")
        async let second = client.observe("alice/default", "A struck bell was answered.")
        let answers = try await [first, second]
        #expect(answers.allSatisfy { $0.status == 200 })
        let revisions = try answers.map { try $0["revision"].number }
        #expect(Set(revisions).count == 2, "each has a revision of its own: \(revisions)")
    }

    @Test("A writer with an old revision is told, and changes nothing")
    func staleRevision() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let client = server.client
        let tag = try await client.get(alice).headers["etag"] ?? ""
        #expect(try await client.observe("alice/default", "The tarn is full.").status == 200)
        let stale = try await client.post(
            "\(alice)/observe", ["text": "The tarn is empty."], headers: ["If-Match": tag])
        #expect(stale.status == 409, "\(stale.text)")
        let current = try #require(try await client.get(alice).headers["etag"])
        let fresh = try await client.post(
            "\(alice)/observe", ["text": "The tarn is empty."], headers: ["If-Match": current])
        #expect(fresh.status == 200, "\(fresh.text)")
    }
}
