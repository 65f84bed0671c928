import Foundation
import Glibc
import Testing

/// How the real server ends.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct DrainTests {
    /// Some seconds of computing: far more than two tokens' worth of buffers is read.
    private static func longStream(_ port: UInt16) throws -> RawConnection {
        let connection = try RawConnection(port: port)
        connection.send(
            RawConnection.request(
                "POST", "/v1/completions",
                body: "{\"user\":\"alice\",\"prompt\":\"The tarn\",\"max_tokens\":480,\"n\":16,"
                    + "\"stream\":true}"))
        #expect(connection.receive(until: "data: ").contains("data: "))
        return connection
    }

    @Test("SIGTERM: new requests are told, running ones have their time, streams end with an error")
    func drain() async throws {
        let server = try await ServerProcess(
            data: TemporaryFolder(), arguments: ["--drain-seconds", "6"])
        let client = server.client
        let stream = try Self.longStream(client.port)
        // Beside others it cannot end by itself in that time.
        let others = try (0..<3).map { _ in try Self.longStream(client.port) }
        defer { for other in others { other.hangUp() } }
        server.signal(SIGTERM)
        var health = try await client.get("/health")
        while health.status == 200 { health = try await client.get("/health") }
        #expect(health.status == 503)
        #expect(try health["status"].string == "draining")
        let refused = try await client.post("/v1/completions", ["prompt": "a"])
        #expect(refused.status == 503)
        #expect(refused.headers["retry-after"] != nil)
        #expect(try refused["error"]["code"].string == "draining")
        let text = stream.receive(until: "0\r\n\r\n")
        #expect(!text.contains("[DONE]"))
        let last = try #require(text.components(separatedBy: "data: ").last)
        let event = try JSONDecoder().decode(
            JSON.self, from: Data(last.prefix { $0 != "\n" }.utf8))
        #expect(try event["error"]["code"].string == "draining")
        #expect(try event["error"]["type"].string == "server_error")
        #expect(try await server.end(withinSeconds: 20) == 0)
    }

    @Test("What ends within its time ends well, and the server with it")
    func finishes() async throws {
        let server = try await ServerProcess(
            data: TemporaryFolder(), arguments: ["--drain-seconds", "60"])
        let client = server.client
        // Some seconds of learning.
        async let learned = client.observe(
            "alice/default", String(repeating: UserText.notes, count: 8))
        let deadline = ContinuousClock.now + .seconds(60)
        while try await client.get("/metrics").text.contains("\nhebb_queue_depth 0\n"),
            ContinuousClock.now < deadline
        {}
        server.signal(SIGTERM)
        #expect(try await learned.status == 200)
        #expect(try await server.end(withinSeconds: 30) == 0)
    }

    @Test("A second signal ends it at once; what was learned is there")
    func secondSignal() async throws {
        let data = try TemporaryFolder()
        let server = try await ServerProcess(data: data, arguments: ["--drain-seconds", "600"])
        #expect(try await server.client.observe("bob/default", UserText.notes).status == 200)
        let stream = try Self.longStream(server.client.port)
        server.signal(SIGTERM)
        while try await server.client.get("/health").status == 200 {}
        server.signal(SIGTERM)
        #expect(try await server.end(withinSeconds: 10) == SIGTERM)
        stream.hangUp()
        let next = try await ServerProcess(data: data)
        #expect(try await next.client.get("/v1/sessions/bob/default")["revision"] == 1)
    }

    @Test("A terminal that closes, and a log's reader that goes, end nothing")
    func hangUp() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        for number in [SIGHUP, SIGPIPE] {
            server.signal(number)
            try await Task.sleep(for: .milliseconds(200))
            #expect(try await server.client.get("/health").status == 200)
        }
        #expect(try await server.stop() == 0)
    }

    @Test("The log is JSON when asked for, and no client can forge a line of it")
    func log() async throws {
        let server = try await ServerProcess(
            data: TemporaryFolder(), arguments: ["--log-format", "json"])
        let client = server.client
        let forged = "x%0A%7B%22level%22:%22error%22%7D"
        for path in ["/v1/sessions/\(forged)/default", "/\(forged)", "/v1/sessions/alice/default"] {
            _ = try await client.get(path)
        }
        let connection = try RawConnection(port: client.port)
        connection.send(
            "GET /health HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: a\u{2028}\"b\r\n\r\n")
        #expect(connection.receive(until: "}\n").contains("ready"))
        _ = try await client.post("/v1/completions", ["prompt": "a", "max_tokens": 1])
        #expect(try await server.stop() == 0)
        var requests = 0
        for line in try server.log().split(separator: "\n") {
            let entry = try JSONDecoder().decode(JSON.self, from: Data(line.utf8))
            #expect(try entry["level"].string != "error")
            guard try entry["message"].string == "request" else { continue }
            requests += 1
            #expect(try entry["id"].string.hasPrefix("req-"))
            _ = try entry["status"].number
            #expect(!line.contains("alice"))
        }
        #expect(requests == 5)
    }
}
