import Engrams
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Merging, by router and by socket")
struct MergeTests {
    private let path = "/v1/sessions/alice/default/merge"

    @Test(
        "Terms arrive with every field, and the answer is the session",
        arguments: Transport.allCases)
    func fields(transport: Transport) async throws {
        try await withClient(transport) { client in
            _ = try await client.send(
                "POST", "/v1/sessions", body: #"{"user":"alice","id":"work"}"#)
            let answer = try await client.send(
                "POST", path, headers: ["If-Match": "\"0\""],
                body: """
                    {"terms":[{"checkpoint":"ckpt-1","scale":-0.5,"scope":"delta"},
                    {"session":"alice/work"},{"session":"work"}],"mode":"add","rescale":"none"}
                    """)
            #expect(answer.status == 200)
            #expect(answer.headers["ETag"] == "\"1\"")
            #expect(try answer.json()["event"] == "evt-merge")
            #expect(try answer.json()["object"] == "session")
            let request = try #require(client.models.state.withLock { $0.merges.first })
            let name = try #require(SessionName(rawValue: "work"))
            #expect(
                request
                    == MergeRequest(
                        terms: [
                            .init(
                                .checkpoint(CheckpointID(rawValue: "ckpt-1")), scale: -0.5,
                                scope: .delta),
                            .init(.session(name)), .init(.session(name)),
                        ], mode: .add, rescale: .none, ifMatch: .zero))
        }
    }

    @Test(
        "Sites are left out by the field, as a list or a text, and by the query",
        arguments: [
            ("", #","without":["episodes","sequences"]"#),
            ("", #","without":"sequences,episodes""#),
            ("?without=episodes", #","without":["sequences"]"#),
            ("?without=episodes,sequences", ""),
        ])
    func without(query: String, field: String) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send(
                "POST", path + query, body: #"{"terms":[{"checkpoint":"ckpt-1"}]\#(field)}"#)
            #expect(answer.status == 200)
            let request = try #require(client.models.state.withLock { $0.merges.first })
            #expect(request.without == [.episodes, .sequences])
        }
    }

    @Test(
        "A merge that means nothing is refused with the field's name",
        arguments: [
            (#"{"terms":[{"checkpoint":"ckpt-1"}],"without":["words"]}"#, 400, "without"),
            (#"{"terms":[{"checkpoint":"ckpt-1"}],"without":[1]}"#, 400, "without"),
            (#"{"terms":[{"checkpoint":"ckpt-1"}],"without":{}}"#, 400, "without"),
            (#"{}"#, 400, "terms"), (#"{"terms":[]}"#, 400, "terms"),
            (#"{"terms":[{}]}"#, 400, "terms[0].checkpoint"),
            (#"{"terms":[{"checkpoint":"a","session":"b"}]}"#, 400, "terms[0].session"),
            (#"{"terms":[{"checkpoint":"ckpt-1","scale":0}]}"#, 400, "terms[0].scale"),
            (#"{"terms":[{"checkpoint":"ckpt-1","scale":1e9}]}"#, 400, "terms[0].scale"),
            (#"{"terms":[{"checkpoint":"ckpt-1","scope":"all"}]}"#, 400, "terms[0].scope"),
            (#"{"terms":[{"session":"bob/work"}]}"#, 400, "terms[0].session"),
            (#"{"terms":[{"checkpoint":"ckpt-1"}],"mode":"blend"}"#, 400, "mode"),
            (#"{"terms":[{"checkpoint":"ckpt-1"}],"rescale":"half"}"#, 400, "rescale"),
            (#"{"terms":[{"checkpoint":"ckpt-2"}]}"#, 404, ""),
            (#"{"terms":[{"session":"none"}]}"#, 404, ""),
        ])
    func refusals(body: String, status: Int, parameter: String) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send("POST", path, body: body)
            #expect(answer.status == status)
            if !parameter.isEmpty {
                #expect(try answer.json()["error"]?["param"]?.text == parameter)
            }
        }
    }
}
