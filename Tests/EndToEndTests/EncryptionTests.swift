import Foundation
import Testing

/// A server whose data folder has a key.
@Suite(.serialized, .timeLimit(.minutes(10)))
struct EncryptionTests {
    private let alice = "/v1/sessions/alice/default"

    private func refusal(_ arguments: [String]) async throws -> String {
        let outcome = try await HebbBinary.run(["serve", "--port", "0"] + arguments)
        #expect(outcome.status == 1)
        #expect(outcome.output.isEmpty)
        return outcome.errors
    }

    @Test("A folder is encrypted with a new key, opens with that one only, and exports the same")
    func wholeLife() async throws {
        let (data, keys) = (try TemporaryFolder(), try TemporaryFolder())
        let key = keys.path + "/hebb.key"
        var server = try await ServerProcess(data: data)
        _ = try await server.client.observe("alice/default", UserText.notes)
        let exported = try await server.client.get("\(alice)/delta?scope=total").body
        #expect(try await server.stop() == 0)

        server = try await ServerProcess(data: data, arguments: ["--new-data-key", key])
        #expect(try await server.client.get("\(alice)/delta?scope=total").body == exported)
        #expect(try server.log().contains("keep a copy"))
        server.killNow()

        #expect(try await refusal(["--data", data.path]).contains("--data-key"))
        let other = keys.path + "/other.key"
        #expect(
            try await refusal(["--data", data.path, "--new-data-key", other])
                .contains("is encrypted"))
        #expect(!FileManager.default.fileExists(atPath: other))
        try Data(repeating: 7, count: 32).write(to: URL(fileURLWithPath: other))
        chmod(other, 0o600)
        #expect(
            try await refusal(["--data", data.path, "--data-key", other]).contains("another key"))

        let doctor = try await HebbBinary.run([
            "doctor", "--data", data.path, "--data-key", key, "--port", "0",
        ])
        #expect(doctor.output.contains("1 learning events, encrypted"), "\(doctor.output)")

        server = try await ServerProcess(
            data: data, arguments: ["--data-key", key, "--journal", "deltas"])
        #expect(try server.log().contains("no text is kept from now on"))
        #expect(try await server.client.get("\(alice)/delta?scope=total").body == exported)
        _ = try await server.client.observe("alice/default", UserText.laterNotes)
        let later = try await server.client.get("\(alice)/delta?scope=total").body
        server.killNow()
        server = try await ServerProcess(data: data, arguments: ["--data-key", key])
        #expect(try await server.client.get("\(alice)/delta?scope=total").body == later)
        #expect(try server.log().contains("cannot be forgotten"))
        #expect(try await server.stop() == 0)
    }
}
