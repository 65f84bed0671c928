import ArgumentParser
import Foundation
import Testing

@testable import hebb

#if canImport(FoundationNetworking)
    import FoundationNetworking
#endif

struct TextPiecesTests {
    private func joined(_ text: [UInt8], _ ranges: [Range<Int>]) -> [UInt8] {
        ranges.flatMap { text[$0] }
    }

    @Test("Pieces joined are the text, whatever it is made of", arguments: 0..<40)
    func piecesJoinToTheText(seed: Int) {
        var state = UInt64(seed) &* 0x9E37_79B9_7F4A_7C15 &+ 1
        func next(_ bound: UInt64) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % bound)
        }
        let alphabets: [[UInt8]] = [
            Array("ab \n".utf8), Array("é漢🙂".utf8), [0xFF, 0x80, 0xC3, 0x0A], Array("x".utf8),
        ]
        let alphabet = alphabets[seed % alphabets.count]
        let text = (0..<next(3_000)).map { _ in alphabet[next(UInt64(alphabet.count))] }
        let pieces = TextPieces(targetSize: 16 + next(200))
        let ranges = pieces.ranges(of: text)
        #expect(joined(text, ranges) == text)
        #expect(ranges.allSatisfy { !$0.isEmpty && $0.count <= 2 * pieces.targetSize })
        #expect(ranges == pieces.ranges(of: text))
    }

    @Test("Pieces end at line breaks where lines are short")
    func piecesEndAtLineBreaks() {
        let text = Array(String(repeating: "a line of text\n", count: 100).utf8)
        for range in TextPieces(targetSize: 64).ranges(of: text) {
            #expect(text[range.upperBound - 1] == UInt8(ascii: "\n"))
        }
    }

    @Test("No character is cut in two, even in one endless line")
    func charactersStayWhole() {
        let text = Array(String(repeating: "漢🙂é", count: 300).utf8)
        for range in TextPieces(targetSize: 50).ranges(of: text) {
            #expect(String(validating: text[range], as: UTF8.self) != nil)
        }
    }

    @Test("The largest pieces fit into what a server takes at once; no larger ones are made")
    func largestPieces() throws {
        let size = 524_288
        let command = try ObserveCommand.parse(["--piece", "\(size)", "notes.txt"])
        #expect(command.piece == size)
        // A first line that just does not end within two pieces, one that does, and a rest.
        for length in [2 * size, 2 * size - 1, size + size / 4] {
            let line = [UInt8](repeating: UInt8(ascii: "x"), count: length)
            let text = line + [UInt8(ascii: "\n")] + line
            let ranges = TextPieces(targetSize: command.piece).ranges(of: text)
            #expect(ranges.allSatisfy { $0.count <= 1_048_576 })
        }
        #expect {
            try ObserveCommand.parse(["--piece", "\(size + 1)", "notes.txt"])
        } throws: {
            ObserveCommand.message(for: $0).contains("a megabyte at once")
        }
    }

    @Test("A text that fits, or nearly, is one piece")
    func smallTextsStayWhole() {
        #expect(TextPieces(targetSize: 100).ranges(of: []).isEmpty)
        #expect(
            TextPieces(targetSize: 100).ranges(of: Array(repeating: 10, count: 125)) == [0..<125])
    }
}

struct EventStreamTests {
    @Test("Events come out whole, however the network cut them", arguments: 1...17)
    func anyCut(size: Int) {
        let stream = Array(
            "data: {\"a\":\"é\"}\r\n\r\n: ping\n\ndata: one\ndata: two\n\nid: 5\ndata:[DONE]\n\n"
                .utf8)
        var parser = EventStreamParser()
        var events: [String] = []
        for start in stride(from: 0, to: stream.count, by: size) {
            events += parser.append(stream[start..<min(start + size, stream.count)])
        }
        #expect(events == ["{\"a\":\"é\"}", "one\ntwo", "[DONE]"])
    }
}

struct SessionAddressTests {
    @Test("A session is a user and a name, or a user alone")
    func parsing() throws {
        #expect(try SessionAddress("alice/work").description == "alice/work")
        #expect(try SessionAddress("alice").description == "alice/default")
        for wrong in ["", "/", "alice/", "/work", "a/b/c", "..", "a/."] {
            #expect(throws: ValidationError.self) { try SessionAddress(wrong) }
        }
    }

