import Synchronization
import Testing

@testable import Serving

struct RoutingTests {
    @Test("A path's escapes are decoded within its segments", arguments: Transport.allCases)
    func escapes(transport: Transport) async throws {
        try await withClient(transport) { client in
            for user in ["a@b.org", "a%40b.org", "%61@b%2Eorg"] {
                let answer = try await client.send("GET", "/v1/sessions/\(user)/default")
                #expect(answer.status == 200)
                #expect(try answer.json()["id"] == "a@b.org/default")
            }
            let plus = try await client.send("GET", "/v1/sessions/a+b/default")
            #expect(try plus.json()["user"] == "a+b")
        }
    }

    @Test(
        "What is no path of ours is not found, in OpenAI's shape",
        arguments: Transport.allCases,
        [
            "/v1", "/v1/sessions/", "/v1//sessions", "/v1/sessions/a/b/c/d",
            "/v1/sessions/a%2Fdefault", "/v1/sessions/a%zz/default", "/v1/sessions/%00/default",
            "/v1/sessions/%ff/default", "/v1/sessions/a%20b/default", "/v1/sessions/../default",
            "/v1/completionsx",
        ])
    func unknown(transport: Transport, path: String) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send("GET", path)
            #expect(answer.status == 404)
            #expect(answer.headers["Content-Type"] == "application/json")
            #expect(try answer.error().type == "invalid_request_error")
        }
    }

    @Test("A target is cut at its bytes, whatever stands behind them")
    func marks() {
        let request = HTTPRequest(
            method: "GET", target: "/v1/sessions?\u{301}=\u{301}&\u{301}&limit=\u{301}2")
        #expect(request.path == "/v1/sessions")
        #expect(request.query.map(\.name) == ["\u{301}", "\u{301}", "limit"])
        #expect(request.query.map(\.value) == ["\u{301}", "", "\u{301}2"])
    }

    @Test("A wrong method is told the right ones", arguments: Transport.allCases)
    func methods(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send("PUT", "/v1/sessions/alice/default")
            #expect(answer.status == 405)
            #expect(answer.headers["Allow"] == "GET, DELETE")
            #expect(try answer.error().code == "method_not_allowed")
        }
    }

    @Test("HEAD answers as GET does", arguments: Transport.allCases)
    func head(transport: Transport) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send("HEAD", "/health")
            #expect(answer.status == 200)
            if transport == .socket { #expect(answer.body.isEmpty) }
        }
    }

    @Test(
        "Another site's page gets nothing", arguments: Transport.allCases,
        [
            ("Origin", "https://evil.example", 403), ("Origin", "null", 403),
            ("Origin", "http://localhost.evil.example", 403),
            ("Origin", "http://127.0.0.1.evil.example", 403),
            ("Origin", "http://localhost:3000", 200), ("Origin", "http://[::1]:8421", 200),
        ])
    func foreignPages(
        transport: Transport, expectation: (name: String, value: String, status: Int)
    ) async throws {
        try await withClient(transport) { client in
            let answer = try await client.send(
                "POST", "/v1/sessions/alice/default/observe",
                headers: .init(dictionaryLiteral: (expectation.name, expectation.value)),
                body: "{\"text\":\"poison\"}")
            #expect(answer.status == expectation.status)
            #expect(
                client.models.state.withLock { $0.observed.count }
                    == (expectation.status == 200 ? 1 : 0))
        }
    }

    @Test("A name that was rebound to this machine gets nothing")
    func rebinding() async throws {
        try await withClient(.router) { client in
            for (host, status) in [
                ("evil.example:8421", 403), ("127.0.0.1:8421", 200), ("localhost", 200),
                ("[::1]:8421", 200), ("127.0.0.1.evil.example", 403), ("", 403),
            ] {
                let answer = try await client.send("GET", "/health", headers: ["Host": host])
                #expect(answer.status == status, "\(host)")
            }
        }
    }
}
