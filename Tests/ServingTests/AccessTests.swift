import Engrams
import Logging
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("A server with keys") struct AccessTests {
    private struct Keys {
        let ring = KeyRing()
        let root: String
        let alice: String

        init(quota: Quota = Quota()) async throws {
            root = try await ring.add(for: UserID(rawValue: "root")!, role: .admin).text
            alice = try await ring.add(
                for: UserID(rawValue: "alice")!, role: .user, quota: quota
            ).text
        }
    }

    private static func bearer(_ key: String) -> HTTPHeaders { ["Authorization": "Bearer \(key)"] }

    @Test(
        "Without a key there is the front page, the document and health, and 401",
        arguments: Transport.allCases)
    func nobody(transport: Transport) async throws {
        let keys = try await Keys()
        try await withClient(transport, keys: keys.ring) { client in
            for path in ["/", "/openapi.json", "/health"] {
                #expect(try await client.send("GET", path).status == 200)
            }
            for path in ["/v1/models", "/metrics", "/v1/sessions", "/v1/keys", "/nothing"] {
                let answer = try await client.send("GET", path)
                #expect(answer.status == 401)
                #expect(answer.headers["WWW-Authenticate"] == "Bearer realm=\"hebb\"")
                #expect(try answer.error().code == "missing_api_key")
            }
            for wrong in [
                "Bearer", "Bearer ", "Bearer hebb_a_b", "Basic \(keys.alice)", keys.alice,
                "Bearer \(keys.alice) x", "Bearer x\(keys.alice)",
            ] {
                let answer = try await client.send(
                    "GET", "/v1/models", headers: ["Authorization": wrong])
                #expect(answer.status == 401)
                #expect(try answer.error().code == "invalid_api_key")
            }
            let twice = try await client.send(
                "GET", "/v1/models",
                headers: [
                    "Authorization": "Bearer \(keys.alice)",
                    "authorization": "Bearer \(keys.root)",
                ])
            #expect(twice.status == 401)
            #expect(client.models.state.withLock { $0.sessions.isEmpty })
        }
    }

    @Test(
        "A key is its user, whom a request need not name and may not change",
        arguments: Transport.allCases)
    func identity(transport: Transport) async throws {
        let keys = try await Keys()
        try await withClient(transport, keys: keys.ring) { client in
            func complete(_ body: String, _ key: String) async throws -> TestResponse {
                try await client.send(
                    "POST", "/v1/completions", headers: Self.bearer(key), body: body)
            }
            for body in [
                #"{"prompt":"a"}"#, #"{"prompt":"a","user":"alice"}"#, #"{"prompt":"a","user":""}"#,
            ] {
                let answer = try await complete(body, keys.alice)
                #expect(answer.status == 200)
                #expect(try answer.json()["plasticity"]?["session"] == "alice/default")
            }
            let foreign = try await complete(#"{"prompt":"a","user":"bob"}"#, keys.alice)
            #expect(foreign.status == 404)
            #expect(try foreign.error().code == "user_not_found")
            let admin = try await complete(#"{"prompt":"a","user":"bob"}"#, keys.root)
            #expect(try admin.json()["plasticity"]?["session"] == "bob/default")
            let own = try await complete(#"{"prompt":"a"}"#, keys.root)
            #expect(try own.json()["plasticity"]?["session"] == "root/default")
        }
    }

    @Test(
        "Another's path is not there, and its body is not waited for",
        arguments: Transport.allCases)
    func paths(transport: Transport) async throws {
        let keys = try await Keys()
        try await withClient(transport, keys: keys.ring) { client in
            _ = try await client.send(
                "POST", "/v1/sessions/bob/default/observe", headers: Self.bearer(keys.root),
                body: #"{"text":"x"}"#)
            let there = try await client.send(
                "GET", "/v1/sessions/bob/default", headers: Self.bearer(keys.alice))
            let nowhere = try await client.send(
                "GET", "/v1/sessions/rob/default", headers: Self.bearer(keys.alice))
            #expect(there.status == 404 && nowhere.status == 404)
            #expect(there.text == nowhere.text.replacing("rob", with: "bob"))
            let user = try await client.send(
                "DELETE", "/v1/users/bob", headers: Self.bearer(keys.alice))
            #expect(try user.error().code == "user_not_found")
            #expect(
                try await client.send(
                    "GET", "/v1/sessions/alice/default", headers: Self.bearer(keys.alice)
                ).status == 200)
        }
    }

    @Test(
        "Admins make, change and revoke keys; a user sees and revokes their own",
        arguments: Transport.allCases)
    func administration(transport: Transport) async throws {
        let keys = try await Keys()
        try await withClient(transport, keys: keys.ring) { client in
            func send(
                _ method: String, _ path: String, _ key: String, _ body: String = ""
            ) async throws -> TestResponse {
                try await client.send(method, path, headers: Self.bearer(key), body: body)
            }
            let made = try await send(
                "POST", "/v1/keys", keys.root,
                #"{"user":"bob","quota":{"requests_per_day":5,"sessions":2},"learn":"both"}"#)
            #expect(made.status == 201 && made.headers["Cache-Control"] == "no-store")
            let bob = try made.json()
            let text = try #require(bob["key"]?.text)
            let id = try #require(bob["id"]?.text)
            #expect(
                bob["role"] == "user" && bob["quota"] == ["requests_per_day": 5, "sessions": 2])
            #expect(bob["last_used"] == .null && bob["learn"] == "both")
            #expect(made.headers["Location"] == "/v1/keys/\(id)")

            #expect(try await send("GET", "/v1/keys/\(id)", keys.alice).status == 404)
            #expect(try await send("DELETE", "/v1/keys/\(id)", keys.alice).status == 404)
            let refused = try await send("POST", "/v1/keys", keys.alice, #"{"user":"alice"}"#)
            #expect(refused.status == 403)
            #expect(try refused.error().code == "admin_only")
            let listed = try await send("GET", "/v1/keys", text)
            #expect(try listed.json()["data"]?.elements.map { $0["id"] } == [.string(id)])
            #expect(!listed.text.contains(text))
            #expect(try listed.json()["data"]?.elements[0]["used"] == ["requests_per_day": 1])
            let all = try await send("GET", "/v1/keys?limit=2", keys.root).json()
            #expect(all["data"]?.elements.count == 2 && all["has_more"] == true)

            let changed = try await send(
                "PATCH", "/v1/keys/\(id)", keys.root, #"{"quota":{"tokens_per_day":9}}"#)
            #expect(try changed.json()["quota"] == ["tokens_per_day": 9])
            #expect(try changed.json()["learn"] == "both")
            for wrong in [
                #"{"quota":{"tokens_per_day":0}}"#, #"{"quota":{"tokens":1}}"#, #"{"qota":{}}"#,
                #"{"learn":"everything"}"#,
            ] {
                #expect(try await send("PATCH", "/v1/keys/\(id)", keys.root, wrong).status == 400)
            }
            #expect(try await send("DELETE", "/v1/keys/\(id)", text).status == 200)
            #expect(try await send("GET", "/v1/keys", text).status == 401)
        }
    }

    @Test("A quota that is used up is 429 with an honest Retry-After, and reading is not spending")
    func quotas() async throws {
        let keys = try await Keys(quota: Quota([.requestsPerMinute: 3]))
        try await withClient(.router, keys: keys.ring) { client in
            let header = Self.bearer(keys.alice)
            for _ in 0..<3 {
                #expect(try await client.send("GET", "/v1/models", headers: header).status == 200)
            }
            let refused = try await client.send("GET", "/v1/models", headers: header)
            #expect(refused.status == 429)
            let answer = try refused.error()
            #expect(answer.code == "quota_exceeded" && answer.type == "rate_limit_error")
            let seconds = try #require(Int(refused.headers["Retry-After"] ?? ""))
            #expect((1...60).contains(seconds))
            let root = Self.bearer(keys.root)
            #expect(try await client.send("GET", "/v1/models", headers: root).status == 200)
        }
        let bytes = try await Keys(quota: Quota([.bytesPerDay: 10]))
        try await withClient(.router, keys: bytes.ring) { client in
            let header = Self.bearer(bytes.alice)
            let body = #"{"text":"a text of some length"}"#
            let path = "/v1/sessions/alice/default/observe"
            let first = try await client.send("POST", path, headers: header, body: body)
            let second = try await client.send("POST", path, headers: header, body: body)
            let read = try await client.send("GET", "/v1/sessions/alice/default", headers: header)
            #expect([first, second, read].map(\.status) == [200, 429, 200])
        }
    }

    @Test("The first key closes a server that was open, and must be an admin's")
    func firstKey() async throws {
        let ring = KeyRing()
        try await withClient(.router, keys: ring) { client in
            #expect(try await client.send("GET", "/v1/models").status == 200)
            let user = try await client.send("POST", "/v1/keys", body: #"{"user":"alice"}"#)
            #expect(user.status == 409)
            #expect(try user.error().code == "first_key_must_be_admin")
            let made = try await client.send(
                "POST", "/v1/keys", body: #"{"user":"alice","role":"admin"}"#)
            #expect(made.status == 201)
            #expect(try await client.send("GET", "/v1/models").status == 401)
            let key = try #require(try made.json()["key"]?.text)
            let header = Self.bearer(key)
            #expect(try await client.send("GET", "/v1/models", headers: header).status == 200)
        }
    }

    @Test("With keys a host in figures or by an allowed name is right, and no other name")
    func hosts() async throws {
        let keys = try await Keys()
        var configuration = ServerConfiguration(port: 0)
        configuration.allowedHosts = ["Hebb.example.org"]
        try await withClient(.router, keys: keys.ring, configuration: configuration) { client in
            for (host, status) in [
                ("localhost:8421", 200), ("192.0.2.7:8421", 200), ("[2001:db8::1]:80", 200),
                ("hebb.example.org", 200), ("HEBB.example.org:443", 200), ("evil.example", 403),
                ("hebb.example.org.evil", 403), ("xhebb.example.org", 403), ("", 403),
                ("[hebb.example.org]", 403), ("hebb.example.org:x", 403),
            ] {
                let answer = try await client.send("GET", "/health", headers: ["Host": host])
                #expect(answer.status == status, "\(host)")
            }
        }
    }

    @Test(
        "Pages of an allowed origin may ask, and are told so; others get nothing",
        arguments: Transport.allCases)
    func crossOrigin(transport: Transport) async throws {
        let keys = try await Keys()
        var configuration = ServerConfiguration(port: 0)
        configuration.allowedOrigins = ["https://chat.example.org"]
        try await withClient(transport, keys: keys.ring, configuration: configuration) { client in
            let origin: HTTPHeaders = [
                "Origin": "https://chat.example.org", "Sec-Fetch-Site": "cross-site",
            ]
            var preflight = origin
            preflight["Access-Control-Request-Method"] = "POST"
            preflight["Access-Control-Request-Headers"] = "authorization,x-stainless-lang"
            let leave = try await client.send("OPTIONS", "/v1/completions", headers: preflight)
            #expect(leave.status == 204 && leave.body.isEmpty)
            #expect(leave.headers["Access-Control-Allow-Origin"] == "https://chat.example.org")
            #expect(leave.headers["Access-Control-Allow-Methods"] == "POST")
            #expect(
                leave.headers["Access-Control-Allow-Headers"] == "authorization,x-stainless-lang")
            #expect(leave.headers["Access-Control-Allow-Credentials"] == nil)
            #expect(leave.headers["Vary"] == "Origin")

            var asked = origin
            asked["Authorization"] = "Bearer \(keys.alice)"
            let answer = try await client.send("GET", "/v1/models", headers: asked)
            #expect(answer.status == 200)
            #expect(answer.headers["Access-Control-Allow-Origin"] == "https://chat.example.org")
            #expect(answer.headers["Access-Control-Expose-Headers"]?.contains("ETag") == true)
            // The page must be able to read why it was refused.
            let refused = try await client.send("GET", "/v1/models", headers: origin)
            #expect(refused.status == 401)
            #expect(refused.headers["Access-Control-Allow-Origin"] == "https://chat.example.org")

            for other in [
                "https://chat.example.org:8443", "http://chat.example.org", "null",
                "https://evil.example", "https://chat.example.org.evil.example",
                "https://CHAT.example.org",
            ] {
                preflight["Origin"] = other
                asked["Origin"] = other
                let leave = try await client.send("OPTIONS", "/v1/completions", headers: preflight)
                #expect(leave.status == 403, "\(other)")
                #expect(leave.headers["Access-Control-Allow-Origin"] == nil)
                let answer = try await client.send("GET", "/v1/models", headers: asked)
                #expect(answer.status == 403, "\(other)")
                #expect(answer.headers["Access-Control-Allow-Origin"] == nil)
                #expect(answer.headers["Vary"] == "Origin")
            }
        }
    }

    @Test("The server's own page may ask by any name that the server has")
    func ownPage() async throws {
        let keys = try await Keys()
        try await withClient(.router, keys: keys.ring) { client in
            func ask(_ host: String, _ origin: String) async throws -> Int {
                try await client.send(
                    "GET", "/v1/models",
                    headers: [
                        "Host": host, "Origin": origin, "Sec-Fetch-Site": "same-origin",
                        "Authorization": "Bearer \(keys.alice)",
                    ]
                ).status
            }
            let own = try await ask("192.0.2.7:8421", "http://192.0.2.7:8421")
            let others = try await ask("192.0.2.7:8421", "http://192.0.2.8:8421")
            let local = try await ask("localhost:8421", "http://localhost:3000")
            #expect([own, others, local] == [200, 403, 403])
        }
    }

    @Test("Without keys an allowed origin counts only where it is this machine's")
    func originsWithoutKeys() async throws {
        var configuration = ServerConfiguration(port: 0)
        configuration.allowedOrigins = ["http://localhost:5173", "https://chat.example.org"]
        try await withClient(.router, configuration: configuration) { client in
            func ask(_ origin: String) async throws -> Int {
                try await client.send(
                    "GET", "/v1/models",
                    headers: ["Origin": origin, "Sec-Fetch-Site": "same-site"]
                ).status
            }
            let named = try await ask("http://localhost:5173")
            let other = try await ask("http://localhost:5174")
            let remote = try await ask("https://chat.example.org")
            #expect([named, other, remote] == [200, 403, 403])
        }
    }

    @Test("A request is given up when its time is over", arguments: Transport.allCases)
    func deadline(transport: Transport) async throws {
        try await withClient(transport) { client in
            let late = try await client.send(
                "POST", "/v1/completions", headers: ["X-Request-Timeout": "0.2"],
                body: #"{"prompt":"HANG"}"#)
            #expect(late.status == 504)
            #expect(try late.error().code == "deadline_passed")
            #expect(try await eventually { client.models.state.withLock { $0.cancelled } == 1 })
            let inTime = try await client.send(
                "POST", "/v1/completions", headers: ["X-Request-Timeout": "600"],
                body: #"{"prompt":"a"}"#)
            #expect(inTime.status == 200)
            for wrong in ["", "0", "-1", "nan", "soon", "1e9"] {
                let answer = try await client.send(
                    "GET", "/health", headers: ["X-Request-Timeout": wrong])
                #expect(answer.status == 400, "\(wrong)")
            }
        }
    }

    @Test("A server with keys listens on any address, one without does not")
    func addresses() async throws {
        let keys = try await Keys()
        let server = HebbServer(
            models: FakeModels(), keys: keys.ring,
            configuration: ServerConfiguration(host: "0.0.0.0", port: 0),
            logger: .init(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let port = try server.start().port
        #expect(port > 0)
        await server.stop()
    }
}
