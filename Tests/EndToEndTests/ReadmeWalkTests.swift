import Foundation
import Testing
import TinyCore

/// README's walk, taken as a reader takes it: its commands in order, in a shell, against a server
/// with an empty data folder and the core that ships. What it shows must be what is answered.
@Suite(.serialized, .timeLimit(.minutes(5)))
struct ReadmeWalkTests {
    @Test("Every step of README's walk answers as README shows")
    func walk() async throws {
        let steps = try ReadmeWalk.steps()
        #expect(steps.filter { $0.shown != nil }.count >= 15)
        let server = try await ServerProcess(data: TemporaryFolder())
        let folder = try TemporaryFolder()
        var settings: [String] = []
        var known: [String: String] = [:]
        for step in steps {
            var command = step.command.replacing(
                "http://127.0.0.1:8421", with: server.client.base)
            for (shown, real) in known { command = command.replacing(shown, with: real) }
            guard command.hasPrefix("curl ") else {
                settings.append(command)
                continue
            }
            let script = (settings + [command]).joined(separator: "\n")
            let answer = try await Shell.run(script, in: folder)
            guard let shown = step.shown else {
                // It says where the answer goes instead.
                let name = try #require(step.command.split(separator: " -o ").last)
                let file = folder.url.appendingPathComponent(String(name))
                #expect(try Data(contentsOf: file).count > 10_000, "\(step.command)")
                continue
            }
            let real = try JSONDecoder().decode(JSON.self, from: answer)
            let pattern = try ShownJSON(shown)
            let differences = pattern.differences(from: real, known: &known)
            #expect(differences.isEmpty, "\(step.command)\n\(differences)\n\(real)")
        }
        #expect(known.count >= 2)
        #expect(try await server.stop() == 0)
    }

