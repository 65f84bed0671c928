import ArgumentParser
import Foundation

/// `hebb observe`: lets a session learn from files.
struct ObserveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "observe",
        abstract: "Let a session learn from text.",
        discussion: """
            Example: hebb observe --user alice notes.txt letters/
                     hebb observe --user alice ~/notes --include '*.md' --include '*.org'
                     pandoc report.docx -t plain | hebb observe --user alice -

            A folder stands for all texts under it, in the order of their paths; what is hidden, \
            a backup (notes.md~) or no text is left out. All files are read and checked before \
            the first is learned. Line ends become line feeds.

            The text is sent in pieces of about --piece bytes that end at line breaks. Each is on \
            the server's disk before the next is sent. The bits per byte are measured while \
            learning: every token is predicted before it is learned from.

            No piece is learned twice. After Ctrl-C or a broken connection the same command goes \
            on where it was, and after a change it learns what is new; what was forgotten stays \
            so. --again learns all of it once more. (Pieces carry names, made from their text and a secret of yours that never \
            leaves ~/.local/state/hebb; a reset, an import or a merge begins anew.) Elsewhere, \
            --run with the id that was printed finds the names again.
            """)

    @Argument(help: "Files and folders to learn from; - is stdin.", completion: .file())
    var files: [String]

    @OptionGroup var reading: TextOptions
    @OptionGroup var session: SessionOptions
    @OptionGroup var server: ServerOptions

    @Option(help: "Bytes sent at once, about: up to twice as many where a line is long.")
    var piece: Int = 4_096

    @Option(help: "Scales what is learned, from -1 (away from the text) to 1 (default: 1).")
    var reward: Double?

    @Flag(help: "Learn what was learned before once more.")
    var again = false

    @Option(name: .customLong("run"), help: "Go on with the run of this id.")
    var runID: String?

    func validate() throws {
        try InputFile.validate(files)
        guard (16...TextPieces.largestTarget).contains(piece) else {
            throw ValidationError(
                "--piece must be from 16 to \(TextPieces.largestTarget): where lines are long a piece "
                    + "has twice as much, and by default a server takes a megabyte at once")
        }
        if let reward, !(-1...1).contains(reward) {
            throw ValidationError("--reward must be from -1 to 1")
        }
        guard !again || runID == nil else {
            throw ValidationError("--again begins a run, --run goes on with one: give one of them")
        }
        guard runID?.isEmpty != true else { throw ValidationError("--run needs an id") }
    }

    func run() async throws {
        let address = try session.address()
        let client = try await server.client()
        let texts = try reading.texts(at: files, pipe: "hebb observe -")
        var lesson = Lesson(
            client: client, address: address, naming: try naming(), reward: reward,
            pieces: TextPieces(targetSize: piece), texts: texts)
        let lastWords = LastWords { [tally = lesson.tally] in tally.whenStopped }
        defer { lastWords.end() }
        do {
            try await lesson.learn { if !server.json { Terminal.result($0.line) } }
        } catch {
            if lesson.total.all.pieces > 0 { Terminal.remark(lesson.tally.whenStopped) }
            throw error
        }
        if server.json {
            try Terminal.json(lesson.report)
        } else if texts.count > 1 {
            Terminal.result(lesson.total.line)
        }
    }

    private func naming() throws -> PieceNaming {
        if let runID { return .given(runID) }
        if again { return .fresh() }
        do {
            return .usual(secret: try AccountSecret.load(), since: nil)
        } catch {
            Terminal.remark("\(error); what this run learns can be told only by its id")
            return .fresh()
        }
    }
}
