import Testing

@testable import Serving

@Suite("Where a request ends, by socket")
struct FramingTests {
    private static let hidden = "GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
    private static let chunks = "5\r\n{}   \r\n0\r\n\r\n"

    /// What else comes on the connection: a second answer would show that it was read as a request.
    private static func send(_ head: String, then rest: String = hidden) -> String {
        head + "\r\n\r\n" + rest
    }

    @Test(
        "A head in doubt about its body or its host is refused, and its connection ends",
        arguments: ["GET", "POST", "PUT", "DELETE", "PATCH", "BREW"],
        [
            "Host: localhost\r\nContent-Length: 0\r\nContent-Length: \(hidden.utf8.count)",
            "Host: localhost\r\nContent-Length: \(hidden.utf8.count)\r\nContent-Length: 0",
            "Host: localhost\r\nContent-Length: 0\r\ncontent-length: 0",
            "Host: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked",
            "Host: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 3",
            "Host: localhost\r\nContent-Length : \(hidden.utf8.count)",
            "Host: localhost\r\nContent-Length\t: \(hidden.utf8.count)",
            "Host: localhost\r\nTransfer-Encoding : chunked",
            "Host: localhost\r\nContent-Length: +0", "Host: localhost\r\nContent-Length: 0, 0",
            "Host: localhost\r\nContent-Length: 0x0", "Host: localhost\r\nContent-Length: -1",
            "Host: localhost\r\nContent-Length:",
            "Host: localhost\r\nTransfer-Encoding: gzip",
            "Host: localhost\r\nTransfer-Encoding: chunked, gzip",
            "Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Host: localhost\r\nTransfer-Encoding: xchunked",
            "X-None: 1", "Host: localhost\r\nHost: localhost",
            "Host: localhost\r\nHost: evil.example", "Host: localhost\r\nX\u{1}Y: 1",
            "Host: localhost\r\nX-Note: a\u{1b}[2J",
            "Host: localhost\r\nContent-Length:\r\n \(hidden.utf8.count)",
            "Host: localhost\r\nContent-Length: 4\r\n\t3",
            "Host: localhost\r\nTransfer-Encoding:\r\n chunked",
        ])
    func doubtful(method: String, fields: String) async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let answer = try await blocking {
                let socket = RawSocket(port: port)
                socket.send(Self.send("\(method) /v1/models HTTP/1.1\r\n\(fields)"))
                return String(decoding: socket.receiveToEnd(), as: UTF8.self)
            }
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer.prefix(200))")
            // libmicrohttpd's own refusal of a length that is no number has its head twice.
            let answers = answer.split(separator: "HTTP/1.1 ")
            #expect(answers.allSatisfy { $0.hasPrefix("400 ") }, "\(answer)")
            #expect(!answer.contains("fake-core"))
        }
    }

    @Test("A target with a space or a control character is refused", arguments: [" ", "\u{1}"])
    func doubtfulTarget(character: String) async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let answer = try await blocking {
                let socket = RawSocket(port: port)
                socket.send(
                    Self.send("GET /v1/models\(character)x HTTP/1.1\r\nHost: localhost", then: ""))
                return String(decoding: socket.receiveToEnd(), as: UTF8.self)
            }
            #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(answer.prefix(200))")
        }
    }

    @Test(
        "What is plain is answered, and the next request of the connection too",
        arguments: [
            ("POST", "1.1", "Host: localhost\r\nContent-Length: 2", "{}"),
            ("POST", "1.1", "HOST: localhost\r\ntransfer-encoding: Chunked", chunks),
            ("GET", "1.1", "Host: localhost", ""),
            ("GET", "1.1", "Host:localhost \r\nX-Note:\ta\tb\r\nX-Empty:", ""),
        ])
    func plain(method: String, version: String, fields: String, body: String) async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            let path = method == "GET" ? "/v1/models" : "/v1/sessions"
            let text = try await blocking {
                let socket = RawSocket(port: port)
                socket.send("\(method) \(path) HTTP/\(version)\r\n\(fields)\r\n\r\n\(body)")
                let first = socket.receive(until: "}\n")
                socket.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return [first, String(decoding: socket.receiveToEnd(), as: UTF8.self)]
            }
            #expect(text[0].hasPrefix(method == "GET" ? "HTTP/1.1 200" : "HTTP/1.1 201"))
            #expect(text[1].contains("\"ready\""))
        }
    }

    @Test("HTTP/1.0 needs no host, and may not send chunks")
    func old() async throws {
        try await withClient(.socket) { client in
            let port = client.port!
            for (fields, status) in [("", 200), ("Transfer-Encoding: chunked\r\n", 400)] {
                let answer = try await blocking {
                    let socket = RawSocket(port: port)
                    socket.send("GET /health HTTP/1.0\r\n\(fields)\r\n")
                    return try TestResponse(parsing: socket.receiveToEnd())
                }
                #expect(answer.status == status)
            }
        }
    }
}
