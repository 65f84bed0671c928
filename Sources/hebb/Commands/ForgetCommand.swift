import ArgumentParser
import Foundation

/// `hebb forget`: makes a session, and all that came of it, never have learned something.
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Forget events exactly, as if they had never come.",
        discussion: """
            Example: hebb forget --user alice evt-8161b4ff100176586f14bf7c
                     hebb events --user alice | grep quorvath

            The server learns what came later again, without the event, and takes its text off \
            the disk. Every checkpoint of the user that came of it changes too. There is no way \
            back, and no question is asked. The receipt is printed.
            """)

    @Argument(help: "The events' ids, as hebb events prints them.")
    var events: [String]

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let address = try session.address()
        let client = try await server.client()
        var receipts: [WireReceipt] = []
        for event in events {
            // Repeating it does no harm, so a broken connection can be tried again.
            let receipt: WireReceipt = try await client.exchange(
                "DELETE", address.path("events/\(SessionAddress.escaped(event))"), retries: 2)
            if !server.json { for line in Self.lines(receipt) { Terminal.result(line) } }
            receipts.append(receipt)
        }
        if server.json { try Terminal.json(receipts) }
    }

    static func lines(_ receipt: WireReceipt) -> [String] {
        let again =
            receipt.replayedEvents == 1
            ? "1 event learned again"
            : "\(Figure.grouped(receipt.replayedEvents)) events learned again"
        var lines = [
            "event \(receipt.event) (\(receipt.kind) of \(receipt.created)) forgotten, \(again)"
        ]
        for session in receipt.sessions {
            lines.append(
                "  session \(session.id): revision \(session.revision.before) → "
                    + "\(session.revision.after), \(change(session.hash))")
        }
        for checkpoint in receipt.checkpoints {
            lines.append("  checkpoint \(checkpoint.id): \(change(checkpoint.hash))")
            if let probe = checkpoint.failedProbe {
                lines.append("    it fails the probe \(probe.name) of the constitution now")
            }
        }
        return lines
    }

    private static func change(_ hash: WireReceipt.Change<String>) -> String {
        let (before, after) = (hash.before.prefix(12), hash.after.prefix(12))
        return before == after ? "engram \(before) as it was" : "engram \(before) → \(after)"
    }
}

/// What the server says that forgetting changed.
struct WireReceipt: Codable, Sendable {
    struct Change<Value: Codable & Sendable>: Codable, Sendable {
        let before: Value
        let after: Value
    }
    struct Session: Codable, Sendable {
        let id: String
        let revision: Change<Int>
        let hash: Change<String>
    }
    struct Checkpoint: Codable, Sendable {
        struct Probe: Codable, Sendable {
            let name: String
            let measured: Double
            let required: Double
        }
        let id: String
        let hash: Change<String>
        let failedProbe: Probe?
    }

    let event: String
    let session: String
    let kind: String
    let created: String
    let forgotten: String
    let replayedEvents: Int
    let sessions: [Session]
    let checkpoints: [Checkpoint]
    let erased: Bool?
}
