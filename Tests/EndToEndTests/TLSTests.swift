import Foundation
import Testing
import TinyCore

/// TLS as a team meets it: the server's own, and nginx's with the configuration that ships. `curl`
/// trusts one certificate, made here.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct TLSTests {
    private static let name = "hebb.example.org"

    private static func program(_ name: String) -> String? {
        let places = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
        return (places.map { "\($0)/\(name)" } + ["/usr/sbin/\(name)"])
            .first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Whether the programs are there that these tests talk to.
    static let hasTools = program("openssl") != nil && program("curl") != nil
    static let hasNginx = hasTools && program("nginx") != nil

    private struct Team {
        let folder: TemporaryFolder
        let data: TemporaryFolder
        let key: String
        var certificate: String { folder.path + "/cert.pem" }
        var privateKey: String { folder.path + "/key.pem" }

        init() async throws {
            folder = try TemporaryFolder()
            data = try TemporaryFolder()
            let made = try await HebbBinary.run(
                ["keys", "add", "chief", "--role", "admin", "--data", data.path])
            key = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
            _ = try TLSTests.run(
                "openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=\(TLSTests.name)", "-addext",
                    "subjectAltName=DNS:\(TLSTests.name),IP:127.0.0.1", "-keyout",
                    folder.path + "/key.pem", "-out", folder.path + "/cert.pem",
                ])
            _ = chmod(folder.path + "/key.pem", 0o600)
        }

        /// What curl gets by the server's name, which is at a port of this machine.
        func curl(_ port: UInt16, _ path: String, _ arguments: [String] = []) throws -> String {
            try TLSTests.run(
                "curl",
                [
                    "-sS", "--max-time", "60", "--cacert", certificate, "--connect-to",
                    "\(TLSTests.name):\(port):127.0.0.1:\(port)", "-w", "\n%{http_code}",
                    "https://\(TLSTests.name):\(port)\(path)",
                ] + arguments)
        }

        var bearer: [String] { ["-H", "Authorization: Bearer \(key)"] }
    }

    private static func run(_ name: String, _ arguments: [String]) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: program(name) ?? name)
        process.arguments = arguments
        process.standardInput = FileHandle.nullDevice
        let output = Pipe()
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try ProcessLaunch.run(process)
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        return String(decoding: data, as: UTF8.self)
    }

    private func converse(_ team: Team, _ port: UInt16) throws {
        #expect(try team.curl(port, "/health").hasSuffix("\n200"))
        #expect(try team.curl(port, "/v1/models").hasSuffix("\n401"))
        #expect(try team.curl(port, "/v1/models", team.bearer).hasSuffix("\n200"))
        let long = String(repeating: "The heron stood in the reeds. ", count: 3_000)
        let body = team.folder.path + "/body.json"
        try JSONEncoder().encode(["text": long]).write(to: URL(fileURLWithPath: body))
        let taught = try team.curl(
            port, "/v1/sessions/chief/default/observe",
            team.bearer + ["--data-binary", "@\(body)"])
        #expect(taught.hasSuffix("\n200"), "\(taught.suffix(300))")
        let stream = try team.curl(
            port, "/v1/completions",
            team.bearer + ["-N", "-d", #"{"prompt":"The heron","max_tokens":20,"stream":true}"#])
        #expect(stream.components(separatedBy: "data: ").count > 10)
        #expect(stream.contains("data: [DONE]"))
        let export = try team.curl(
            port, "/v1/sessions/chief/default/delta",
            team.bearer + ["-o", team.folder.path + "/engram"])
        #expect(export.hasSuffix("200"))
        let bytes = try Data(contentsOf: URL(fileURLWithPath: team.folder.path + "/engram"))
        #expect(bytes.count > 10_000)
    }

    @Test("The server speaks TLS with a certificate of its own", .enabled(if: hasTools))
    func own() async throws {
        let team = try await Team()
        let tls = ["--tls-cert", team.certificate, "--tls-key", team.privateKey]
        let server = try await ServerProcess(
            data: team.data, arguments: tls + ["--allowed-host", Self.name])
        #expect(server.client.base.hasPrefix("https://"))
        try converse(team, server.client.port)
        // Who does not trust the certificate gets nothing; who speaks no TLS neither.
        let port = server.client.port
        let untrusted = try Self.run(
            "curl", ["-sS", "-w", "%{http_code}", "https://127.0.0.1:\(port)/health"])
        #expect(untrusted == "000")
        let plain = try Self.run(
            "curl", ["-sS", "-w", "%{http_code}", "http://127.0.0.1:\(port)/health"])
        #expect(plain == "000")
        #expect(try await server.stop() == 0)

        chmod(team.privateKey, 0o644)
        let refused = try await HebbBinary.run(
            ["serve", "--data", team.data.path, "--port", "0"] + tls)
        #expect(refused.status == 1 && refused.errors.contains("chmod o="))
        chmod(team.privateKey, 0o600)
        let swapped = try await HebbBinary.run([
            "serve", "--data", team.data.path, "--port", "0", "--tls-cert", team.privateKey,
            "--tls-key", team.privateKey,
        ])
        #expect(swapped.status == 1 && swapped.errors.contains("TLS did not start"))
    }

    @Test("nginx does it with the configuration that ships", .enabled(if: hasNginx))
    func nginx() async throws {
        let team = try await Team()
        let server = try await ServerProcess(
            data: team.data, arguments: ["--require-keys", "--allowed-host", Self.name])
        let port = try Self.freePort()
        let shipped = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../deploy/nginx/hebb.conf")
        var site = try String(contentsOf: shipped, encoding: .utf8)
        // Only what is this machine's: ports, and where the certificate lies.
        for (shown, real) in [
            ("127.0.0.1:8421", "127.0.0.1:\(server.client.port)"),
            ("listen 443", "listen 127.0.0.1:\(port)"),
            ("    listen [::]:443 ssl http2;\n", ""), ("    listen [::]:80;\n", ""),
            ("listen 80", "listen 127.0.0.1:\(try Self.freePort())"),
            ("/etc/ssl/certs/hebb.example.org.pem", team.certificate),
            ("/etc/ssl/private/hebb.example.org.key", team.privateKey),
        ] {
            #expect(site.contains(shown), "\(shown)")
            site = site.replacingOccurrences(of: shown, with: real)
        }
        let folder = team.folder.path
        try site.write(toFile: folder + "/site.conf", atomically: true, encoding: .utf8)
        let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(folder)/\($0);" }.joined(separator: "\n")
        try """
        daemon off; pid \(folder)/nginx.pid; error_log \(folder)/error.log; worker_processes 1;
        events { worker_connections 64; }
        http {
            access_log off;
            \(places)
            include \(folder)/site.conf;
        }
        """.write(toFile: folder + "/nginx.conf", atomically: true, encoding: .utf8)
        let proxy = Process()
        proxy.executableURL = URL(fileURLWithPath: try #require(Self.program("nginx")))
        proxy.arguments = ["-c", folder + "/nginx.conf", "-e", folder + "/error.log"]
        proxy.standardError = FileHandle.nullDevice
        try ProcessLaunch.run(proxy)
        defer { kill(proxy.processIdentifier, SIGTERM) }
        for _ in 0..<200 where try !team.curl(port, "/health").hasSuffix("\n200") {
            try await Task.sleep(for: .milliseconds(50))
        }
        try converse(team, port)
        let named = try team.curl(
            port, "/v1/models", team.bearer + ["-D", "-", "-H", "X-Request-Id: walk-7"])
        #expect(named.lowercased().contains("x-request-id: walk-7"))
        let page = try team.curl(
            port, "/v1/models",
            team.bearer + [
                "-H", "Origin: https://\(Self.name):\(port)", "-H", "Sec-Fetch-Site: same-origin",
            ])
        #expect(page.hasSuffix("\n200"), "the console's own page is refused: \(page)")
        let foreign = try team.curl(
            port, "/v1/models", team.bearer + ["-H", "Origin: https://evil.example"])
        #expect(foreign.hasSuffix("\n403"))
        #expect(try await server.stop() == 0)
    }

    /// A port that nothing listens on now.
    private static func freePort() throws -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
            }
        }
        guard isBound else { throw TestFailure("no free port") }
        return UInt16(bigEndian: address.sin_port)
    }
}
