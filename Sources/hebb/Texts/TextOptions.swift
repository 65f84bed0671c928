import ArgumentParser
import Foundation

/// Which texts a command reads, and how: files, folders and stdin.
struct TextOptions: ParsableArguments {
    @Option(
        help: """
            Of folders, only files whose name matches, as '*.md'; may be given several times.
            """)
    var include: [String] = []

    @Option(
        help: """
            How texts are encoded: utf-8 (and UTF-16 or UTF-32 that begins with a byte order \
            mark), latin1, windows-1252, utf-16le or utf-16be.
            """)
    var encoding = TextEncoding.utf8

    /// Reads all texts, and only then returns: where one cannot be read, nothing has been done.
    ///
    /// A folder stands for the files under it (`TextFolder`). Unless they were asked for by
    /// `--include`, those that are no text are passed over with a remark; a file that was named is
    /// an error, like any text in another encoding.
    ///
    /// - Parameters:
    ///   - patterns: what is taken of folders without `--include`; none: all that is text.
    ///   - pipe: the command that takes one text from stdin, for advice.
    /// - Throws: `ClientError`, for all texts that cannot be read.
    func texts(
        at paths: [String], patterns: [String] = [], pipe: String? = nil
    ) throws -> [TextDocument] {
        let chosen = include.isEmpty ? patterns : include
        let folder = TextFolder(patterns: chosen)
        let reading = TextDocument.Reading(encoding: encoding, pipe: pipe)
        var texts: [TextDocument] = []
        var failures: [ClientError] = []
        var passedOver: [String] = []
        for path in paths {
            guard path != "-", FileIdentity(of: path)?.kind == .folder else {
                do {
                    texts.append(try TextDocument(path: path, as: reading))
                } catch let error as ClientError {
                    failures.append(error)
                }
                continue
            }
            let before = texts.count
            for file in try folder.paths(in: path) {
                do {
                    texts.append(try TextDocument(path: file, as: reading))
                } catch ClientError.emptyInput {
                    continue
                } catch ClientError.notText(let name, let kind, _) where include.isEmpty {
                    passedOver.append("\(FeatureText.printable(name)) (\(kind))")
                } catch let error as ClientError {
                    failures.append(error)
                }
            }
            if texts.count == before, failures.isEmpty {
                failures.append(.noText(folder: path, patterns: chosen))
            }
        }
        if let only = failures.first {
            throw failures.count == 1 ? only : ClientError.several(failures)
        }
        Self.tell(passedOver)
        return texts
    }

    /// What a corpus is made of: a folder that was made for one, by its endings.
    static let corpus = ["*.txt"]

    /// Name (that of the file, without its ending) and text of each user under a folder.
    func users(in folder: String) throws -> [(name: String, text: String)] {
        try texts(at: [folder], patterns: Self.corpus).map { document in
            let file = URL(fileURLWithPath: document.name)
            return (file.deletingPathExtension().lastPathComponent, document.text)
        }
    }

    /// All text of a file or folder, as one.
    func generic(at path: String) throws -> String {
        try texts(at: [path], patterns: Self.corpus).map(\.text).joined(separator: "\n")
    }

    private static func tell(_ passedOver: [String]) {
        guard !passedOver.isEmpty else { return }
        let shown = passedOver.prefix(3).joined(separator: ", ")
        let more = passedOver.count > 3 ? " and \(passedOver.count - 3) others" : ""
        Terminal.remark("left out, being no text: \(shown)\(more)")
    }
}