    @Test(
        "The comparison sees what differs",
        arguments: [
            (#"{"a":1.25}"#, #"{"a":1.254}"#, true), (#"{"a":1.25}"#, #"{"a":1.27}"#, false),
            (#"{"a":22}"#, #"{"a":23}"#, false), (#"{"a":-12.9}"#, #"{"a":-12.907}"#, true),
            (#"{"a":1}"#, #"{"a":1,"b":2}"#, false), (#"{"a":1, …}"#, #"{"a":1,"b":2}"#, true),
            (#"{"b": …, …}"#, #"{"a":1}"#, false), (#"[ … ]"#, "[]", false),
            (#"[1, …]"#, "[1,2]", true), ("[1]", "[1,2]", false), ("[1, …]", "[1]", true),
            (#"{"a": …}"#, #"{"a":""}"#, false), (#"{"a": …}"#, #"{"a":[]}"#, false),
            (#"" hums …""#, #"" hums at""#, true), (#"" hums …""#, #"" sings""#, false),
            ("null", "0", false), ("true", "true", true), (#""evt-1""#, #""evt-2""#, true),
            (#"["evt-1","evt-1"]"#, #"["evt-2","evt-3"]"#, false),
        ])
    func comparison(shown: String, real: String, agrees: Bool) throws {
        var known: [String: String] = [:]
        let real = try JSONDecoder().decode(JSON.self, from: Data(real.utf8))
        let differences = try ShownJSON(shown).differences(from: real, known: &known)
        #expect(differences.isEmpty == agrees, "\(differences)")
    }
}

/// The walk in README.
private enum ReadmeWalk {
    struct Step {
        var command: String
        /// Nil where README shows no answer.
        var shown: String?
    }

    /// Indented lines: a command begins with `$`, and what is no command is the last one's answer.
    static func steps() throws -> [Step] {
        let readme = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../README.md")
        let text = try String(contentsOf: readme, encoding: .utf8)
        let sections = text.components(separatedBy: "\n## ")
        guard let walk = sections.first(where: { $0.hasPrefix("A walk with curl\n") }) else {
            throw TestFailure("README has no walk with curl")
        }
        var steps: [Step] = []
        var isContinued = false
        for line in walk.components(separatedBy: "\n") {
            guard line.hasPrefix("    ") else { continue }
            let code = String(line.dropFirst(4))
            if code.hasPrefix("$ ") {
                steps.append(Step(command: String(code.dropFirst(2))))
            } else if code.hasPrefix("from openai") {
                return steps
            } else if isContinued {
                steps[steps.count - 1].command += "\n" + code
            } else if !steps.isEmpty {
                steps[steps.count - 1].shown = (steps[steps.count - 1].shown ?? "") + code + "\n"
            }
            isContinued = code.hasSuffix("\\")
        }
        return steps
    }
}

private enum Shell {
    /// What a script writes.
    static func run(_ script: String, in folder: TemporaryFolder) async throws -> Data {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = folder.url
        process.standardInput = FileHandle.nullDevice
        let output = try folder.file("answer")
        process.standardOutput = output.handle
        try ProcessLaunch.run(process)
        let deadline = ContinuousClock.now + .seconds(60)
        while process.isRunning {
            guard ContinuousClock.now < deadline else {
                kill(process.processIdentifier, SIGKILL)
                throw TestFailure("\(script) ran longer than a minute")
            }
            try await Task.sleep(for: .milliseconds(5))
        }
        guard process.terminationStatus == 0 else {
            throw TestFailure("\(script) left with \(process.terminationStatus)")
        }
        return try Data(contentsOf: output.url)
    }
}

/// JSON as README prints it: `…` stands for what was left out (members, elements, the rest of a
/// text, a value that is not empty), numbers are shortened, and ids are examples.
private indirect enum ShownJSON {
    case object([String: ShownJSON], isWhole: Bool)
    case array([ShownJSON], isWhole: Bool)
    case string(String)
    /// Number, true, false or null as it is spelled.
    case word(String)
    case anything

    init(_ text: String) throws {
        var rest = Array(text)[...]
        self = try Self.value(&rest)
        Self.skipSpace(&rest)
        guard rest.isEmpty else { throw TestFailure("README shows more than one value: \(text)") }
    }

    private static func skipSpace(_ rest: inout ArraySlice<Character>) {
        rest = rest.drop { $0.isWhitespace }
    }

    private static func take(_ character: Character, _ rest: inout ArraySlice<Character>) -> Bool {
        skipSpace(&rest)
        guard rest.first == character else { return false }
        rest.removeFirst()
        return true
    }

    private static func value(_ rest: inout ArraySlice<Character>) throws -> ShownJSON {
        if take("…", &rest) { return .anything }
        if take("\"", &rest) { return .string(try string(&rest)) }
        let isObject = take("{", &rest)
        guard isObject || take("[", &rest) else {
            let word = rest.prefix { $0.isLetter || $0.isNumber || "+-.".contains($0) }
            guard !word.isEmpty else { throw TestFailure("README shows no value: \(String(rest))") }
            rest.removeFirst(word.count)
            return .word(String(word))
        }
        let end: Character = isObject ? "}" : "]"
        var members: [String: ShownJSON] = [:]
        var elements: [ShownJSON] = []
        var isWhole = true
        while !take(end, &rest) {
            if take("…", &rest) {
                isWhole = false
            } else if isObject {
                guard take("\"", &rest) else { throw TestFailure("no name: \(String(rest))") }
                let name = try string(&rest)
                guard take(":", &rest) else { throw TestFailure("no colon: \(String(rest))") }
                members[name] = try value(&rest)
            } else {
                elements.append(try value(&rest))
            }
            guard take(",", &rest) || rest.first == end else {
                throw TestFailure("no comma: \(String(rest))")
            }
        }
        return isObject
            ? .object(members, isWhole: isWhole) : .array(elements, isWhole: isWhole)
    }

    /// With its escapes resolved, up to its closing quote.
    private static func string(_ rest: inout ArraySlice<Character>) throws -> String {
        var source = "\""
        while let character = rest.popFirst() {
            source.append(character)
            if character == "\\", let next = rest.popFirst() { source.append(next) }
            if character == "\"" {
                return try JSONDecoder().decode(String.self, from: Data(source.utf8))
            }
        }
        throw TestFailure("README shows a text without its end: \(source)")
    }

    /// What is answered otherwise than shown, as "place: shown, answered".
    /// - Parameter known: the ids that stand for README's; what is new is added.
    func differences(
        from real: JSON, at place: String = "", known: inout [String: String]
    ) -> [String] {
        let difference = ["\(place): shown \(self), answered \(real)"]
        switch (self, real) {
        case (.anything, .string("")), (.anything, .array([])), (.anything, .null):
            return difference
        case (.anything, _): return []
        case (.object(let shown, let isWhole), .object(let fields)):
            guard !isWhole || fields.count == shown.count, !fields.isEmpty else {
                return difference
            }
            return shown.sorted { $0.key < $1.key }.flatMap { name, value in
                guard let field = fields[name] else { return ["\(place).\(name): not answered"] }
                return value.differences(from: field, at: "\(place).\(name)", known: &known)
            }
        case (.array(let shown, let isWhole), .array(let elements)):
            guard isWhole ? elements.count == shown.count : elements.count >= max(1, shown.count)
            else { return difference }
            return zip(shown, elements).enumerated().flatMap { index, pair in
                pair.0.differences(from: pair.1, at: "\(place)[\(index)]", known: &known)
            }
        case (.string(let shown), .string(let text)):
            return Self.agree(shown, text, &known) ? [] : difference
        case (.word(let word), .number(let number)):
            guard let shown = Double(word) else { return difference }
            let digits = word.split(separator: ".").dropFirst().first?.count ?? 0
            // One unit of the last digit: machines differ in how they round sums. A count is exact.
            let unit = digits == 0 ? 0 : pow(10, -Double(digits))
            return abs(shown - number) <= unit ? [] : difference
        case (.word("null"), .null), (.word("true"), .bool(true)), (.word("false"), .bool(false)):
            return []
        default: return difference
        }
    }

    private static func agree(
        _ shown: String, _ text: String, _ known: inout [String: String]
    ) -> Bool {
        if let end = shown.firstIndex(of: "…") {
            // A hash is another one on another machine.
            let isHash = text.count == 64 && text.allSatisfy(\.isHexDigit)
            return isHash || text.hasPrefix(String(shown[..<end]))
        }
        guard let kind = ["evt-", "cmpl-"].first(where: shown.hasPrefix) else {
            return shown == text
        }
        if let real = known[shown] { return real == text }
        known[shown] = text
        return text.hasPrefix(kind)
    }
}
