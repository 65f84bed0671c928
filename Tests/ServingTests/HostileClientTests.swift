import Synchronization
import Testing

@testable import Serving

/// A small generator with a seed, so that a failing run can be repeated (Marsaglia's xorshift64).
private struct Xorshift: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}

@Suite("Clients that leave at any moment")
struct HostileClientTests {
    private static let requests = [
        #"{"prompt":"SLOW","max_tokens":20,"stream":true}"#,
        #"{"prompt":"SLOW","max_tokens":5}"#,
        #"{"prompt":"a","max_tokens":16,"stream":true,"plasticity":{"mode":"compare"}}"#,
        #"{"prompt":"a","max_tokens":2000,"stream":true}"#,
        #"{"prompt":"#,
    ]

    @Test("Whatever they cut short, the server answers the next one", arguments: 1...4)
    func leave(seed: Int) async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        try await blocking {
                            var random = Xorshift(state: UInt64(seed * 1000 + worker + 1))
                            for _ in 0..<40 { Self.visit(port, &random) }
                        }
                    }
                }
                try await group.waitForAll()
            }
            let health = try await client.send("GET", "/health")
            #expect(health.status == 200)
            let models = client.models
            #expect(try await eventually { models.state.withLock { $0.running } == 0 })
            #expect(models.state.withLock { $0.cancelled } > 0)
            #expect(models.state.withLock { $0.started } > 50)
        }
    }

    /// Sends a whole request or a part of it, reads all, some or nothing, and goes.
    private static func visit(_ port: Int, _ random: inout Xorshift) {
        let body = requests.randomElement(using: &random)!
        let request = Array(
            ("POST /v1/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)").utf8)
        let socket = RawSocket(port: port)
        guard Int.random(in: 0..<4, using: &random) > 0 else {
            socket.send(Array(request.prefix(Int.random(in: 0..<request.count, using: &random))))
            return
        }
        socket.send(request)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: break
        case 1: pause(seconds: Double.random(in: 0..<0.03, using: &random))
        case 2: _ = socket.receive()
        default: _ = socket.receiveToEnd()
        }
    }
}
