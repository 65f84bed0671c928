import Engrams
import ModelFormats
import Scheduling
import Testing

@testable import Serving

@Suite("Adapters over HTTP")
struct AdapterTests {
    private let path = "/v1/sessions/ann/default/delta"

    @Test(
        "A part of an engram comes with its fidelity, its name and its hash",
        arguments: [
            ("peft", "ann-default-total.tar", "application/x-tar", "total peft"),
            ("gguf", "ann-default-total.gguf", "application/octet-stream", "total ggufLoRA"),
            (
                "gguf-control-vector&scope=session", "ann-default-session.gguf",
                "application/octet-stream", "session controlVector"
            ),
        ])
    func partial(query: String, file: String, type: String, body: String) async throws {
        try await withClient(.router) { client in
            let answer = try await client.send("GET", "\(path)?partial=true&format=\(query)")
            #expect(answer.status == 200)
            #expect(answer.headers["X-Fidelity"] == "text=session; tokens=7")
            #expect(answer.headers["X-Content-SHA256"] == "dcba")
            #expect(answer.headers["Content-Type"] == type)
            #expect(answer.headers["Content-Disposition"]?.contains(file) == true)
            #expect(String(decoding: answer.body, as: UTF8.self) == body)
            #expect(answer.headers["X-Owners-Words"] == "episodes=0; sequences=0")
            let less = try await client.send(
                "GET", "\(path)?partial=true&without=sequences,episodes&format=\(query)")
            #expect(
                String(decoding: less.body, as: UTF8.self) == body + " -episodes -sequences")
        }
    }

    @Test("Without partial a refusal says what is left out; other words are no answers")
    func refusals() async throws {
        try await withClient(.router) { client in
            let refused = try await client.send("GET", path + "?format=peft")
            #expect(refused.status == 422)
            #expect(try refused.error().code == "refused")
            for query in ["format=lora", "format=peft&partial=1", "format=peft&bits=8"] {
                let answer = try await client.send("GET", "\(path)?\(query)")
                #expect(answer.status == 400)
            }
        }
    }
}
