import Foundation
import Logging
import Scheduling
import Synchronization
import Testing

@testable import Serving

/// How a request gets to the application: a function call, or a socket on 127.0.0.1.
enum Transport: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case router, socket
    var testDescription: String { rawValue }
}

struct TestResponse: Sendable {
    var status: Int
    var headers: HTTPHeaders
    var body: [UInt8]

    var text: String { String(decoding: body, as: UTF8.self) }

    func json() throws -> JSONValue { try JSONParser.parse(body) }

    /// The payloads of an event stream; records an issue for anything that is no event.
    func events() throws -> [String] {
        #expect(text.hasSuffix("\n\n"))
        return text.split(separator: "\n\n").map { event in
            #expect(event.hasPrefix("data: "))
            #expect(!event.contains("\n"))
            return String(event.dropFirst(6))
        }
    }

    /// The parts of OpenAI's error shape, after checking that it is that.
    func error() throws -> (message: String, type: String, parameter: String?, code: String?) {
        guard case .object(let outer) = try json(), outer.map(\.name) == ["error"],
            case .object(let members) = outer[0].value,
            members.map(\.name) == ["message", "type", "param", "code"]
        else {
            Issue.record("not OpenAI's error shape: \(text)")
            return ("", "", nil, nil)
        }
        return (
            members[0].value.text ?? "", members[1].value.text ?? "", members[2].value.text,
            members[3].value.text
        )
    }
}

extension JSONValue {
    var text: String? { if case .string(let text) = self { text } else { nil } }
    var elements: [JSONValue] { if case .array(let elements) = self { elements } else { [] } }
    /// NaN for what is no number.
    var double: Double {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: .nan
        }
    }
    var names: [String] {
        if case .object(let members) = self { members.map(\.name) } else { [] }
    }
}

/// Sends requests to an application over a fake, by one of the transports.
struct TestClient: Sendable {
    let models: FakeModels
    let application: Application
    /// Nil for the router alone.
    let port: Int?

    func send(
        _ method: String, _ target: String, headers: HTTPHeaders = [:], body: String = ""
    ) async throws -> TestResponse {
        try await send(method, target, headers: headers, bytes: Array(body.utf8))
    }

    func send(
        _ method: String, _ target: String, headers: HTTPHeaders = [:], bytes: [UInt8]
    ) async throws -> TestResponse {
        guard let port else {
            var headers = headers
            if headers["Host"] == nil { headers["Host"] = "127.0.0.1" }
            if method != "GET" { headers["Content-Length"] = String(bytes.count) }
            var request = HTTPRequest(
                method: method, target: target, headers: headers, memory: application.memory)
            let response: HTTPResponse
            switch application.admit(request) {
            case .admitted:
                request.body = bytes
                response = await application.respond(request)
            case .unwanted(let error, _): response = application.refuse(request, error)
            case .refused(let answer): response = answer
            }
            return try await TestResponse(collecting: response)
        }
        var head = "\(method) \(target) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        for field in headers.fields { head += "\(field.name): \(field.value)\r\n" }
        if method != "GET" { head += "Content-Length: \(bytes.count)\r\n" }
        let message = Array((head + "\r\n").utf8) + bytes
        return try await blocking {
            let socket = RawSocket(port: port)
            socket.send(message)
            return try TestResponse(parsing: socket.receiveToEnd())
        }
    }
}

/// Runs what waits for sockets on a thread of its own: Swift's and Dispatch's are few.
func blocking<Value: Sendable>(
    _ body: @escaping @Sendable () throws -> Value
) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result(catching: body)) }
    }
}

/// Runs `body` with a client; by socket, with a server that is stopped afterwards.
func withClient(
    _ transport: Transport, keys: KeyRing = KeyRing(),
    configuration: ServerConfiguration = ServerConfiguration(port: 0),
    logger: Logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
    _ body: (TestClient) async throws -> Void
) async throws {
    let models = FakeModels()
    guard transport == .socket else {
        let application = Application(
            models: models, keys: keys, configuration: configuration, logger: logger)
        try await body(TestClient(models: models, application: application, port: nil))
        return
    }
    let server = HebbServer(
        models: models, keys: keys, configuration: configuration, logger: logger)
    let (_, port) = try server.start()
    do {
        try await body(TestClient(models: models, application: server.application, port: port))
    } catch {
        await server.stop()
        throw error
    }
    await server.stop()
}

/// Waits until `condition` holds, a minute at most: heavy tests share the machine.
func eventually(_ condition: () -> Bool) async throws -> Bool {
    for _ in 0..<6_000 {
        if condition() { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return condition()
}

private final class CollectingWriter: BodyWriter {
    let bytes = Mutex<[UInt8]>([])
    func write(_ more: [UInt8]) async throws { bytes.withLock { $0 += more } }
}

extension TestResponse {
    init(collecting response: HTTPResponse) async throws {
        status = response.status
        headers = response.headers
        switch response.body {
        case .bytes(let bytes): body = bytes
        case .stream(let produce):
            let writer = CollectingWriter()
            try await produce(writer)
            body = writer.bytes.withLock { $0 }
        }
    }

    struct Malformed: Error {}

    /// One answer, its body by length, in chunks or to the end.
    init(parsing bytes: [UInt8]) throws {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { throw Malformed() }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self)
            .components(separatedBy: "\r\n")
        guard let code = lines[0].split(separator: " ").dropFirst().first, let status = Int(code)
        else { throw Malformed() }
        self.status = status
        headers = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { throw Malformed() }
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            headers.append(String(line[..<colon]), String(value))
        }
        body = Array(bytes[end.upperBound...])
        if headers["Transfer-Encoding"] == "chunked" { body = try Self.dechunk(body) }
    }

    private static func dechunk(_ bytes: [UInt8]) throws -> [UInt8] {
        var rest = bytes[...]
        var result: [UInt8] = []
        while true {
            guard let line = rest.firstRange(of: Array("\r\n".utf8)),
                let count = Int(
                    String(decoding: rest[..<line.lowerBound], as: UTF8.self), radix: 16)
            else { throw Malformed() }
            if count == 0 { return result }
            guard rest[line.upperBound...].count >= count + 2 else { throw Malformed() }
            result += rest[line.upperBound...].prefix(count)
            rest = rest[line.upperBound...].dropFirst(count + 2)
        }
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        split(separator: separator, omittingEmptySubsequences: false).map(String.init)
    }
}
