import Foundation
import Testing

@testable import ModelFormats

/// Whole conversations against `transformers.apply_chat_template`
/// (Fixtures/make_chat_fixtures.py).
@Suite("Chat templates")
struct ChatTemplateParityTests {
    /// A folder of real templates, which are not ours to keep here.
    static let realFolder = ProcessInfo.processInfo.environment["HEBB_CHAT_TEMPLATES"]

    @Test("of our own render as transformers renders them")
    func ownTemplates() throws {
        let report = try ChatParity(folder: Fixture.path("chat")).run()
        #expect(report.differences.isEmpty, "\(report)")
        #expect(report.texts >= 150, "\(report)")
        #expect(report.raised >= 10, "\(report)")
    }

    @Test("of models render as transformers renders them", .enabled(if: realFolder != nil))
    func realTemplates() throws {
        let report = try ChatParity(folder: #require(Self.realFolder)).run()
        print(report)
        #expect(report.differences.isEmpty, "\(report)")
        #expect(report.texts > 0)
    }
}

/// A folder of templates with what is expected of them.
struct ChatParity {
    struct Report: CustomStringConvertible {
        var texts = 0
        var raised = 0
        var failed = 0
        var differences: [String] = []

        var description: String {
            "\(texts) texts equal, \(raised) raised alike, \(failed) failed alike, "
                + "\(differences.count) different\n" + differences.joined(separator: "\n")
        }
    }

    let folder: String
    let tokens: [String: String]
    let conversations: [ChatValue]
    let outcomes: [(name: String, value: ChatValue)]
    static let now = ChatMoment(year: 2024, month: 7, day: 6, hour: 15, minute: 4, second: 5)

    init(folder: String) throws {
        self.folder = folder
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/expected.json"))
        let json = try JSONScanner.parse(Array(data), file: "expected.json")
        let object = try #require(json.objectValue)
        tokens = Dictionary(
            uniqueKeysWithValues: try #require(object["tokens"]?.objectValue).members.map {
                ($0.key, $0.value.stringValue ?? "")
            })
        conversations = try #require(object["conversations"]?.arrayValue).map(ChatValue.init)
        outcomes = try #require(object["outcomes"]?.objectValue).members.map {
            ($0.key, ChatValue($0.value))
        }
    }

    func template(_ name: String) throws -> ChatTemplate {
        let data = try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))
        return try ChatTemplate(
            String(decoding: data, as: UTF8.self), specialTokens: tokens, file: name)
    }

    func render(
        _ conversation: ChatValue, with template: ChatTemplate
    ) throws(ChatTemplateError) -> RenderedChat {
        try template.render(
            messages: conversation.items("messages") ?? [], tools: conversation.items("tools"),
            documents: conversation.items("documents"),
            addsGenerationPrompt: conversation["prompt"] == .bool(true),
            variables: conversation.members("variables"), now: Self.now)
    }

    func run() throws -> Report {
        var report = Report()
        for (name, values) in outcomes {
            guard case .array(let values) = values else { continue }
            let template: ChatTemplate
            do { template = try self.template(name) } catch {
                report.differences.append("\(name): \(error)")
                continue
            }
            for (index, (conversation, wanted)) in zip(conversations, values).enumerated() {
                if let difference = compare(template, conversation, wanted, &report) {
                    report.differences.append("\(name) #\(index): \(difference)")
                }
            }
        }
        return report
    }

    private func compare(
        _ template: ChatTemplate, _ conversation: ChatValue, _ wanted: ChatValue,
        _ report: inout Report
    ) -> String? {
        do throws(ChatTemplateError) {
            let text = try render(conversation, with: template).text
            guard case .string(let expected) = wanted else { return "a text, wanted \(wanted)" }
            guard text.utf8.elementsEqual(expected.utf8) else {
                let common = text.unicodeScalars.indices.first {
                    $0 >= expected.endIndex
                        || text.unicodeScalars[$0] != expected.unicodeScalars[$0]
                }
                let rest = common.map { text[$0...].prefix(60) } ?? ""
                let other = common.map { $0 < expected.endIndex ? expected[$0...].prefix(60) : "" }
                return "from \(rest.debugDescription), wanted \((other ?? "").debugDescription)"
            }
            report.texts += 1
        } catch {
            if let message = wanted["raised"] {
                guard error.kind == .raised, message == .string(error.message) else {
                    return "\(error), wanted \(message)"
                }
                report.raised += 1
            } else if wanted["failed"] != nil, error.kind != .raised {
                report.failed += 1
            } else {
                return "\(error), wanted \(String(describing: wanted).prefix(300))"
            }
        }
        return nil
    }
}

extension ChatValue {
    func items(_ name: String) -> [ChatValue]? {
        guard case .array(let items)? = self[name] else { return nil }
        return items
    }

    func members(_ name: String) -> [Member] {
        guard case .object(let members)? = self[name] else { return [] }
        return members
    }
}