    @Test("--user and --session go together, unless they name different users")
    func together() throws {
        func address(_ arguments: String...) throws -> String {
            try SessionOptions.parse(arguments).address().description
        }
        #expect(try address("--user", "alice") == "alice/default")
        #expect(try address("--user", "alice", "--session", "work") == "alice/work")
        #expect(try address("--user", "alice", "--session", "alice/work") == "alice/work")
        #expect(try address("--session", "alice/work") == "alice/work")
        #expect(try address("--session", "alice") == "alice/default")
        #expect {
            try address("--user", "bob", "--session", "alice/work")
        } throws: {
            SessionOptions.message(for: $0).contains("different users")
        }
        #expect(throws: (any Error).self) { try address("--user", "alice/work") }
    }

    @Test(
        "A name that cannot be one says what may be in it",
        arguments: [
            (["--user", "al ice"], "1 to 256 characters of A-Z"),
            (["--session", "alice/w\u{f6}rk"], "1 to 64 characters of A-Z"),
            (["--user", ""], "a user's name cannot be empty"),
            (
                ["--user", "alice", "--session", "my notes"],
                "'my notes' cannot be a session's name"
            ),
        ])
    func badNames(arguments: [String], message: String) {
        #expect {
            try SessionOptions.parse(arguments)
        } throws: {
            SessionOptions.message(for: $0).contains(message)
        }
    }

    @Test("A path carries names escaped")
    func escaping() throws {
        #expect(
            try SessionAddress("a+b@c/x=1").path("score") == "/v1/sessions/a%2Bb%40c/x%3D1/score")
        #expect(SessionAddress.escaped("é") == "%C3%A9")
        #expect(SessionAddress.escaped("\n") == "%0A")
    }
}

struct ClientErrorTests {
    @Test("A refusal carries the server's words, or its body when it has no shape")
    func refusals() {
        let shaped = ServerClient.refusal(
            status: 429, headers: ["retry-after": "3"],
            body: Data("{\"error\":{\"message\":\"full\",\"code\":\"queue_full\"}}".utf8))
        #expect(
            shaped
                == .refused(status: 429, message: "full", code: "queue_full", retryAfterSeconds: 3))
        #expect(shaped.isTransient && shaped.retryAfterSeconds == 3)
        let bare = ServerClient.refusal(status: 502, headers: [:], body: Data("Bad Gateway".utf8))
        #expect(bare.description.contains("Bad Gateway"))
        #expect(!bare.isTransient)
    }

    @Test(
        "What is too large names the limit that it met",
        arguments: [
            ("text_too_large", "--max-text"), ("request_too_large", "--max-body"),
            (nil, "--max-body"),
        ])
    func tooLarge(code: String?, option: String) {
        let error = ClientError.refused(
            status: 413, message: "too large", code: code, retryAfterSeconds: nil)
        let options = ["--max-text", "--max-body"].filter(error.description.contains)
        #expect(options == [option])
    }

    @Test("No server: the message says how to start one")
    func noServer() {
        let error = ClientError.noServer(url: "http://127.0.0.1:8421")
        #expect(error.description.contains("hebb serve"))
        #expect(error.description.contains("8421"))
    }

    @Test("An answer of another shape names the field that is missing")
    func unexpectedAnswer() {
        let error = #expect(throws: ClientError.self) {
            try WireFormat.decoded(WireScore.self, from: Data("{\"tokens\":1}".utf8), path: "/x")
        }
        #expect(error?.description.contains("bytes") == true)
    }
}

struct AddressTests {
    @Test("Only http and https addresses with a host are servers")
    func baseURL() {
        #expect(ServerClient.baseURL(from: "http://h:1/")?.absoluteString == "http://h:1")
        for wrong in ["", "h:1", "ftp://h", "http://", "/x", "http://h?q=1", "http://h#x"] {
            #expect(ServerClient.baseURL(from: wrong) == nil)
        }
    }

    @Test("An address may be what OpenAI's clients are given, with /v1 at its end")
    func withVersion() {
        for text in ["http://h:1/v1", "http://h:1/v1/", "HTTP://h:1//v1"] {
            #expect(ServerClient.baseURL(from: text)?.absoluteString.lowercased() == "http://h:1")
        }
        #expect(
            ServerClient.baseURL(from: "http://h/base/v1")?.absoluteString == "http://h/base")
    }

    @Test("The loopback address of IPv6 goes by its name, however it is written")
    func loopback() {
        for figures in ["::1", "0:0:0:0:0:0:0:1", "0::0001"] {
            let base = ServerClient.baseURL(from: "http://[\(figures)]:8421/v1")
            #expect(base?.absoluteString == "http://localhost:8421", "\(figures)")
        }
        let other = ServerClient.baseURL(from: "http://[2001:db8::1]:1")
        #expect(other?.absoluteString == "http://[2001:db8::1]:1")
    }

    @Test("An address without its scheme is guessed at")
    func withoutScheme() {
        #expect {
            try ServerOptions.parse(["--url", "localhost:8421"])
        } throws: {
            ServerOptions.message(for: $0).contains("did you mean http://localhost:8421?")
        }
    }

    @Test("Only what answers /health as Hebb does is a Hebb server")
    func health() throws {
        let base = try #require(ServerClient.baseURL(from: "http://h:1"))
        let client = ServerClient(base: base, key: nil, timeoutSeconds: 5)
        func check(_ body: String, _ status: Int, _ headers: [String: String] = [:]) throws {
            let response = HTTPURLResponse(
                url: base, statusCode: status, httpVersion: nil, headerFields: headers)
            try client.checkHealth(Data(body.utf8), try #require(response))
        }
        try check("{\"status\":\"ready\",\"model\":\"folio\"}", 200)
        try check("{\"status\":\"draining\",\"model\":\"folio\"}", 503)
        for (body, status) in [("{\"status\":\"ok\"}", 200), ("", 200), ("not found", 404)] {
            #expect(throws: ClientError.self) { try check(body, status) }
        }
        #expect {
            try check("", 404, ["Server": "nginx"])
        } throws: {
            "\($0)".contains("no Hebb server (/health answers 404, nginx)")
        }
        #expect {
            try check("{\"error\":{\"message\":\"not you\"}}", 403)
        } throws: {
            "\($0)".contains("not you")
        }
    }

    @Test("A request carries the key, the body and the escaped query")
    func request() throws {
        let base = try #require(ServerClient.baseURL(from: "http://h:1/base/"))
        let client = ServerClient(base: base, key: "k", timeoutSeconds: 5)
        let request = try client.request(
            for: ServerClient.Call(
                method: "PUT", path: "/p", query: [("a b", "c&d")], body: Data([1])))
        #expect(request.url?.absoluteString == "http://h:1/base/p?a%20b=c%26d")
        #expect(request.value(forHTTPHeaderField: "Authorization") == "Bearer k")
        #expect(request.httpMethod == "PUT")
        #expect(request.httpBody == Data([1]))
    }
}

