import ArgumentParser
import Scheduling
import Testing

@testable import hebb

struct ServeOptionsTests {
    @Test(
        "A bound that no machine has is refused with its name",
        arguments: [
            "max-body", "max-text", "queue", "max-connections", "memory", "keep-checkpoints",
            "request-memory", "sessions-per-user", "drain-seconds",
        ])
    func hugeBounds(option: String) throws {
        for value in ["9223372036854775807", "-1"] {
            do {
                _ = try ServeCommand.parse(["--\(option)=\(value)"])
                Issue.record("--\(option) \(value) is taken")
            } catch {
                #expect(ServeCommand.message(for: error).contains("--\(option) must be from"))
            }
        }
        _ = try ServeCommand.parse(["--\(option)=4096"])
    }

    @Test("The largest body must fit into the memory for requests, twice")
    func bodiesFit() throws {
        _ = try ServeCommand.parse(["--max-body", "67108864"])
        #expect(throws: (any Error).self) {
            _ = try ServeCommand.parse(["--max-body", "67108865"])
        }
        _ = try ServeCommand.parse(["--max-body", "67108865", "--request-memory", "129"])
    }
}

struct SharingOptionsTests {
    @Test(
        "What would share a server otherwise than it says is refused",
        arguments: [
            ["--tls-cert", "a.pem"], ["--tls-key", "a.key"], ["--cors-origin", "*"],
            ["--cors-origin", "null"], ["--cors-origin", "https://a.org/"],
            ["--cors-origin", "https://A.org"], ["--cors-origin", "https://u@a.org"],
            ["--cors-origin", "a.org"], ["--cors-origin", "https://"],
            ["--allowed-host", "https://a.org"], ["--allowed-host", "a.org:443"],
            ["--allowed-host", "*"], ["--allowed-host", ""],
        ])
    func refusals(arguments: [String]) {
        #expect(throws: (any Error).self) { _ = try ServeCommand.parse(arguments) }
    }

    @Test("Names, origins and certificates are taken, several of them too")
    func shapes() throws {
        let command = try ServeCommand.parse([
            "--allowed-host", "a.org", "--allowed-host", "b-2.example", "--cors-origin",
            "https://a.org:8443", "--cors-origin", "tauri://localhost", "--tls-cert", "c",
            "--tls-key", "k", "--require-keys",
        ])
        #expect(command.sharing.allowedHost == ["a.org", "b-2.example"])
        #expect(command.sharing.corsOrigin == ["https://a.org:8443", "tauri://localhost"])
        #expect(command.sharing.requireKeys)
    }

    @Test("Quotas are read as people type them, and refused by name")
    func quotas() throws {
        let parsed = try QuotaText.parse([
            "requests/minute=60,tokens/day=5", "learned-tokens/day=7", "sessions=2",
        ])
        #expect(
            parsed == [
                .requestsPerMinute: 60, .tokensPerDay: 5, .learnedTokensPerDay: 7, .sessions: 2,
            ])
        for wrong in ["requests=1", "tokens/day", "tokens/day=0", "tokens/day=x", "=3", "a=b=c"] {
            #expect(throws: (any Error).self, "\(wrong)") { _ = try QuotaText.parse([wrong]) }
        }
    }
}
