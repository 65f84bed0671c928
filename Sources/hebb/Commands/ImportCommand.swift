import ArgumentParser
import Foundation
import ModelFormats

/// `hebb import`: loads an engram file or an adapter into a session.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Load an engram file, or a PEFT adapter, into a session.",
        discussion: """
            Example: hebb import alice.engram --user bob
                     hebb import ~/my-lora/ --user bob
                     hebb import old.engram --user alice --force

            A folder, or a tar of it, is a PEFT LoRA: adapter_config.json and \
            adapter_model.safetensors. It becomes the engram's layer weights and acts within the \
            safe zone, as everything else does.

            The file replaces what the session had. One that was made for another core, is \
            damaged or leaves the safe zone is refused, and nothing changes. --force takes an \
            engram of another core, SAE or rule of the same shape, as far as it can mean \
            something here, and says what is left of it on the session's own text.
            """)

    @Argument(
        help: "The engram file, the adapter's folder or a tar of it; - is stdin.",
        completion: .file())
    var file: String

    @Flag(help: "Take an engram of another core of the same shape.")
    var force = false

    @Option(help: "Only when the session still has this revision.")
    var ifRevision: Int?

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func run() async throws {
        let address = try session.address()
        let body = try Self.body(of: file)
        var call = ServerClient.Call(method: "PUT", path: address.path("delta"))
        call.headers["Content-Type"] = "application/octet-stream"
        if force { call.query = [("force", "true")] }
        if let ifRevision { call.headers["If-Match"] = "\"\(ifRevision)\"" }
        call.body = body
        let reply = try await server.client().send(call)
        let state = try WireFormat.decoded(WireSession.self, from: reply.body, path: call.path)
        if server.json { return try Terminal.json(state) }
        Terminal.result(SessionsCommand.line(state))
        if let transfer = state.transfer { Terminal.result(Self.lines(transfer)) }
    }

    static func lines(_ transfer: WireTransfer) -> String {
        var lines = transfer.changed.map {
            "  another \($0.part): learned on \($0.learnedOn.prefix(16))…, here "
                + "\($0.here.prefix(16))…"
        }
        lines += transfer.sites.filter { $0.before > 0 }.map {
            "  \($0.site): \(Figure.grouped($0.after)) of \(Figure.grouped($0.before)) kept"
        }
        if let measured = transfer.measured {
            lines.append(
                "  on \(Figure.grouped(measured.tokens)) tokens of the session's own text: "
                    + "\(Figure.fixed(measured.bitsPerByte.frozen, 3)) → "
                    + "\(Figure.fixed(measured.bitsPerByte.adapted, 3)) bits per byte")
        } else {
            lines.append("  nothing to measure it on: the session has no text; try hebb score")
        }
        return lines.joined(separator: "\n")
    }

    /// The file as it is, or a tar of an adapter's folder.
    private static func body(of path: String) throws -> Data {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
        guard exists, isFolder.boolValue else { return Data(try InputFile.bytes(at: path)) }
        let files = try [PEFTAdapter.configName, PEFTAdapter.weightsName].map { name in
            TapeArchive.File(
                path: name,
                bytes: try InputFile.bytes(
                    at: URL(fileURLWithPath: path).appendingPathComponent(name).path))
        }
        return Data(TapeArchive.archive(files))
    }
}
