import Logging
import Synchronization
import Testing

@testable import Serving

/// Keeps what is logged.
private final class Log: Sendable {
    let lines = Mutex<[Logger.Metadata]>([])

    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    var requests: [[String: String]] {
        lines.withLock { lines in
            lines.filter { $0["route"] != nil }.map { $0.mapValues { "\($0)" } }
        }
    }

    struct Handler: LogHandler {
        let log: Log
        var logLevel = Logger.Level.trace
        var metadata: Logger.Metadata = [:]
        subscript(metadataKey key: String) -> Logger.MetadataValue? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }
        func log(event: LogEvent) {
            log.lines.withLock { $0.append(event.metadata ?? [:]) }
        }
    }
}

struct RequestLogTests {
    @Test("A line a request: id, route, status, error code, and a word for the user")
    func fields() async throws {
        let log = Log()
        try await withClient(.router, logger: log.logger) { client in
            let paths = [
                "/v1/sessions/alice/default", "/v1/sessions/alice/work", "/v1/sessions/bob/default",
                "/v1/sessions/alice/secret%0Aforged", "/nothing/of/alice",
            ]
            for path in paths { _ = try await client.send("GET", path) }
            _ = try await client.send(
                "POST", "/v1/completions", body: #"{"prompt":"my secret","user":"alice"}"#)
            _ = try await client.send(
                "POST", "/v1/completions",
                body: #"{"prompt":"FAIL secret","user":"alice","stream":true}"#)
        }
        let lines = log.requests
        #expect(lines.map { $0["status"] } == ["200", "404", "200", "404", "404", "200", "200"])
        #expect(
            lines.map { $0["error"] } == [
                nil, "session_not_found", nil, "unknown_url", "unknown_url", nil, "storage_failed",
            ])
        let session = "/v1/sessions/{user}/{name}"
        #expect(
            lines.map { $0["route"] } == [
                session, session, session, session, "unknown", "/v1/completions",
                "/v1/completions",
            ])
        let users = lines.map { $0["user"] }
        #expect(users[0] != nil && users[0] == users[1] && users[0] == users[5])
        #expect(users[2] != nil && users[2] != users[0])
        #expect(Set(lines.map { $0["id"] }).count == lines.count)
        for line in lines {
            for value in line.values {
                #expect(!value.contains("alice") && !value.contains("secret"))
            }
        }
    }

    @Test("A refused head is logged and counted as any request is")
    func refusals() async throws {
        let log = Log()
        try await withClient(.router, logger: log.logger) { client in
            let answer = try await client.send(
                "GET", "/health", headers: ["Host": "a", "host": "b"])
            #expect(answer.status == 400)
            #expect(answer.headers["X-Request-Id"] == log.requests.first?["id"])
            #expect(log.requests.first?["error"] == "malformed_request")
            let metrics = try await client.send("GET", "/metrics").text
            #expect(metrics.contains(#"route="/health",status="400"} 1"#))
        }
    }

    @Test(
        "A client's request id comes back when it is a plain word, else one of ours",
        arguments: Transport.allCases)
    func requestID(transport: Transport) async throws {
        try await withClient(transport) { client in
            for path in ["/health", "/nope"] {
                let own = try await client.send(
                    "GET", path, headers: ["X-Request-Id": "abc-1._Z"])
                #expect(own.headers["X-Request-Id"] == "abc-1._Z")
                for odd in [
                    "", "a b", "a\"b", "a=b", "é", String(repeating: "x", count: 129),
                ] {
                    let answer = try await client.send(
                        "GET", path, headers: ["X-Request-Id": odd])
                    let id = try #require(answer.headers["X-Request-Id"])
                    #expect(id.hasPrefix("req-") && id != odd)
                }
            }
        }
    }
}
