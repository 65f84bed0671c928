import Logging
import Scheduling
import Synchronization
import Testing

@testable import Serving

@Suite("Connections, by socket")
struct ConnectionTests {
    private static func post(_ path: String, _ body: String, headers: String = "") -> String {
        "POST \(path) HTTP/1.1\r\nHost: localhost\r\n\(headers)"
            + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private static let small = ServerConfiguration(
        port: 0, maximumBodyBytes: 100_000, requestDeadlineSeconds: 1, drainSeconds: 0.2)

    @Test("A client that hangs up cancels its generation", arguments: [true, false])
    func hangUp(streams: Bool) async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let body =
                #"{"prompt":"\#(streams ? "SLOW" : "HANG")","max_tokens":900,"stream":\#(streams)}"#
            try await blocking {
                let socket = RawSocket(port: port)
                socket.send(Self.post("/v1/completions", body))
                if streams {
                    #expect(socket.receive(until: "w1 ").contains("w1 "))
                } else {
                    let models = client.models
                    while models.state.withLock({ $0.started }) == 0 { pause(seconds: 0.01) }
                }
            }
            #expect(try await eventually { client.models.state.withLock { $0.cancelled } == 1 })
        }
    }

    @Test("Two keys of bytes that are no text are not taken for one: both are refused")
    func undecodableKeys() async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            for (key, status) in [([0x6B], 200), ([0xE9], 400), ([0xFF, 0xFE], 400)] {
                let head =
                    "POST /v1/sessions/alice/default/observe HTTP/1.1\r\nHost: localhost\r\n"
                    + "Content-Length: 12\r\nConnection: close\r\nIdempotency-Key: "
                let message =
                    Array(head.utf8) + key.map(UInt8.init) + Array("\r\n\r\n{\"text\":\"a\"}".utf8)
                let answer = try await blocking {
                    let socket = RawSocket(port: port)
                    socket.send(message)
                    return try TestResponse(parsing: socket.receiveToEnd())
                }
                #expect(answer.status == status)
            }
            #expect(client.models.state.withLock { $0.observed.count } == 1)
        }
    }

    @Test("A declared body far over the limit is refused before it is sent")
    func declaredTooLarge() async throws {
        try await withClient(.socket, configuration: Self.small) { client in
            let port = client.port!
            for length in ["200001", "99999999999999999999", "18446744073709551615"] {
                let answer = try await blocking {
                    let socket = RawSocket(port: port)
                    socket.send(
                        "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                            + "Content-Length: \(length)\r\n\r\n")
                    return try TestResponse(parsing: socket.receiveToEnd())
                }
                #expect(answer.status == 413)
                if length == "200001" { #expect(try answer.error().code == "request_too_large") }
            }
        }
    }

    @Test(
        "A chunked body is counted as it comes",
        arguments: [
            (99_000, 400), (150_000, 413), (5_000_000, nil),
        ] as [(Int, Int?)])
    func chunkedTooLarge(size: Int, status: Int?) async throws {
        try await withClient(.socket, configuration: Self.small) { client in
            let port = client.port!
            let answer = try await blocking {
                let socket = RawSocket(port: port)
                socket.send(
                    "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                        + "Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n")
                let chunk = "3e8\r\n" + String(repeating: "x", count: 1000) + "\r\n"
                var isOpen = true
                for _ in 0..<(size / 1000) where isOpen { isOpen = socket.send(chunk) }
                if isOpen { socket.send("0\r\n\r\n") }
                return socket.receiveToEnd()
            }
            // Far beyond the limit the connection is cut: the client cannot make us read on.
            guard let status else {
                #expect(answer.isEmpty)
                return
            }
            #expect(try TestResponse(parsing: answer).status == status)
        }
    }

    @Test(
        "A slow client is cut off, a byte now and then or none",
        arguments: [
            "GET /health HTTP/1.1\r\nX-Slow: ",
            "POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n"
                + "Content-Length: 1000\r\n\r\n",
        ])
    func slow(start: String) async throws {
        try await withClient(.socket, configuration: Self.small) { client in
            let port = client.port!
            let seconds = try await blocking {
                let clock = ContinuousClock()
                let socket = RawSocket(port: port)
                return clock.measure {
                    socket.send(start)
                    for _ in 0..<100 {
                        guard socket.send("x") else { return }
                        pause(seconds: 0.05)
                    }
                } / .seconds(1)
            }
            #expect(seconds > 0.8 && seconds < 4)
        }
    }

    @Test("A long answer is not cut by the deadline for requests", arguments: [true, false])
    func longAnswer(streams: Bool) async throws {
        try await withClient(.socket, configuration: Self.small) { client in
            let body = #"{"prompt":"SLOW","max_tokens":120,"stream":\#(streams)}"#
            let answer = try await client.send("POST", "/v1/completions", body: body)
            #expect(answer.status == 200)
            #expect(answer.text.contains("w119"))
        }
    }

    @Test("Two hundred requests at once are all answered")
    func concurrent() async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let body = #"{"prompt":"SLOW","max_tokens":5}"#
            let request = Self.post("/v1/completions", body, headers: "Connection: close\r\n")
            let statuses = try await withThrowingTaskGroup(of: [Int].self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await blocking {
                            let sockets = Sockets(count: 50, port: port)
                            for index in 0..<50 { sockets.send(request, on: index) }
                            return try (0..<50).map {
                                try TestResponse(parsing: sockets.receiveToEnd(on: $0)).status
                            }
                        }
                    }
                }
                return try await group.reduce(into: []) { $0 += $1 }
            }
            #expect(statuses.count == 200)
            #expect(statuses.allSatisfy { $0 == 200 })
            #expect(client.models.state.withLock { $0.started } == 200)
        }
    }

    @Test("A connection serves one request after another, pipelined ones too")
    func keepAlive() async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let text = try await blocking {
                let socket = RawSocket(port: port)
                socket.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                let first = socket.receive(until: "}\n")
                let stream = #"{"prompt":"a","max_tokens":1,"stream":true}"#
                socket.send(Self.post("/v1/completions", stream))
                let second = socket.receive(until: "0\r\n\r\n")
                socket.send(
                    "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
                        + "GET /nope HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return [first, second, String(decoding: socket.receiveToEnd(), as: UTF8.self)]
            }
            #expect(text[0].contains("\"ready\""))
            #expect(text[1].contains("[DONE]"))
            #expect(text[2].contains("\"ready\"") && text[2].contains("unknown_url"))
        }
    }

    @Test("A reader that does not read holds the writer back, and loses nothing")
    func backPressure() async throws {
        let writer = Exchange(target: "/", connection: OpaquePointer(bitPattern: 1)!)
        let block = [UInt8](repeating: 7, count: 100_000)
        let task = Task {
            for _ in 0..<10 { try await writer.write(block) }
        }
        try await Task.sleep(for: .milliseconds(100))
        var read = 0
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while read < 1_000_000 {
            // Reading from an empty exchange would suspend its connection: there is none here.
            #expect(writer.unreadBytes <= Exchange.highWaterBytes + block.count)
            if writer.unreadBytes > 0 {
                read += buffer.withUnsafeMutableBytes { writer.read(into: $0) }
            } else {
                try await Task.sleep(for: .milliseconds(1))
            }
        }
        try await task.value
        #expect(read == 1_000_000)
    }

    @Test("Stopping ends what still runs, and the port is free again")
    func stop() async throws {
        let models = FakeModels()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var configuration = Self.small
        let server = HebbServer(models: models, configuration: configuration, logger: logger)
        let port = try server.start().port
        async let waiting = blocking {
            let socket = RawSocket(port: port)
            socket.send(Self.post("/v1/completions", #"{"prompt":"HANG"}"#))
            return try TestResponse(parsing: socket.receiveToEnd()).status
        }
        let hasBegun = Mutex(false)
        async let streaming = blocking {
            let socket = RawSocket(port: port)
            let body = #"{"prompt":"SLOW","max_tokens":900,"stream":true}"#
            socket.send(Self.post("/v1/completions", body))
            let head = socket.receive(until: "data: ")
            hasBegun.withLock { $0 = true }
            return head + String(decoding: socket.receiveToEnd(), as: UTF8.self)
        }
        #expect(
            try await eventually {
                models.state.withLock { $0.started } == 2 && hasBegun.withLock { $0 }
            })
        await server.stop()
        #expect(try await waiting == 503)
        // The stream ends whole, and its last event says why.
        let stream = try await streaming
        #expect(stream.hasSuffix("0\r\n\r\n") && !stream.contains("[DONE]"))
        let last = stream.split(separator: "data: ").last ?? ""
        #expect(last.contains("\"error\"") && last.contains("\"draining\""))
        #expect(try await eventually { models.state.withLock { $0.cancelled } == 2 })
        await server.stop()

        configuration.port = port
        let next = HebbServer(models: models, configuration: configuration, logger: logger)
        #expect(try next.start().port == port)
        await next.stop()
    }

    @Test("While it drains, a server says so, refuses what is new and finishes what it has")
    func drain() async throws {
        let models = FakeModels()
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        var configuration = Self.small
        configuration.drainSeconds = 300
        let server = HebbServer(models: models, configuration: configuration, logger: logger)
        let port = try server.start().port
        func ask(_ request: String) async throws -> TestResponse {
            try await blocking {
                let socket = RawSocket(port: port)
                socket.send(request)
                return try TestResponse(parsing: socket.receiveToEnd())
            }
        }
        async let streaming = ask(
            Self.post("/v1/completions", #"{"prompt":"SLOW","max_tokens":60,"stream":true}"#))
        #expect(try await eventually { models.state.withLock { $0.started } == 1 })
        async let stopping: Void = server.stop()
        var health = ""
        for _ in 0..<100 where !health.contains("draining") {
            let answer = try await ask(
                "GET /health HTTP/1.1\r\nHost: localhost\r\n"
                    + "Connection: close\r\n\r\n")
            health = answer.text
            #expect(answer.status == (health.contains("draining") ? 503 : 200))
        }
        #expect(health.contains("\"draining\""))
        // Without asking for it, the connection ends: `ask` reads to its end.
        let refused = try await ask(Self.post("/v1/completions", #"{"prompt":"a"}"#))
        #expect(refused.status == 503)
        #expect(try refused.error().code == "draining")
        #expect(refused.headers["Retry-After"] != nil)
        #expect(refused.headers["Connection"] == "close")
        let stream = try await streaming
        #expect(stream.text.contains("w59") && stream.text.contains("[DONE]"))
        await stopping
    }

    @Test("An answer that its reader lets lie is cut off")
    func unreadAnswer() async throws {
        try await withClient(.socket, configuration: Self.small) { client in
            let port = client.port!
            let text = try await blocking {
                let socket = RawSocket(port: port)
                // Far more than the kernel's buffers take.
                let body = #"{"prompt":"a","max_tokens":200000,"stream":true}"#
                socket.send(Self.post("/v1/completions", body, headers: "Connection: close\r\n"))
                for _ in 0..<30 {
                    // A few bytes now and then keep libmicrohttpd's own timeout off.
                    _ = socket.receive(limit: 100)
                    pause(seconds: 0.1)
                }
                return String(decoding: socket.receiveToEnd(), as: UTF8.self)
            }
            #expect(!text.contains("[DONE]"))
        }
    }

    @Test("A server that does not start says why")
    func starts() async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        func start(_ host: String, _ port: Int) throws {
            let configuration = ServerConfiguration(host: host, port: port)
            try HebbServer(models: FakeModels(), configuration: configuration, logger: logger)
                .start()
        }
        for host in ["0.0.0.0", "192.0.2.1", "::"] {
            #expect(throws: ServerStartError.notLoopback(host: host)) { try start(host, 0) }
        }
        #expect(throws: ServerStartError.invalidAddress(host: "example.org", port: 0)) {
            try start("example.org", 0)
        }
        #expect(throws: ServerStartError.invalidAddress(host: "::1", port: 65_536)) {
            try start("::1", 65_536)
        }
        try await withClient(.socket) { client in
            let port = client.port!
            #expect(
                throws: ServerStartError.cannotListen(
                    host: "localhost", port: port, reason: "Address already in use")
            ) { try start("localhost", port) }
        }
    }
}
