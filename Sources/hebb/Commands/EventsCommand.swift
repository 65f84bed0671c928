import ArgumentParser
import Foundation

/// `hebb events`: lists what a session learned from.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "List what a session learned from.",
        discussion: """
            Example: hebb events --user alice
                     hebb events --user alice --text --json

            Each line begins with the event's id, which hebb forget takes.
            """)

    @Flag(help: "Show whole texts, not only their beginnings.")
    var text = false

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let address = try session.address()
        let client = try await server.client()
        var events: [WireEvent] = []
        try await WireEvent.each(of: address, wholeText: text, client: client) { event in
            if !server.json { Terminal.result(Self.line(event)) }
            events.append(event)
        }
        if server.json { return try Terminal.json(events) }
        if events.isEmpty { Terminal.remark("no events") }
    }

    static func line(_ event: WireEvent) -> String {
        var parts = [event.id, event.created, event.kind]
        if event.tokens > 0 { parts.append("\(Figure.grouped(event.tokens)) tokens") }
        if let reward = event.reward { parts.append("reward \(Figure.fixed(reward, 2))") }
        if let target = event.target { parts.append(target) }
        if event.forgotten { parts.append("forgotten") }
        let quoted = [event.text, event.preview.map { $0 + "…" }].compactMap { $0 }
        let verdicts = (event.verdicts ?? []).map { verdict in
            let answer = verdict.answer ?? verdict.answerPreview.map { $0 + "…" }
            return Figure.fixed(verdict.reward, 2) + (answer.map { " for " + quote($0) } ?? "")
        }
        let ids = (event.tokenIds ?? []).map(String.init).joined(separator: " ")
        let control = ids.isEmpty ? [] : ["with control tokens: " + ids]
        return (parts + quoted.map(quote) + control + verdicts).joined(separator: "  ")
    }

    /// On one line, whatever is in it.
    private static func quote(_ text: String) -> String { text.debugDescription }
}

struct WireEvent: Codable, Sendable {
    struct Verdict: Codable, Sendable {
        let reward: Double
        let advantage: Double
        let tokens: Int
        let prompt: String?
        let answer: String?
        let promptPreview: String?
        let answerPreview: String?
    }

    let id: String
    let kind: String
    let revision: Int
    let created: String
    let tokens: Int
    let learnedTokens: Int
    let reward: Double?
    let target: String?
    let forgotten: Bool
    let forgottenBy: String?
    let text: String?
    let preview: String?
    let tokenIds: [Int]?
    let verdicts: [Verdict]?

    /// Visits all events of a session, oldest first, page by page.
    static func each(
        of address: SessionAddress, wholeText: Bool = false, client: ServerClient,
        visit: (WireEvent) -> Void
    ) async throws {
        var last: String?
        var more = true
        while more {
            var query = [("limit", "100"), ("text", wholeText ? "true" : "false")]
            if let last { query.append(("after", last)) }
            let page: WireList<WireEvent> = try await client.exchange(
                "GET", address.path("events"), query: query)
            page.data.forEach(visit)
            last = page.data.last?.id
            more = page.hasMore == true && last != nil
        }
    }
}
