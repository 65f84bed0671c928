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
            method: "GET", target: "/v1/sessions?\u{301}=\u{301}&\u{301}&limit=\u{301}2",
            memory: RequestMemory(capacity: .max))
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
            ("Origin", "http://[::1].evil.example", 403), ("Origin", "http://", 403),
            ("Origin", "http://localhost@evil.example", 403), ("Origin", "http://x.localhost", 403),
            ("Origin", "tauri://localhost", 403), ("Origin", "http://localhost/page", 403),
            ("Sec-Fetch-Site", "cross-site", 403), ("Sec-Fetch-Site", "same-site", 403),
            ("Sec-Fetch-Site", "Cross-Site", 403), ("Sec-Fetch-Site", "", 403),
            ("Sec-Fetch-Site", "same-origin", 200), ("Sec-Fetch-Site", "none", 200),
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

    @Test("A link on another site opens pages for people in a tab of their own, and nothing else")
    func links() async throws {
        try await withClient(.router) { client in
            func visit(
                _ path: String, method: String = "GET", mode: String = "navigate",
                destination: String = "document"
            ) async throws -> Int {
                try await client.send(
                    method, path,
                    headers: [
                        "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": mode,
                        "Sec-Fetch-Dest": destination,
                    ]
                ).status
            }
            for page in ["/", "/openapi.json", "/health"] {
                let inTab = try await visit(page)
                let asImage = try await visit(page, mode: "no-cors", destination: "image")
                let inFrame = try await visit(page, destination: "iframe")
                #expect([inTab, asImage, inFrame] == [200, 403, 403])
            }
            for hidden in [
                "/v1/sessions", "/v1/sessions/alice/default", "/metrics",
                "/v1/sessions/alice/default/delta",
            ] {
                let inTab = try await visit(hidden)
                #expect(inTab == 403, "\(hidden)")
            }
            let posted = try await visit("/v1/completions", method: "POST")
            #expect(posted == 403)
        }
    }

    @Test("A name that was rebound to this machine gets nothing")
    func rebinding() async throws {
        try await withClient(.router) { client in
            for (host, status) in [
                ("evil.example:8421", 403), ("127.0.0.1:8421", 200), ("localhost", 200),
                ("[::1]:8421", 200), ("127.0.0.1.evil.example", 403), ("", 403),
                ("[::1].evil.example", 403), ("[::1]evil.example:80", 403), ("[::1", 403),
                ("[::2]", 403), ("[::ffff:127.0.0.1]", 403), ("[0:0:0:0:0:0:0:1]", 200),
                ("::1", 403), ("LOCALHOST:1", 200), ("localhost.", 403), ("localhost.evil", 403),
                ("x.localhost", 403), ("localhost:80:80", 403), ("localhost:", 403),
                ("localhost:99999", 403), ("localhost:+80", 403), ("127.0.0.1:8421.evil", 403),
                ("a@localhost", 403), ("localhost@evil.example", 403), ("127.1", 403),
                ("127.0.0.01", 403), ("127.+0.0.1", 403), ("127.8.9.1", 200), ("128.0.0.1", 403),
                ("2130706433", 403), ("localhost/", 403), ("loc\u{430}lhost", 403),
            ] {
                let answer = try await client.send("GET", "/health", headers: ["Host": host])
                #expect(answer.status == status, "\(host)")
            }
        }
    }
}
