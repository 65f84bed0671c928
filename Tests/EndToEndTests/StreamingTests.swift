import Foundation
import Testing

/// Streamed completions over a real socket.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct StreamingTests {
    private func completion(_ fields: String) -> String {
        RawConnection.request(
            "POST", "/v1/completions",
            body: "{\"user\":\"alice\",\"prompt\":\"The tarn\",\(fields)}")
    }

    @Test("A stream carries OpenAI's chunks, our plasticity, and ends with [DONE]")
    func streamHasItsShape() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let connection = try RawConnection(port: server.client.port)
        connection.send(completion("\"stream\":true,\"max_tokens\":8,\"seed\":1"))
        let answer = connection.receive(until: "[DONE]")
        #expect(answer.contains("text/event-stream"))
        #expect(answer.contains("\"text_completion\""))
        #expect(answer.contains("\"finish_reason\":\"length\""))
        #expect(answer.contains("\"plasticity\""))
        #expect(answer.contains("data: [DONE]"))
    }

    @Test("A client that hangs up mid-stream cancels its generation, and nothing is learned")
    func hangUp() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let path = "/v1/sessions/alice/default"
        let before = try await server.client.get(path)["revision"]
        let connection = try RawConnection(port: server.client.port)
        // Only the core's context bounds it: it would run for seconds.
        connection.send(
            completion(
                "\"stream\":true,\"max_tokens\":400,\"plasticity\":{\"learn\":\"both\"}"))
        #expect(connection.receive(until: "data: ").contains("data: "))
        connection.hangUp()

        let deadline = ContinuousClock.now + .seconds(30)
        while try await cancelledGenerations(server.client) == 0, ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await cancelledGenerations(server.client) == 1)
        #expect(try await server.client.get(path)["revision"] == before)
        #expect(try await server.client.get("/health").status == 200)
    }

    private func cancelledGenerations(_ client: TestClient) async throws -> Double {
        let metrics = try await client.get("/metrics").text
        for line in metrics.split(separator: "\n") where !line.hasPrefix("#") {
            let words = line.split(separator: " ")
            if words.count >= 2, words[0].contains("cancelled") { return Double(words[1]) ?? 0 }
        }
        return 0
    }

    @Test("One seed gives one answer, streamed or not")
    func seedDecides() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        let request: JSON = [
            "user": "alice", "prompt": "The tarn", "max_tokens": 12, "seed": 5,
        ]
        let first = try await server.client.post("/v1/completions", request)
        let second = try await server.client.post("/v1/completions", request)
        #expect(try first["choices"][0]["text"] == second["choices"][0]["text"])
    }
}
