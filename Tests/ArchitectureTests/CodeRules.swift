/// Rules about words and lengths, each a function from files to what is wrong in them.
enum CodeRules {
    static let lineLimit = 400

    /// Files that were longer when the rule came, with their lines then. A number here may only
    /// shrink, and a file that fits again leaves the list.
    static let longFiles: [String: Int] = [:]

    static func tooLong(
        _ files: [SourceFile], exceptions: [String: Int] = longFiles
    ) -> [String] {
        var wrong: [String] = []
        for file in files where file.isUnderSources {
            let limit = exceptions[file.path] ?? lineLimit
            if file.lineCount > limit {
                wrong.append("\(file.path): \(file.lineCount) lines, allowed \(limit)")
            } else if exceptions[file.path] != nil, file.lineCount < limit {
                wrong.append("\(file.path): lower its exception from \(limit) to \(file.lineCount)")
            }
        }
        let paths = Set(files.map(\.path))
        for path in exceptions.keys.sorted() where !paths.contains(path) {
            wrong.append("\(path): an exception for a file that is gone")
        }
        for (path, limit) in exceptions.sorted(by: { $0.key < $1.key }) where limit <= lineLimit {
            wrong.append("\(path): an exception that is none")
        }
        return wrong
    }

    /// Names that say nothing.
    static let emptyNames = ["Utils", "Util", "Helpers", "Helper", "Manager", "Common"]

    static func emptyNames(in files: [SourceFile]) -> [String] {
        let kinds: Set = ["struct", "class", "enum", "actor", "protocol", "typealias"]
        return files.flatMap { file -> [String] in
            var names = [(0, file.baseName)]
            names += file.path.split(separator: "/").dropLast().map { (0, String($0)) }
            for (index, line) in file.code.enumerated() where file.isSwift {
                let words = line.split { !($0.isLetter || $0.isNumber || $0 == "_") }
                for (kind, name) in zip(words, words.dropFirst()) where kinds.contains(String(kind))
                {
                    names.append((index + 1, String(name)))
                }
            }
            return names.compactMap { line, name in
                emptyNames.first { name.hasSuffix($0) || name.hasPrefix($0) }
                    .map { "\(file.path):\(line): '\(name)' says nothing ('\($0)')" }
            }
        }
    }

    /// Traps that a failure in operation could reach, in code under `Sources`.
    static func traps(in files: [SourceFile]) -> [String] {
        let banned = ["try!", "fatalError(", "as!"]
        return files.filter { $0.isSwift && $0.isUnderSources }.flatMap { file in
            matches(of: banned, in: file.code).map { "\(file.path):\($0.line): \($0.text)" }
        }
    }

    /// Notes to oneself belong in the issues.
    static func leftNotes(in files: [SourceFile]) -> [String] {
        let banned = ["TO" + "DO", "FIX" + "ME"]
        return files.flatMap { file in
            matches(of: banned, in: file.lines).map { "\(file.path):\($0.line): \($0.text)" }
        }
    }

    /// What switches the compiler's checks off needs a comment with the word "invariant": in the
    /// comment right above, or within four lines.
    static func unexplainedUnsafety(in files: [SourceFile]) -> [String] {
        let unsafe = ["@unchecked Sendable", "nonisolated(unsafe)", "@preconcurrency"]
        return files.filter { $0.isSwift && $0.isUnderSources }.flatMap { file in
            matches(of: unsafe, in: file.code).compactMap { line, text in
                let above = file.lines[..<(line - 1)]
                let block = above.reversed().prefix { $0.contains("//") || $0.contains("@") }
                let isExplained = (block + above.suffix(4) + [file.lines[line - 1]]).contains {
                    $0.contains("//") && $0.lowercased().contains("invariant")
                }
                return isExplained ? nil : "\(file.path):\(line): \(text) without its invariant"
            }
        }
    }

    /// The C libraries have one importer each, among sources and tests alike.
    static func strayImportersOfC(_ files: [SourceFile]) -> [String] {
        let importers = [
            "CMicroHTTPD": "Serving", "CConsole": "Serving", "COpenBLAS": "Kernels",
            "CKernels": "Kernels", "CPostgreSQL": "EngramStorage",
        ]
        return files.filter(\.isSwift).flatMap { file in
            ImportTable.imports(of: file).compactMap { line, imported in
                guard let owner = importers[imported], let module = file.module,
                    module != owner, module != owner + "Tests"
                else { return nil }
                return "\(file.path):\(line): only \(owner) imports \(imported)"
            }
        }
    }

    /// Paths of the machines it was written on.
    static func machinePaths(in files: [SourceFile]) -> [String] {
        let banned = ["work/main", "work/shared", "root/", "home/", "opt/swift"].map { "/" + $0 }
        return files.flatMap { file in
            matches(of: banned, in: file.lines).map { "\(file.path):\($0.line): \($0.text)" }
        }
    }

    /// Top-level names that the house does not have.
    static func strangers(among names: [String]) -> [String] {
        let house: Set = [
            "Package.swift", "Package.resolved", "Sources", "Tests", "clients", "deploy", ".ci",
            "README.md", "LICENSE", ".gitignore", ".swift-format",
        ]
        let unversioned: Set = [".git", ".build", ".swiftpm", ".venv"]
        return names.filter { !house.contains($0) && !unversioned.contains($0) }
    }

    private static func contains(_ bytes: [UInt8], _ pattern: [UInt8]) -> Bool {
        guard bytes.count >= pattern.count else { return false }
        return (0...bytes.count - pattern.count).contains { start in
            bytes[start] == pattern[0]
                && bytes[start..<start + pattern.count].elementsEqual(pattern)
        }
    }

    private static func matches(
        of texts: [String], in lines: [String]
    ) -> [(line: Int, text: String)] {
        let patterns = texts.map { (text: $0, bytes: Array($0.utf8)) }
        return lines.enumerated().flatMap { index, line in
            let bytes = Array(line.utf8)
            return patterns.filter { contains(bytes, $0.bytes) }.map { (index + 1, $0.text) }
        }
    }
}
