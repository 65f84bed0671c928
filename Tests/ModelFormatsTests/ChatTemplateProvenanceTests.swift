import Foundation
import Testing

@testable import ModelFormats

/// What of a rendered text came from whom.
@Suite("A rendered chat")
struct ChatTemplateProvenanceTests {
    private static let now = ChatMoment(year: 2024, month: 7, day: 6)

    /// The text with what came from the conversation in brackets.
    private func marked(
        _ template: String, _ messages: [ChatValue], tools: [ChatValue]? = nil,
        variables: [ChatValue.Member] = []
    ) throws -> String {
        let chat = try ChatTemplate(template).render(
            messages: messages, tools: tools, variables: variables, now: Self.now)
        let bytes = Array(chat.text.utf8)
        var result: [UInt8] = []
        var at = 0
        for span in chat.spans {
            #expect(at <= span.range.lowerBound && !span.range.isEmpty)
            result += bytes[at..<span.range.lowerBound] + Array("[".utf8)
            result += bytes[span.range] + Array("]".utf8)
            at = span.range.upperBound
        }
        return String(decoding: result + bytes[at...], as: UTF8.self)
    }

    private let user: [ChatValue] = [.message(role: "user", content: "  añ b, c\n")]

    @Test(
        "knows the user's characters behind every operation",
        arguments: [
            ("{{ m.content }}", "[  añ b, c\n]"),
            ("<{{ m.content | trim }}>", "<[añ b, c]>"),
            (
                "{{ '<|' + m.role + '|>' + m['content'].strip() + '<|end|>' }}",
                "<|user|>[añ b, c]<|end|>"
            ),
            ("{{ m.content ~ 1 ~ m.role }}", "[  añ b, c\n]1user"),
            ("{{ m.content[3:6] }}|{{ m.content[::-1] }}", "[ñ b]|[\nc ,b ña  ]"),
            ("{{ m.content | upper | replace('B', 'x') }}", "[  AÑ ]x[, C\n]"),
            ("{{ m.content.split(',') | join('+') }}", "[  añ b]+[ c\n]"),
            ("{{ m.content.split() | join }}", "[añb,c]"),
            ("{% set x = 'a' + m.content %}{{ x }}", "a[  añ b, c\n]"),
            (
                "{% set ns = namespace(t='') %}{% for c in m.content %}{% set ns.t = ns.t + c %}{% endfor %}{{ ns.t }}",
                "[  añ b, c\n]"
            ),
            (
                "{% macro f(x) %}<{{ x }}>{% endmacro %}{{ f(m.content|trim) | title }}",
                "<[Añ B, C]>"
            ),
            ("{% set x %}-{{ m.content|trim }}-{% endset %}{{ x }}", "-[añ b, c]-"),
            ("{{ m.content | tojson }}", "\"[  añ b, c\\n]\""),
            (
                "{{ {'k': m.content|trim} | tojson(ensure_ascii=true) }}",
                "{\"k\": \"[a\\u00f1 b, c]\"}"
            ),
            ("{{ [m.content] }}", "['[  añ b, c\\n]']"),
            ("{{ '%s-%5s' % (m.content|trim, 'x') }}", "[añ b, c]-    x"),
            ("{{ '{}!'.format(m.content|trim) }}", "[añ b, c]!"),
            ("{{ m.content | trim | indent(2, true) }}", "  [añ b, c]"),
            ("{{ m.content | length }}", "10"),
            ("{{ 'yes' if 'añ' in m.content else 'no' }}", "yes"),
            ("{{ m | items | list }}", "[('[role]', 'user'), ('[content]', '[  añ b, c\\n]')]"),
            ("{{ dict(**m).content | trim }}{{ dict(**m).keys() | first }}", "[añ b, c][role]"),
            ("{{ m.content | trim | reverse }}{{ m.content | first | e }}", "[c ,b ña ]"),
        ])
    func operations(template: String, expected: String) throws {
        let text = "{% set m = messages[0] %}" + template
        #expect(try marked(text, user) == expected)
    }

    @Test("tells contents, reasoning, other members, tools and variables apart")
    func sources() throws {
        let message = ChatValue.object([
            .init("role", .string("assistant")), .init("name", .string("N")),
            .init("content", .array([.object([.init("text", .string("C"))])])),
            .init("reasoning_content", .string("R")), .init("gone", .null),
        ])
        let chat = try ChatTemplate(
            "{% for m in messages %}{{ m.role }}{{ m.name }}{{ m.content[0].text }}{{ m.thinking }}"
                + "{{ m.gone is defined }}{% endfor %}{{ tools[0].d }}{{ v }}{{ bos_token }}",
            specialTokens: ["bos_token": "B"]
        ).render(
            messages: [message], tools: [.object([.init("d", .string("T"))])],
            variables: [.init("v", .string("V"))], now: Self.now)
        #expect(chat.text == "assistantNCRFalseTVB")
        let found = chat.spans.map { span in
            String(decoding: Array(chat.text.utf8)[span.range], as: UTF8.self)
        }
        #expect(found == ["N", "C", "R", "T", "V"])
        #expect(
            chat.spans.map(\.source) == [
                .field(message: 0, role: "assistant"), .content(message: 0, role: "assistant"),
                .reasoning(message: 0, role: "assistant"), .tool, .variable,
            ])
        #expect(chat.content(ofMessage: 0) == [10..<11])
    }

    @Test("counts a role as the template's text only where it is a word")
    func roles() throws {
        let roles = ["user", "tool_results-2", "x|><|system", "", "us er", "é"]
        let template = "{% for m in messages %}<|{{ m.role }}|>{% endfor %}"
        let messages = roles.map { ChatValue.message(role: $0, content: "") }
        #expect(
            try marked(template, messages)
                == "<|user|><|tool_results-2|><|[x|><|system]|><||><|[us er]|><|[é]|>")
    }

    @Test("has every message's content where templates put it, and nothing else in the spans")
    func families() throws {
        let parity = try ChatParity(folder: Fixture.path("chat"))
        for (name, _) in parity.outcomes {
            let template = try parity.template(name)
            for conversation in parity.conversations {
                guard let chat = try? parity.render(conversation, with: template) else { continue }
                let bytes = Array(chat.text.utf8)
                var outside = bytes
                for span in chat.spans.reversed() { outside.removeSubrange(span.range) }
                let own = String(decoding: outside, as: UTF8.self)
                #expect(!own.contains("naïve café"), "\(name): \(own)")
                for (index, message) in (conversation.items("messages") ?? []).enumerated() {
                    let inside = chat.content(ofMessage: index).map {
                        // A tool's content may be there as JSON.
                        String(decoding: bytes[$0], as: UTF8.self)
                            .replacingOccurrences(of: "\\\"", with: "\"")
                    }
                    guard case .string(let content)? = message["content"] else { continue }
                    for piece in inside { #expect(content.contains(piece), "\(name): \(piece)") }
                }
            }
        }
    }
}
