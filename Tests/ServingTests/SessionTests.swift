import Engrams
import ModelFormats
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Sessions, by router and by socket")
struct SessionTests {
    private let path = "/v1/sessions/alice/default"

    @Test("A session is created, listed, read and discarded", arguments: Transport.allCases)
    func lifeCycle(transport: Transport) async throws {
        try await withClient(transport) { client in
            let made = try await client.send(
                "POST", "/v1/sessions", body: #"{"user":"a@b","id":"work","learn":"both"}"#)
            #expect(made.status == 201)
            #expect(made.headers["Location"] == "/v1/sessions/a@b/work")
            #expect(made.headers["ETag"] == "\"0\"")
            let session = try made.json()
            #expect(
                session.names == [
                    "id", "object", "user", "name", "revision", "base", "supersedes",
                    "tokens_learned", "events", "learn", "created", "updated", "engram",
                ])
            #expect(session["id"] == "a@b/work")
            #expect(session["learn"] == "both")
            #expect(session["updated"] == "2023-11-14T22:13:20.250Z")

            let again = try await client.send(
                "POST", "/v1/sessions", body: #"{"id":"a@b/work"}"#)
            #expect(again.status == 409)
            #expect(try again.error().code == "session_exists")

            _ = try await client.send("POST", "/v1/sessions", body: #"{"id":"alice/default"}"#)
            let list = try await client.send("GET", "/v1/sessions?limit=1").json()
            #expect(list.names == ["object", "data", "has_more"])
            #expect(list["data"]?.elements.map { $0["id"] } == ["a@b/work"])
            #expect(list["has_more"] == true)
            let next = try await client.send("GET", "/v1/sessions?limit=5&after=a%40b/work").json()
            #expect(next["data"]?.elements.map { $0["id"] } == ["alice/default"])
            let mine = try await client.send("GET", "/v1/sessions?user=a%40b").json()
            #expect(mine["data"]?.elements.count == 1)

            let gone = try await client.send("DELETE", "/v1/sessions/a@b/work")
            #expect(try gone.json()["deleted"] == true)
            let missing = try await client.send("GET", "/v1/sessions/a@b/work")
            #expect(missing.status == 404)
            #expect(try missing.error().code == "session_not_found")
        }
    }

    @Test("Without a body or a user a session is nobody's", arguments: Transport.allCases)
    func anonymous(transport: Transport) async throws {
        try await withClient(transport) { client in
            let made = try await client.send("POST", "/v1/sessions")
            #expect(made.status == 201)
            #expect(try made.json()["user"] == "anonymous")
        }
    }

    @Test("Observing answers what API.md says, once for one key", arguments: Transport.allCases)
    func observe(transport: Transport) async throws {
        try await withClient(transport) { client in
            func observe() async throws -> TestResponse {
                try await client.send(
                    "POST", path + "/observe", headers: ["Idempotency-Key": "k1"],
                    body: #"{"text":"Grüße","reward":-0.5,"colour":"blue"}"#)
            }
            let answer = try await observe()
            #expect(answer.status == 200)
            #expect(answer.headers["ETag"] == "\"1\"")
            #expect(
                answer.text == """
                    {"event":"ev_1","object":"observation","session":"alice/default","tokens":7,\
                    "bytes":7,"bits_per_byte":{"frozen":2.5,"adapted":2.1},"revision":1,\
                    "safe_zone":{"kl_mean":0.012345678901234567,"kl_max":0.1,\
                    "strength_min":0.75},"certificate":{"tokens":7,\
                    "certified_gain_percent":-3.5,"measured_gain_percent":16.0,\
                    "confidence":0.95},"replayed":false}

                    """)
            #expect(try await observe().json()["replayed"] == true)
            let seen = client.models.state.withLock { $0.observed }
            try #require(seen.count == 1)
            #expect(seen[0].content == .text("Grüße"))
            #expect(seen[0].reward == -0.5)
            #expect(seen[0].idempotencyKey == "k1")
        }
    }

    @Test("Messages stay messages and tokens stay tokens", arguments: Transport.allCases)
    func contents(transport: Transport) async throws {
        try await withClient(transport) { client in
            let bodies = [
                #"{"messages":[{"role":"user","content":"Hi"},{"role":"assistant","content":"#
                    + #"[{"type":"text","text":"Ho"},{"type":"text","text":"!"}]}]}"#,
                #"{"tokens":[1,999]}"#,
            ]
            for body in bodies {
                let answer = try await client.send("POST", path + "/observe", body: body)
                #expect(answer.status == 200)
            }
            #expect(
                client.models.state.withLock { $0.observed.map(\.content) } == [
                    .conversation(
                        Conversation(messages: [
                            .message(role: "user", content: "Hi"),
                            .message(role: "assistant", content: "Ho\n!"),
                        ])), .tokens([TokenID(1), TokenID(999)]),
                ])
            #expect(client.models.state.withLock { $0.observed.map(\.learn) } == [.both, .both])
            let user = #"{"messages":[{"role":"user","content":"Hi"}],"learn":"user"}"#
            #expect(
                try await client.send("POST", path + "/observe", body: user).status == 200)
            #expect(client.models.state.withLock { $0.observed.last?.learn } == .user)
        }
    }

