import ArgumentParser
import Foundation

/// `hebb forget`: makes a session, and all that came of it, never have learned something; or deletes
/// a user.
struct ForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Forget events exactly, as if they had never come, or a whole user.",
        discussion: """
            Example: hebb forget --user alice evt-8161b4ff100176586f14bf7c
                     hebb events --user alice | grep quorvath
                     hebb forget --user alice --everything

            The server learns what came later again, without the event, and takes its text off \
            the disk. Every checkpoint of the user that came of it changes too. There is no way \
            back, and no question is asked. The receipt is printed.

            --everything deletes the user: all sessions, events and checkpoints, off the disk too. \
            It asks first; where nobody can be asked it wants --yes.
            """)

    @Argument(help: "The events' ids, as hebb events prints them.")
    var events: [String] = []

    @Flag(help: "Delete the user that --user names, with all that there is of them.")
    var everything = false

    @Flag(help: "With --everything: do not ask.")
    var yes = false

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func validate() throws {
        guard everything else {
            if events.isEmpty { throw ValidationError("name the events, or give --everything") }
            if yes { throw ValidationError("--yes goes with --everything") }
            return
        }
        guard events.isEmpty else {
            throw ValidationError("give events or --everything, not both")
        }
        // Nobody is deleted because of a default.
        guard session.user != nil, session.session == nil else {
            throw ValidationError("--everything is of a user: name one with --user")
        }
    }

    func run() async throws {
        let address = try session.address()
        if everything { return try await deleteUser("\(address.user)") }
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

    private func deleteUser(_ user: String) async throws {
        if !yes {
            guard Terminal.canAsk else {
                throw ValidationError(
                    "there is no terminal to ask on: give --yes to delete \(user) for good")
            }
            let answer = Terminal.answer(
                to: "This deletes all that \(user) taught, off the disk too; there is no way back. "
                    + "Type the name to go on: ")
            guard answer == user else {
                Terminal.remark("Nothing was deleted.")
                throw ExitCode(1)
            }
        }
        let client = try await server.client()
        // Not repeated by itself: once it is done, it answers that nobody is there.
        let receipt: WireDeparture = try await client.exchange(
            "DELETE", "/v1/users/\(SessionAddress.escaped(user))")
        if server.json { return try Terminal.json(receipt) }
        Terminal.result(
            "user \(receipt.id) deleted: \(Figure.grouped(receipt.sessions)) sessions, "
                + "\(Figure.grouped(receipt.checkpoints)) checkpoints, "
                + "\(Figure.grouped(receipt.events)) events, \(Figure.bytes(receipt.bytes))"
                + (receipt.erased ? ", off the disk" : ""))
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
            if let fit = checkpoint.fitted { lines.append("    " + fit.remark) }
        }
        return lines
    }

    private static func change(_ hash: WireReceipt.Change<String>) -> String {
        let (before, after) = (hash.before.prefix(12), hash.after.prefix(12))
        return before == after ? "engram \(before) as it was" : "engram \(before) → \(after)"
    }
}

/// What the server says is gone with a user.
struct WireDeparture: Codable, Sendable {
    let id: String
    let object: String
    let deleted: Bool
    let time: String
    let sessions: Int
    let checkpoints: Int
    let events: Int
    let bytes: Int
    let erased: Bool
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
        let fitted: WireFit?
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
