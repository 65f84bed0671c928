/// Who may import whom. The manifest alone does not hold this: SwiftPM lets a target import what
/// its dependencies depend on.
enum ImportTable {
    /// Of ours, for each module of ours. Tests of a module may import it and all of its row.
    static let ours: [String: Set<String>] = [
        "CMicroHTTPD": [],
        "COpenBLAS": [],
        "CKernels": [],
        "CPostgreSQL": [],
        "CConsole": [],
        "Kernels": ["CKernels", "COpenBLAS"],
        "ModelFormats": ["Kernels"],
        "Engrams": ["Kernels", "ModelFormats"],
        "InnerCortex": ["Kernels", "ModelFormats"],
        "EngramStorage": ["Engrams", "CPostgreSQL"],
        "OuterCortex": ["Kernels", "ModelFormats", "Engrams", "InnerCortex"],
        "Scheduling": [
            "Kernels", "ModelFormats", "Engrams", "InnerCortex", "OuterCortex", "EngramStorage",
        ],
        "MetaLearning": ["Kernels", "ModelFormats", "Engrams", "InnerCortex", "OuterCortex"],
        // InnerCortex for `SamplingOptions`, which requests carry.
        "Serving": [
            "ModelFormats", "Engrams", "InnerCortex", "Scheduling", "CMicroHTTPD", "CConsole",
        ],
        "hebb": [
            "Kernels", "ModelFormats", "Engrams", "InnerCortex", "EngramStorage", "OuterCortex",
            "Scheduling", "MetaLearning", "Serving",
        ],
    ]

    /// Other people's packages, for each module that may use one.
    static let packages: [String: Set<String>] = [
        "Crypto": ["Engrams", "EngramStorage"],
        "GRDB": ["EngramStorage"],
        "Logging": ["Scheduling", "Serving", "hebb"],
        "ArgumentParser": ["hebb"],
    ]

    /// The platform's modules, open to all, with the ones that are not.
    static let platform: Set<String> = [
        "Foundation", "FoundationEssentials", "Dispatch", "Synchronization", "Glibc", "Musl",
        "Darwin", "Swift", "Testing",
    ]
    static let restrictedPlatform: [String: Set<String>] = [
        "FoundationNetworking": ["hebb", "EndToEndTests", "ServingTests"]
    ]

    /// Code that tests share, and what it may import; any module's tests may import it.
    static let testSupport: [String: Set<String>] = [
        "TinyCore": ["Kernels", "ModelFormats"],
        "FuzzTargets": [
            "Kernels", "ModelFormats", "Engrams", "OuterCortex", "Serving", "TinyCore",
        ],
        "Fuzzer": ["ModelFormats", "FuzzTargets"],
        "AllocationCounter": [],
        "Ratchets": [
            "AllocationCounter", "ModelFormats", "Engrams", "InnerCortex", "OuterCortex",
            "TinyCore",
        ],
    ]

    /// Test targets that belong to no module: what they may import of ours.
    static let freeStandingTests: [String: Set<String>] = [
        "ArchitectureTests": [], "EndToEndTests": ["TinyCore"],
        "FuzzTargetsTests": ["FuzzTargets"],
        "RatchetTests": ["Ratchets", "AllocationCounter", "OuterCortex", "TinyCore"],
    ]

    /// Each import that the table does not have, as "file:line: why".
    static func violations(in files: [SourceFile]) -> [String] {
        files.filter(\.isSwift).flatMap { file -> [String] in
            guard let module = file.module else { return ["\(file.path): belongs to no module"] }
            return imports(of: file).compactMap { number, imported in
                refusal(of: imported, in: module).map { "\(file.path):\(number): \($0)" }
            }
        }
    }

    /// The imported modules with their line numbers: `@testable public import struct A.B` is `A`.
    static func imports(of file: SourceFile) -> [(line: Int, module: String)] {
        file.code.enumerated().compactMap { index, line in
            guard line.utf8.contains(UInt8(ascii: "i")), line.contains("import ") else {
                return nil
            }
            let words = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let at = words.firstIndex(of: "import"), at + 1 < words.count else { return nil }
            let isImport = words[..<at].allSatisfy {
                $0.hasPrefix("@")
                    || ["public", "package", "internal", "private", "fileprivate"].contains($0)
            }
            guard isImport else { return nil }
            let kinds = ["struct", "class", "enum", "protocol", "typealias", "func", "let", "var"]
            let name = kinds.contains(words[at + 1]) ? words.last ?? "" : words[at + 1]
            return (index + 1, String(name.prefix { $0 != "." && $0 != ";" }))
        }
    }

    private static func refusal(of imported: String, in module: String) -> String? {
        if platform.contains(imported) { return nil }
        let subject = module.hasSuffix("Tests") ? String(module.dropLast(5)) : module
        if let users = restrictedPlatform[imported] ?? packages[imported] {
            let allowed = users.contains(module) || users.contains(named(subject))
            return allowed ? nil : "\(module) may not import \(imported)"
        }
        if let free = freeStandingTests[module] {
            return free.contains(imported) ? nil : "\(module) may not import \(imported)"
        }
        if module != subject, testSupport[imported] != nil { return nil }
        guard let row = ours[named(subject)] ?? testSupport[module] else {
            return "\(module) is not in the table"
        }
        let isTest = module != subject
        if row.contains(imported) || (isTest && imported == named(subject)) { return nil }
        return ours[imported] == nil
            ? "\(imported) is not in the table" : "\(module) may not import \(imported)"
    }

    /// `HebbTests` are the tests of `hebb`, the one module whose name is a command's.
    private static func named(_ subject: String) -> String {
        subject == "Hebb" ? "hebb" : subject
    }
}
