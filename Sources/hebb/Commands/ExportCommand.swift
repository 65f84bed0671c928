import ArgumentParser
import Foundation
import ModelFormats

/// `hebb export`: writes what was learned to a file.
struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write what a session or its user learned to a file.",
        discussion: """
            Example: hebb export --user alice -o alice.engram
                     hebb export --user alice --scope session > delta.engram
                     hebb export --user alice --format peft -o adapter/
                     hebb export --user alice --without episodes,sequences -o gift.engram

            The format engram is everything, exactly: safetensors with metadata, which `hebb import` \
            loads on any server that has the same core. The others are for other programs: peft is \
            a folder that transformers with peft loads, gguf a LoRA for llama.cpp, \
            gguf-control-vector a direction for it. They hold changes of weights (of the layer \
            site's decoder for the last) and nothing else; an engram with more is refused, unless \
            --partial asks for what they can hold. How true that is, measured on the session's \
            text, is printed and stands in the file.

            An engram carries its owner's words: they can be read off its episodes and sequences. \
            How many there are is printed and stands in the file; --without leaves them out.
            """)

    enum Scope: String, ExpressibleByArgument, CaseIterable {
        case session, user, total
    }

    enum Format: String, ExpressibleByArgument, CaseIterable {
        case engram, peft, gguf
        case controlVector = "gguf-control-vector"
    }

    @Option(
        name: [.short, .customLong("output")],
        help: "The file to write, for peft the folder (default: stdout, when that is no terminal).")
    var output: String?

    @Option(help: "What to write: the session's delta, the user's engram, or both as one.")
    var scope = Scope.total

    @Option(help: "The file's format.")
    var format = Format.engram

    @Flag(help: "Leave out what the format cannot hold.")
    var partial = false

    @Option(help: "8 rounds every weight of an engram to that many bits, and says what it cost.")
    var bits: Int?

    @Option(help: SiteList.help)
    var without: SiteList = []

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    private struct Report: Encodable {
        let session: String
        let file: String
        let bytes: Int
        let revision: String?
        let fidelity: String?
        /// As the server says it, e.g. `episodes=312; sequences=1204`.
        let ownersWords: String?
    }

    func run() async throws {
        let toStdout = output == nil || output == "-"
        if toStdout, server.json {
            throw ValidationError("--json needs --output: stdout carries the file")
        }
        if output == nil, Terminal.showsResults {
            throw ValidationError("the file is binary; name one with --output")
        }
        if let bits, bits != 8 {
            throw ValidationError("--bits is 8, or left out for an exact export")
        }
        if bits != nil, format != .engram {
            throw ValidationError("--bits goes with --format engram")
        }
        let address = try session.address()
        var query = [("scope", scope.rawValue), ("format", format.rawValue)]
        if partial { query.append(("partial", "true")) }
        if let bits { query.append(("bits", String(bits))) }
        if !without.names.isEmpty {
            query.append(("without", without.names.joined(separator: ",")))
        }
        let reply = try await server.client().send(
            ServerClient.Call(path: address.path("delta"), query: query))
        guard let output, !toStdout else {
            try FileHandle.standardOutput.write(contentsOf: reply.body)
            if let words = Self.words(reply.headers["x-owners-words"]) { Terminal.remark(words) }
            return
        }
        do {
            try write(reply.body, to: URL(fileURLWithPath: output))
        } catch let error as ModelFormatError {
            throw ClientError.unexpectedAnswer(
                path: address.path("delta"), reason: error.description)
        } catch {
            throw ClientError.unwritableFile(path: output, reason: InputFile.reason(of: error))
        }
        let report = Report(
            session: address.description, file: output, bytes: reply.body.count,
            revision: reply.headers["etag"], fidelity: reply.headers["x-fidelity"],
            ownersWords: reply.headers["x-owners-words"])
        if server.json { return try Terminal.json(report) }
        Terminal.result("\(output): \(Figure.bytes(report.bytes)), \(scope.rawValue) of \(address)")
        if format != .engram || bits != nil, let fidelity = report.fidelity {
            Terminal.result(fidelity)
        }
        if let words = Self.words(report.ownersWords) { Terminal.result(words) }
    }

    /// What the file tells of what was said; nil for nothing that can be read off.
    static func words(_ found: String?) -> String? {
        var counts: [String: Int] = [:]
        for part in (found ?? "").split(separator: ";") {
            let pair = part.split(separator: "=").map { $0.trimmingCharacters(in: .whitespaces) }
            if pair.count == 2 { counts[pair[0]] = Int(pair[1]) }
        }
        let (episodes, sequences) = (counts["episodes"] ?? 0, counts["sequences"] ?? 0)
        guard episodes + sequences > 0 else { return nil }
        return "It carries words of its owner, for whoever has the file: "
            + "\(Figure.grouped(episodes)) remembered positions and "
            + "\(Figure.grouped(sequences)) runs of tokens. "
            + "--without episodes,sequences leaves them out."
    }

    /// A PEFT adapter is unpacked: `peft` loads a folder.
    private func write(_ body: Data, to target: URL) throws {
        guard format == .peft else { return try body.write(to: target, options: .atomic) }
        let files = try TapeArchive.files(in: Array(body), name: "The server's archive")
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        // Only names that we know are ever written.
        for name in [PEFTAdapter.configName, PEFTAdapter.weightsName] {
            guard let file = files.first(where: { $0.path == name }) else { continue }
            try Data(file.bytes).write(to: target.appendingPathComponent(name), options: .atomic)
        }
    }
}
