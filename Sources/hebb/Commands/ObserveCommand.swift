import ArgumentParser
import Foundation

/// `hebb observe`: lets a session learn from files.
struct ObserveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "observe",
        abstract: "Let a session learn from text.",
        discussion: """
            Example: hebb observe --user alice notes.txt letters/*.txt
                     pandoc report.docx -t plain | hebb observe --user alice -

            The text is sent in pieces of about --piece bytes that end at line breaks. Each is on \
            the server's disk before the next is sent. The bits per byte are measured while \
            learning: every token is predicted before it is learned from.

            Pieces carry names made from the run's id. After a broken connection the same piece \
            is sent again under the same name, and the server never learns a name twice. To go on \
            with an interrupted run, give the same files again with the --run it printed.
            """)

    @Argument(help: "Files to learn from; - is stdin.")
    var files: [String]

    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    @Option(help: "Bytes sent at once, about: up to twice as many where a line is long.")
    var piece: Int = 4_096

    @Option(help: "Scales what is learned, from -1 (away from the text) to 1 (default: 1).")
    var reward: Double?

    @Option(name: .customLong("run"), help: "Id of an interrupted run to go on with.")
    var runID: String?

    func validate() throws {
        try InputText.validate(files)
        guard (16...TextPieces.largestTarget).contains(piece) else {
            throw ValidationError(
                "--piece must be from 16 to \(TextPieces.largestTarget): where lines are long a piece "
                    + "has twice as much, and by default a server takes a megabyte at once")
        }
        if let reward, !(-1...1).contains(reward) {
            throw ValidationError("--reward must be from -1 to 1")
        }
    }

    func run() async throws {
        let address = try session.address()
        let client = try await server.client()
        var lesson = Lesson(
            client: client, address: address, runID: runID ?? Self.freshRunID(), reward: reward,
            pieces: TextPieces(targetSize: piece))
        do {
            for (index, file) in files.enumerated() {
                let input = try InputText(path: file)
                let learned = try await lesson.learn(input, fileIndex: index)
                if !server.json { Terminal.result(learned.line) }
            }
        } catch {
            if lesson.total.pieces > 0 {
                Terminal.remark(
                    "stopped after \(lesson.total.pieces) pieces; the same command with "
                        + "--run \(lesson.runID) goes on from there")
            }
            throw error
        }
        if server.json {
            try Terminal.json(lesson.report)
        } else if files.count > 1 {
            Terminal.result(lesson.total.line)
        }
    }

    static func freshRunID() -> String {
        String(UInt64.random(in: .min ... .max), radix: 16)
    }
}

/// What was learned from one text, or from all of a run.
struct Learned: Encodable {
    var file: String
    var bytes = 0
    var tokens = 0
    var pieces = 0
    var bitsFrozen = 0.0
    var bitsAdapted = 0.0

    init(file: String) { self.file = file }

    var bitsPerByte: WireBits {
        let bytes = Double(max(bytes, 1))
        return WireBits(frozen: bitsFrozen / bytes, adapted: bitsAdapted / bytes)
    }

    var line: String {
        "\(file): \(Figure.grouped(tokens)) tokens learned from \(Figure.bytes(bytes)), "
            + Figure.bits(bitsPerByte)
    }

    mutating func add(_ observation: WireObservation, sentBytes: Int) {
        let length = observation.bytes ?? sentBytes
        bytes += length
        tokens += observation.tokens
        pieces += 1
        bitsFrozen += observation.bitsPerByte.frozen * Double(length)
        bitsAdapted += observation.bitsPerByte.adapted * Double(length)
    }

    private enum CodingKeys: String, CodingKey {
        case file, bytes, tokens, pieces, bitsPerByte
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(file, forKey: .file)
        try container.encode(bytes, forKey: .bytes)
        try container.encode(tokens, forKey: .tokens)
        try container.encode(pieces, forKey: .pieces)
        try container.encode(bitsPerByte, forKey: .bitsPerByte)
    }
}

/// One run of `observe` over several texts.
struct Lesson {
    let client: ServerClient
    let address: SessionAddress
    let runID: String
    let reward: Double?
    let pieces: TextPieces
    private(set) var total = Learned(file: "total")
    private(set) var files: [Learned] = []
    private(set) var revision: Int?

    init(
        client: ServerClient, address: SessionAddress, runID: String, reward: Double?,
        pieces: TextPieces
    ) {
        self.client = client
        self.address = address
        self.runID = runID
        self.reward = reward
        self.pieces = pieces
    }

    struct Report: Encodable {
        let session: String
        let run: String
        let revision: Int?
        let files: [Learned]
        let total: Learned
    }

    var report: Report {
        Report(
            session: address.description, run: runID, revision: revision, files: files,
            total: total)
    }

    private struct Body: Encodable {
        let text: String
        let reward: Double?
    }

    /// Sends a text piece by piece; waits for each to be durable.
    mutating func learn(_ input: InputText, fileIndex: Int) async throws -> Learned {
        var learned = Learned(file: input.name)
        var bar = ProgressBar(
            label: URL(fileURLWithPath: input.name).lastPathComponent, total: input.bytes.count,
            countsBytes: true)
        defer { bar.finish() }
        for (index, range) in pieces.ranges(of: input.bytes).enumerated() {
            let observation: WireObservation = try await client.exchange(
                "POST", address.path("observe"),
                body: Body(text: input.text(range), reward: reward),
                headers: ["Idempotency-Key": "\(runID)-\(fileIndex)-\(index)"], retries: 5)
            learned.add(observation, sentBytes: range.count)
            total.add(observation, sentBytes: range.count)
            revision = observation.revision
            bar.show(done: range.upperBound, note: Figure.bits(learned.bitsPerByte))
        }
        files.append(learned)
        return learned
    }
}
