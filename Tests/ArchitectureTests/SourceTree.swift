import Foundation

/// One file of the repository, as the rules see it.
struct SourceFile: Sendable {
    /// From the repository's root, with slashes: `Sources/Kernels/BLAS.swift`.
    let path: String
    let lines: [String]

    init(path: String, text: String) {
        self.path = path
        lines = text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        var stripper = ProseStripper()
        code = path.hasSuffix(".swift") ? lines.map { stripper.strip($0) } : lines
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isUnderSources: Bool { path.hasPrefix("Sources/") }

    /// `Kernels` for `Sources/Kernels/…`, `KernelsTests` for `Tests/KernelsTests/…`.
    var module: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 ? String(parts[1]) : nil
    }

    /// The last path component without its extension.
    var baseName: String {
        let name = path.split(separator: "/").last.map(String.init) ?? path
        return name.split(separator: ".").first.map(String.init) ?? name
    }

    /// Lines in it; the end of the last line is no line of its own.
    var lineCount: Int { lines.last == "" ? lines.count - 1 : lines.count }

    /// The lines without comments and without the text of string literals, so that a rule about
    /// code does not trip over prose. Knows `//`, `/* */`, `"…"` and `"""`; that is all we use.
    let code: [String]
}

/// Removes comments and literal text, line by line. Works on bytes: these tests read everything
/// and run without optimisation.
private struct ProseStripper {
    private var inBlockComment = false
    private var inMultilineString = false

    mutating func strip(_ line: String) -> String {
        let bytes = Array(line.utf8)
        var code: [UInt8] = []
        var at = 0
        var inString = false
        func follows(_ text: StaticString) -> Bool {
            guard at + text.utf8CodeUnitCount <= bytes.count else { return false }
            for offset in 0..<text.utf8CodeUnitCount
            where bytes[at + offset] != text.utf8Start[offset] { return false }
            return true
        }
        while at < bytes.count {
            if inBlockComment {
                inBlockComment = !follows("*/")
                at += inBlockComment ? 1 : 2
            } else if follows("\"\"\"") {
                inMultilineString.toggle()
                at += 3
            } else if inMultilineString || inString {
                if inString, bytes[at] == UInt8(ascii: "\"") { inString = false }
                at += bytes[at] == UInt8(ascii: "\\") ? 2 : 1
            } else if follows("//") {
                break
            } else if follows("/*") {
                inBlockComment = true
                at += 2
            } else {
                inString = bytes[at] == UInt8(ascii: "\"")
                if !inString { code.append(bytes[at]) }
                at += 1
            }
        }
        return String(decoding: code, as: UTF8.self)
    }
}

/// The repository this test was built from.
enum SourceTree {
    static let root = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// All Swift and C files under `Sources` and `Tests`, read once.
    static func code() throws -> [SourceFile] { try loadedCode.get() }

    private static let loadedCode = Result {
        try files(under: ["Sources", "Tests"]) { path in
            [".swift", ".c", ".h", ".inc", ".modulemap"].contains { path.hasSuffix($0) }
        }
    }

    /// Everything that people or tools read as text and that we wrote: code, scripts, pages.
    static func prose() throws -> [SourceFile] {
        try files(under: ["Sources", "Tests", "deploy", "clients", ".ci"]) { path in
            let name = path.split(separator: "/").last ?? ""
            let endings = [
                ".swift", ".c", ".h", ".modulemap", ".py", ".md", ".sh", ".yaml", ".yml",
            ]
            return endings.contains { name.hasSuffix($0) } || !name.contains(".")
        } + ["Package.swift", "README.md"].map(file(at:))
    }

    static func file(at path: String) throws -> SourceFile {
        let url = root.appendingPathComponent(path)
        return SourceFile(path: path, text: try String(contentsOf: url, encoding: .utf8))
    }

    /// Names directly in the root.
    static func topLevelNames() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.path).sorted()
    }

    private static func files(
        under folders: [String], where isWanted: (String) -> Bool
    ) throws -> [SourceFile] {
        var files: [SourceFile] = []
        for folder in folders {
            let paths = FileManager.default.enumerator(
                atPath: root.appendingPathComponent(folder).path)
            for case let name as String in paths ?? .init() {
                let path = folder + "/" + name
                let skipped = path.contains("/Fixtures/") || path.contains("/.")
                guard !skipped, isWanted(path), isFile(path) else { continue }
                files.append(try file(at: path))
            }
        }
        return files.sorted { $0.path < $1.path }
    }

    private static func isFile(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        let exists = FileManager.default.fileExists(
            atPath: root.appendingPathComponent(path).path, isDirectory: &isFolder)
        return exists && !isFolder.boolValue
    }
}