struct PresentationTests {
    @Test("Numbers are shown as people read them")
    func figures() {
        #expect(Figure.bytes(999) == "999 B")
        #expect(Figure.bytes(34_000) == "34.0 KB")
        #expect(Figure.grouped(1_234_567) == "1,234,567")
        #expect(Figure.grouped(-12) == "-12")
        #expect(
            Figure.bits(WireBits(frozen: 2, adapted: 1.5)) == "2.000 → 1.500 bits/byte (-25.0 %)")
    }
}

struct ExitStatusTests {
    @Test("Exit codes are 0, 1 and 2")
    func statuses() {
        #expect(HebbMain.exitStatus(for: .success) == 0)
        #expect(HebbMain.exitStatus(for: .failure) == 1)
        #expect(HebbMain.exitStatus(for: .validationFailure) == 2)
        #expect(HebbMain.exitStatus(for: HebbCommand.exitCode(for: ValidationError("no"))) == 2)
        #expect(
            HebbMain.exitStatus(for: HebbCommand.exitCode(for: ClientError.noServer(url: ""))) == 1)
    }
}

struct ShippedCoreTests {
    private let files = FileManager.default
    private let root = FileManager.default.temporaryDirectory
        .appendingPathComponent("hebb-\(UUID().uuidString)").resolvingSymlinksInPath()

    private func addCore(_ path: String) throws {
        let folder = root.appendingPathComponent(path)
        try files.createDirectory(at: folder, withIntermediateDirectories: true)
        try Data("{}".utf8).write(to: folder.appendingPathComponent("config.json"))
    }

    /// What is found from a program in `root`, with nothing installed for all users.
    private func found(_ program: String) throws -> String {
        let folder = try ShippedCore.folder(
            executable: root.appendingPathComponent(program).path
        ) { name in
            ["XDG_DATA_HOME": "\(root.path)/own/share", "XDG_DATA_DIRS": "\(root.path)/none"][name]
        }
        return String(folder.dropFirst(root.path.count + 1))
    }

    @Test("The core is found beside the program, above it in a checkout, or where it is installed")
    func places() throws {
        defer { try? files.removeItem(at: root) }
        let error = #expect(throws: ShippedCore.NotFound.self) { try found("bin/hebb") }
        for part in ["\(root.path)/share/hebb/cores", "--core", "HEBB_CORE", "deploy/install"] {
            #expect(error?.description.contains(part) == true, "\(part)")
        }
        try addCore("own/share/hebb/cores/installed")
        #expect(try found("bin/hebb") == "own/share/hebb/cores/installed")
        try files.createDirectory(
            at: root.appendingPathComponent("checkout/deploy/cores/recipe"),
            withIntermediateDirectories: true)
        try addCore("checkout/deploy/cores/b-core")
        try addCore("checkout/deploy/cores/a-core")
        #expect(try found("checkout/.build/release/hebb") == "checkout/deploy/cores/a-core")
        try addCore("share/hebb/cores/beside")
        #expect(try found("bin/hebb") == "share/hebb/cores/beside")
    }
}

struct FindingTests {
    @Test("A finding is one line, and a second one for what to do")
    func lines() {
        #expect(Finding("port", .ok, "8421 is free").line == "ok   port        8421 is free")
        let failed = Finding("data", .fail, "not writable", remedy: "name another").line
        #expect(failed.hasPrefix("fail data"))
        #expect(failed.split(separator: "\n").count == 2)
    }
}
