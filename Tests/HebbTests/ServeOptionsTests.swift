import ArgumentParser
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
