import Testing

/// The house rules, held by reading every file. Each rule is also shown a file that breaks it:
/// a rule that cannot fail protects nothing.
struct ArchitectureTests {
    private func file(_ path: String, _ text: String) -> SourceFile {
        SourceFile(path: path, text: text)
    }

    /// Names every violation in the failure, one a line.
    private func expectNone(
        _ violations: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(
            violations.isEmpty, "\n\(violations.joined(separator: "\n"))",
            sourceLocation: sourceLocation)
    }

    @Test("Every import is in the import table")
    func importTable() throws {
        let files = try SourceTree.code()
        #expect(files.count > 20, "the sources were not found")
        expectNone(ImportTable.violations(in: files))
    }

    @Test(
        "An import outside the table is reported",
        arguments: [
            ("Sources/InnerCortex/A.swift", "import Engrams"),
            ("Sources/InnerCortex/A.swift", "public import OuterCortex"),
            ("Sources/Engrams/A.swift", "@testable internal import InnerCortex"),
            ("Sources/Serving/A.swift", "import struct EngramStorage.EngramStore"),
            ("Sources/Scheduling/A.swift", "import GRDB"),
            ("Sources/Kernels/A.swift", "import FoundationNetworking"),
            ("Tests/KernelsTests/A.swift", "import ModelFormats"),
            ("Tests/EndToEndTests/A.swift", "import Serving"),
            ("Sources/Unheard/A.swift", "import Kernels"),
            ("Sources/Kernels/A.swift", "import Unheard"),
        ])
    func importsOutsideTheTable(path: String, line: String) {
        #expect(ImportTable.violations(in: [file(path, "// a\n\(line)\n")]).count == 1)
    }

    @Test("Imports in prose and in strings are no imports")
    func importsInProse() {
        let text =
            "// import Serving\nlet a = \"\"\"\nimport Serving\n\"\"\"\nlet b = \"import GRDB\"\n"
        #expect(ImportTable.imports(of: file("Sources/Kernels/A.swift", text)).isEmpty)
    }

    @Test("The import table has no cycle")
    func tableHasNoCycle() {
        var settled: Set<String> = []
        var open = ImportTable.ours
        while let next = open.first(where: { $0.value.isSubset(of: settled) })?.key {
            settled.insert(next)
            open[next] = nil
        }
        #expect(open.isEmpty)
    }

    @Test("No source file is longer than allowed, and exceptions only shrink")
    func fileLengths() throws {
        expectNone(CodeRules.tooLong(try SourceTree.code()))
        let long = file("Sources/A/B.swift", String(repeating: "\n", count: 401))
        let fits = file("Sources/A/B.swift", String(repeating: "\n", count: 400))
        #expect(CodeRules.tooLong([long], exceptions: [:]).count == 1)
        #expect(CodeRules.tooLong([fits], exceptions: [:]).isEmpty)
        #expect(CodeRules.tooLong([long], exceptions: [long.path: 401]).isEmpty)
        #expect(CodeRules.tooLong([long], exceptions: [long.path: 402]).count == 1)
        #expect(CodeRules.tooLong([], exceptions: [long.path: 402]).count == 1)
    }

    @Test("No file, folder or type has a name that says nothing")
    func emptyNames() throws {
        expectNone(CodeRules.emptyNames(in: try SourceTree.code()))
        #expect(CodeRules.emptyNames(in: [file("Sources/A/StringUtils.swift", "")]).count == 1)
        #expect(CodeRules.emptyNames(in: [file("Sources/A/Common/B.swift", "")]).count == 1)
        let type = file("Sources/A/B.swift", "public final class SessionManager {}")
        #expect(CodeRules.emptyNames(in: [type]).count == 1)
    }

    @Test("Sources have no traps that a failure in operation could reach")
    func traps() throws {
        expectNone(CodeRules.traps(in: try SourceTree.code()))
        let text = "let a = try! b()\nlet c = d as! E // as! f\nfatalError(\"no\")\n"
        #expect(CodeRules.traps(in: [file("Sources/A/B.swift", text)]).count == 3)
    }

    @Test("No notes to oneself are left")
    func leftNotes() throws {
        expectNone(CodeRules.leftNotes(in: try SourceTree.prose()))
        #expect(CodeRules.leftNotes(in: [file("a.md", "TO" + "DO: later")]).count == 1)
    }

    @Test("What the compiler is told not to check has its invariant beside it")
    func unsafetyIsExplained() throws {
        expectNone(CodeRules.unexplainedUnsafety(in: try SourceTree.code()))
        let bare = "final class A: @unchecked Sendable {}"
        #expect(CodeRules.unexplainedUnsafety(in: [file("Sources/A/B.swift", bare)]).count == 1)
        let explained = "/// Invariant: the lock is held.\n" + bare
        expectNone(CodeRules.unexplainedUnsafety(in: [file("Sources/A/B.swift", explained)]))
    }

    @Test("Each C library has one importer")
    func importersOfC() throws {
        expectNone(CodeRules.strayImportersOfC(try SourceTree.code()))
        let stray = file("Sources/hebb/B.swift", "import CMicroHTTPD")
        #expect(CodeRules.strayImportersOfC([stray]).count == 1)
    }

    @Test("Nothing names a path of the machine it was written on")
    func machinePaths() throws {
        let files = try SourceTree.prose()
        expectNone(CodeRules.machinePaths(in: files))
        #expect(CodeRules.machinePaths(in: [file("a.md", "see /" + "home/me")]).count == 1)
    }

    @Test("The top level has the house's folders and no others")
    func topLevel() throws {
        let names = try SourceTree.topLevelNames()
        expectNone(CodeRules.strangers(among: names))
        for needed in ["Sources", "Tests", "deploy", ".ci", "README.md", "LICENSE"] {
            #expect(names.contains(needed))
        }
        #expect(CodeRules.strangers(among: ["Sources", "scripts"]) == ["scripts"])
    }
}
