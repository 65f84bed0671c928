import ArgumentParser
import Foundation

/// `hebb score`: measures how well a session predicts a text, without learning.
struct ScoreCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "score",
        abstract: "Measure how well a session predicts a text; nothing is learned.",
        discussion: """
            Example: hebb score --user alice draft.txt
                     hebb score --user alice ~/notes --include '*.md'
                     echo 'To be or not to be' | hebb score --user alice -

            Fewer bits per byte is better. The first figure is the frozen core's, the second the \
            personal model's.
            """)

    @Argument(
        help: "Files to score, and folders of texts; - is stdin.", completion: .file())
    var files: [String]

    @OptionGroup var reading: TextOptions
    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    func validate() throws { try InputFile.validate(files) }

    private static let pieces = TextPieces(targetSize: TextPieces.largestTarget)

    private struct Body: Encodable {
        let text: String
        /// A file is somebody's text, as `hebb observe` reads it.
        let parseSpecial = false
    }

    private struct Entry: Encodable {
        let file: String
        let tokens: Int
        let bytes: Int
        let bitsPerByte: WireBits
    }

    private struct Report: Encodable {
        let session: String
        let files: [Entry]
        let total: Entry
    }

    func run() async throws {
        let address = try session.address()
        let client = try await server.client()
        var entries: [Entry] = []
        let texts = try reading.texts(at: files, pipe: "hebb score -")
        var bar = ProgressBar(
            label: "", total: texts.reduce(0) { $0 + $1.bytes.count }, countsBytes: true)
        defer { bar.finish() }
        var scoredBytes = 0
        for input in texts {
            bar.label = URL(fileURLWithPath: input.name).lastPathComponent
            bar.show(done: scoredBytes, note: "")
            var parts: [Entry] = []
            for range in Self.pieces.ranges(of: input.bytes) {
                // Scoring changes nothing, so it may be asked again after a full queue; the first
                // question must fail at once when no server is there.
                let score: WireScore = try await client.exchange(
                    "POST", address.path("score"), body: Body(text: input.text(range)),
                    retries: entries.isEmpty && parts.isEmpty ? 0 : 3)
                parts.append(
                    Entry(
                        file: input.name, tokens: score.tokens, bytes: score.bytes,
                        bitsPerByte: score.bitsPerByte))
                scoredBytes += range.count
                bar.show(done: scoredBytes, note: Figure.bits(score.bitsPerByte))
            }
            let entry = Self.total(of: parts, name: input.name)
            bar.finish()
            if !server.json { show(entry) }
            entries.append(entry)
        }
        let total = Self.total(of: entries, name: "total")
        if server.json {
            try Terminal.json(
                Report(session: address.description, files: entries, total: total))
        } else if entries.count > 1 {
            show(total)
        }
    }

    private func show(_ entry: Entry) {
        Terminal.result(
            "\(entry.file): \(Figure.grouped(entry.tokens)) tokens, "
                + "\(Figure.bytes(entry.bytes)), \(Figure.bits(entry.bitsPerByte))")
    }

    /// Bits add up, so the mean is weighted by bytes. One part keeps its figure to the last digit.
    private static func total(of entries: [Entry], name: String) -> Entry {
        let bytes = entries.reduce(0) { $0 + $1.bytes }
        func mean(_ bits: (WireBits) -> Double) -> Double {
            if entries.count == 1 { return bits(entries[0].bitsPerByte) }
            return entries.reduce(0) { $0 + bits($1.bitsPerByte) * Double($1.bytes) }
                / Double(max(bytes, 1))
        }
        return Entry(
            file: name, tokens: entries.reduce(0) { $0 + $1.tokens }, bytes: bytes,
            bitsPerByte: WireBits(frozen: mean(\.frozen), adapted: mean(\.adapted)))
    }
}