    @Test("A score is given to the last digit and learns nothing", arguments: Transport.allCases)
    func score(transport: Transport) async throws {
        try await withClient(transport) { client in
            _ = try await client.send("POST", path + "/observe", body: #"{"text":"a"}"#)
            let body = #"{"text":"abc","per_token":true}"#
            let score = try await client.send("POST", path + "/score", body: body).json()
            #expect(score["bits_per_byte"] == ["frozen": 2.5, "adapted": 2.4])
            #expect(score["per_token"]?.elements.count == 1)
            #expect(score["per_token"]?.elements[0]["frozen"] == .number(1.0 / 3))
            #expect(score["per_token"]?.elements[0]["token"] == 7)
            let frozen = try await client.send(
                "POST", path + "/score", body: #"{"text":"abc","mode":"frozen"}"#
            ).json()
            #expect(frozen["bits_per_byte"]?["adapted"] == 2.5)
            #expect(frozen["per_token"] == nil)
            #expect(frozen["revision"] == 1)
        }
    }

    @Test("If-Match holds a change back when the revision moved", arguments: Transport.allCases)
    func ifMatch(transport: Transport) async throws {
        try await withClient(transport) { client in
            func observe(_ match: String) async throws -> TestResponse {
                try await client.send(
                    "POST", path + "/observe", headers: ["If-Match": match],
                    body: #"{"text":"a"}"#)
            }
            #expect(try await observe("\"0\"").status == 200)
            let stale = try await observe("\"0\"")
            #expect(stale.status == 409)
            #expect(stale.headers["ETag"] == "\"1\"")
            #expect(try stale.error().code == "revision_conflict")
            #expect(try await observe("1").status == 200)
            #expect(try await observe("*").status == 200)
            for broken in ["abc", "\"\"", "\"1\", \"2\"", "-1", "W/\"1\""] {
                let answer = try await observe(broken)
                #expect(answer.status == 400)
                #expect(try answer.error().parameter == "If-Match")
            }
        }
    }

    @Test("Checkpoints are made, listed, restored and deleted", arguments: Transport.allCases)
    func checkpoints(transport: Transport) async throws {
        try await withClient(transport) { client in
            let first = try await client.send("POST", path + "/checkpoints")
            #expect(first.status == 201)
            #expect(try first.json()["name"] == .null)
            let second = try await client.send(
                "POST", path + "/checkpoints", body: #"{"name":"before"}"#
            ).json()
            #expect(
                second.names == [
                    "id", "object", "name", "note", "automatic", "parent", "supersedes",
                    "revision", "tokens_learned", "created", "bytes", "hash", "is_head",
                ])
            #expect(second["parent"] == "cp_1")
            let list = try await client.send("GET", path + "/checkpoints").json()
            #expect(list["data"]?.elements.map { $0["id"] } == ["cp_1", "cp_2"])

            let restored = try await client.send("POST", path + "/checkpoints/cp_1/restore")
            #expect(try restored.json()["base"] == "cp_1")
            let unknown = try await client.send("POST", path + "/checkpoints/x/restore")
            #expect(unknown.status == 404)
            let used = try await client.send("DELETE", path + "/checkpoints/cp_2")
            #expect(used.status == 409)
            let deleted = try await client.send("DELETE", path + "/checkpoints/cp_1")
            #expect(try deleted.json()["object"] == "checkpoint.deleted")
        }
    }

    @Test("A reset goes to the head unless told otherwise", arguments: Transport.allCases)
    func reset(transport: Transport) async throws {
        try await withClient(transport) { client in
            #expect(try await client.send("POST", path + "/reset").status == 200)
            let frozen = try await client.send("POST", path + "/reset", body: #"{"to":"frozen"}"#)
            #expect(frozen.headers["ETag"] == "\"2\"")
            let other = try await client.send("POST", path + "/reset", body: #"{"to":"cp_9"}"#)
            #expect(try other.error().code == "checkpoint_not_found")
        }
    }

    @Test("A user leaves with a receipt, once", arguments: Transport.allCases)
    func leaves(transport: Transport) async throws {
        try await withClient(transport) { client in
            for id in ["default", "work"] {
                _ = try await client.send(
                    "POST", "/v1/sessions", body: #"{"user":"a@b","id":"\#(id)"}"#)
            }
            let gone = try await client.send("DELETE", "/v1/users/a%40b")
            #expect(gone.status == 200)
            let receipt = try gone.json()
            #expect(
                receipt.names == [
                    "id", "object", "deleted", "time", "sessions", "checkpoints", "events", "bytes",
                    "erased",
                ])
            #expect(receipt["id"] == "a@b" && receipt["object"] == "user.deleted")
            #expect(receipt["sessions"] == 2 && receipt["erased"] == true)
            #expect(receipt["time"] == "2023-11-14T22:13:25.000Z")
            let again = try await client.send("DELETE", "/v1/users/a%40b")
            #expect(again.status == 404)
            #expect(try again.error().code == "user_not_found")
            #expect(try await client.send("DELETE", "/v1/users/a%20b").status == 404)
            #expect(try await client.send("GET", "/v1/users/a%40b").status == 405)
            _ = try await client.send("POST", "/v1/sessions", body: #"{"user":"sticky"}"#)
            let stuck = try await client.send("DELETE", "/v1/users/sticky")
            #expect(stuck.status == 503)
            #expect(try stuck.error().code == "not_erased")
            #expect(stuck.headers["Retry-After"] != nil)
        }
    }

    @Test("A delta comes out as bytes and goes in as bytes", arguments: Transport.allCases)
    func delta(transport: Transport) async throws {
        try await withClient(transport) { client in
            let out = try await client.send("GET", path + "/delta?scope=total&format=engram")
            #expect(out.status == 200)
            #expect(out.headers["Content-Type"] == "application/octet-stream")
            #expect(out.headers["X-Content-SHA256"] == "abcd")
            #expect(out.body == [0, 255, 13, 10])
            #expect(out.headers["X-Owners-Words"] == "episodes=2; sequences=5")
            for query in ["", "&bits=8"] {
                let less = try await client.send(
                    "GET", path + "/delta?without=episodes,features" + query)
                #expect(less.headers["X-Owners-Words"] == "episodes=0; sequences=5")
            }
            let into = try await client.send("PUT", path + "/delta", bytes: out.body)
            #expect(into.status == 200)
            #expect(try into.json()["revision"] == 1)

            let wrong = try await client.send("PUT", path + "/delta", bytes: [1, 2])
            #expect(wrong.status == 422)
            #expect(try wrong.error().code == "refused")
            #expect(try await client.send("PUT", path + "/delta").status == 400)
            for (query, status) in [
                ("format=zip", 400), ("scope=all", 400), ("bits=4", 400),
                ("without=words", 400), ("without=episodes,%20sequences", 400),
            ] {
                let answer = try await client.send("GET", path + "/delta?" + query)
                #expect(answer.status == status)
                let name = query.split(separator: "=")[0]
                #expect(try answer.error().parameter == String(name))
            }
        }
    }
}
