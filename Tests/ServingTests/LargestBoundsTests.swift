import Testing

@testable import Serving

struct LargestBoundsTests {
    @Test("A server whose bounds are the largest numbers there are answers as any other")
    func largest() async throws {
        let configuration = ServerConfiguration(
            port: 0, maximumBodyBytes: .max, maximumConnections: .max)
        try await withClient(.socket, configuration: configuration) { client in
            let answer = try await client.send(
                "POST", "/v1/completions", body: #"{"prompt":"SLOW","max_tokens":3}"#)
            #expect(answer.status == 200)
        }
    }
}
