import Foundation
import Testing
import TinyCore

/// What one client's bodies may cost the others, on the real server.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct RequestMemoryTests {
    private let alice = "/v1/sessions/alice/default"
    private static let bodyBytes = 16 << 20

    /// Starts a file of 16 MiB and stops short of its end.
    private func beginUpload(_ connection: RawConnection, chunked: Bool) {
        var head = "PUT \(alice)/delta HTTP/1.1\r\nHost: localhost\r\n"
        head += chunked ? "Transfer-Encoding: chunked" : "Content-Length: \(Self.bodyBytes)"
        connection.send(head + "\r\n\r\n")
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
        for _ in 0..<15 {
            if chunked { connection.send("100000\r\n") }
            connection.send(piece)
            if chunked { connection.send("\r\n") }
        }
    }

    private func expectServed(_ server: ServerProcess, user: String) async throws {
        let client = server.client
        let score = try await client.score("\(user)/default", "The tarn is full.")
        #expect(score.frozen > 0)
        let learned = try await client.observe("\(user)/default", UserText.notes)
        #expect(learned.status == 200, "\(learned.text)")
        let completion = try await client.post(
            "/v1/completions", ["user": .string(user), "prompt": "The tarn", "max_tokens": 4])
        #expect(completion.status == 200, "\(completion.text)")
    }

    @Test("150 files of 16 MiB that do not end take less than 300 MB, and others are served")
    func unfinishedFiles() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        try await expectServed(server, user: "bob")
        let before = try server.memory("VmRSS")
        let connections = try (0..<150).map { _ in try RawConnection(port: server.client.port) }
        for (index, connection) in connections.enumerated() {
            beginUpload(connection, chunked: index % 3 == 0)
        }
        try await expectServed(server, user: "carol")
        let growth = try server.memory("VmHWM") - before
        #expect(growth < 300_000_000, "grew by \(growth) bytes")
        // There was a budget at work, not a server that looks away.
        #expect(growth > 50_000_000, "grew by \(growth) bytes")

        for connection in connections { connection.hangUp() }
        let claimed = { () async throws -> Bool in
            try await server.client.get("/metrics").text.contains("\nhebb_request_bytes 0\n")
        }
        let deadline = ContinuousClock.now + .seconds(30)
        while try await !claimed(), ContinuousClock.now < deadline {
            try await Task.sleep(for: .milliseconds(50))
        }
        #expect(try await claimed())
        // A whole file is taken again: it is read to its end and refused for what it is.
        let upload = try await server.client.send(
            "PUT", "\(alice)/delta", body: Data(repeating: 7, count: Self.bodyBytes),
            headers: ["Content-Type": "application/octet-stream"])
        #expect(upload.status == 422, "\(upload.text)")
    }

    @Test("Small JSON that is large in memory is refused before it is")
    func costlyDocuments() async throws {
        let server = try await ServerProcess(data: TemporaryFolder())
        try await expectServed(server, user: "bob")
        let before = try server.memory("VmRSS")
        let body = "{\"prompt\":[" + String(repeating: "[1],", count: 450_000) + "[1]]}"
        let request = RawConnection.request("POST", "/v1/completions", body: body)
        let connections = try (0..<40).map { _ in try RawConnection(port: server.client.port) }
        for connection in connections { connection.send(request) }
        for connection in connections {
            let answer = connection.receive(until: "}\n")
            // 400: parsed, and too many prompts. 503: others were being parsed.
            #expect(answer.hasPrefix("HTTP/1.1 400") || answer.hasPrefix("HTTP/1.1 503"))
        }
        let growth = try server.memory("VmHWM") - before
        #expect(growth < 300_000_000, "grew by \(growth) bytes")
        try await expectServed(server, user: "carol")
    }

    @Test("Under a limit of the system's, requests are refused, and the process goes on")
    func addressSpaceLimit() async throws {
        let server = try await ServerProcess(
            data: TemporaryFolder(), arguments: ["--request-memory", "4096"])
        try await expectServed(server, user: "bob")
        let limit = try server.memory("VmSize") + 160 << 20
        let prlimit = Process()
        prlimit.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        prlimit.arguments = ["--pid", "\(server.identifier)", "--as=\(limit)"]
        try ProcessLaunch.run(prlimit)
        prlimit.waitUntilExit()
        #expect(prlimit.terminationStatus == 0)
        let connections = try (0..<60).map { _ in try RawConnection(port: server.client.port) }
        for (index, connection) in connections.enumerated() {
            beginUpload(connection, chunked: index % 2 == 0)
        }
        try await expectServed(server, user: "carol")
        // The last piece of those that are not chunked brings their answers.
        var refused = 0
        for index in stride(from: 1, to: 60, by: 2) {
            connections[index].send([UInt8](repeating: 0, count: 1 << 20))
            if connections[index].receive(until: "}\n").contains("memory_busy") { refused += 1 }
        }
        #expect(refused > 10)
        #expect(server.isRunning)
        try await expectServed(server, user: "dave")
    }
}
