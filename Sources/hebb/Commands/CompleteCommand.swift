import ArgumentParser
import Foundation

/// `hebb complete`: continues a prompt with the personal model.
struct CompleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "complete",
        abstract: "Continue a text.",
        discussion: """
            Example: hebb complete --user alice 'The meeting was'
                     hebb complete --user alice --mode compare --seed 7 'The meeting was'

            The answer is printed as it is made; --mode compare and --json wait for all of it. Its \
            id goes to stderr, for hebb feedback.
            """)

    enum Mode: String, ExpressibleByArgument, CaseIterable {
        case adapted, frozen, compare
    }

    enum Learn: String, ExpressibleByArgument, CaseIterable {
        case prompt, completion, both, none
    }

    @Argument(help: "The text to continue; - reads it from stdin.")
    var prompt: String

    @Option(help: "Tokens to make, at most.")
    var maxTokens = 64

    @Option(help: "0 always takes the likeliest token.")
    var temperature: Double?

    @Option(help: "Sample from the likeliest tokens that make up this share.")
    var topP: Double?

    @Option(help: "Sample from this many of the likeliest tokens.")
    var topK: Int?

    @Option(help: "Leave out tokens below this share of the likeliest one.")
    var minP: Double?

    @Option(help: "The same seed gives the same answer.")
    var seed: UInt32?

    @Option(help: "Stop before this text; may be given several times.")
    var stop: [String] = []

    @Option(help: "The personal model, the frozen core, or both side by side.")
    var mode = Mode.adapted

    @Option(help: "What to learn from: prompt, completion, both or none (default: the session's).")
    var learn: Learn?

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let address = try session.address()
        let client = try await server.client()
        let streams = mode != .compare && !server.json
        var call = ServerClient.Call(method: "POST", path: "/v1/completions")
        call.headers["Content-Type"] = "application/json"
        call.body = try WireFormat.encoded(body(address, streams: streams))
        guard streams else {
            let reply = try await client.send(call)
            if server.json {
                return Terminal.result(String(decoding: reply.body, as: UTF8.self))
            }
            return try show(reply, path: call.path)
        }
        var id: String?
        for try await event in try await client.events(call) {
            let chunk = try WireFormat.decoded(Chunk.self, from: Data(event.utf8), path: call.path)
            if let error = chunk.error {
                throw ClientError.unexpectedAnswer(path: call.path, reason: error.message)
            }
            id = chunk.id ?? id
            for choice in chunk.choices ?? [] { Terminal.result(choice.text, terminator: "") }
        }
        Terminal.result("")
        showID(id)
    }

    private func showID(_ id: String?) {
        if let id { Terminal.remark("completion \(id)") }
    }

    private struct Body: Encodable {
        struct Plasticity: Encodable {
            let session: String
            let mode: String
            let learn: String?
        }
        let user: String
        let prompt: String
        /// What somebody typed is text.
        let parseSpecial = false
        let maxTokens: Int
        let temperature: Double?
        let topP: Double?
        let topK: Int?
        let minP: Double?
        let seed: UInt32?
        let stop: [String]?
        let stream: Bool
        let plasticity: Plasticity
    }

    private struct Chunk: Decodable {
        struct Choice: Decodable {
            let index: Int
            let text: String
        }
        let id: String?
        let choices: [Choice]?
        let error: WireError.Body?
    }

    private func body(_ address: SessionAddress, streams: Bool) throws -> Body {
        let text = prompt == "-" ? try TextDocument(path: prompt).text : prompt
        return Body(
            user: "\(address.user)", prompt: text, maxTokens: maxTokens,
            temperature: temperature,
            topP: topP, topK: topK, minP: minP, seed: seed, stop: stop.isEmpty ? nil : stop,
            stream: streams,
            plasticity: Body.Plasticity(
                session: address.description, mode: mode.rawValue, learn: learn?.rawValue))
    }

    /// In compare mode the choices come in pairs: adapted first, then frozen.
    private func show(_ reply: ServerClient.Reply, path: String) throws {
        let answer = try WireFormat.decoded(Chunk.self, from: reply.body, path: path)
        for choice in answer.choices ?? [] {
            Terminal.result(choice.index.isMultiple(of: 2) ? "── adapted" : "── frozen")
            Terminal.result(choice.text)
        }
        showID(answer.id)
    }
}
