import ArgumentParser
import Foundation

/// `hebb manual`: writes the manual pages, for `deploy/install` and packagers.
struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual",
        abstract: "Write the manual pages of all commands.",
        discussion: "Example: hebb manual --output ~/.local/share/man/man1",
        shouldDisplay: false)

    @Option(
        help: "The folder to write hebb.1, hebb-serve.1 and so on into.", completion: .directory)
    var output: String

    func run() throws {
        let pages = try ManualPages(described: HebbCommand._dumpHelp())
        try FileManager.default.createDirectory(
            atPath: output, withIntermediateDirectories: true)
        for (name, text) in pages.files {
            do {
                try Data(text.utf8).write(
                    to: URL(fileURLWithPath: output).appendingPathComponent(name))
            } catch {
                throw ClientError.unwritableFile(
                    path: output + "/" + name, reason: InputFile.reason(of: error))
            }
        }
    }
}
