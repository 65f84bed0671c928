import Foundation
import Testing

@testable import ModelFormats

@Suite("A chat template")
struct ChatTemplateTests {
    private static let now = ChatMoment(
        year: 2024, month: 7, day: 6, hour: 15, minute: 4, second: 5)

    private func render(_ template: ChatTemplate?) throws -> String {
        try #require(template).render(messages: [], now: Self.now).text
    }

    private func set(_ config: String?, _ template: String? = nil) throws -> ChatTemplateSet? {
        try ChatTemplateSet(
            config: config.map { Array($0.utf8) }, template: template.map { Array($0.utf8) },
            folder: "m")
    }

    @Test("is found in tokenizer_config.json, alone or among named ones, and beside it")
    func files() throws {
        let one = try set(#"{"chat_template": "{{ bos_token }}1", "bos_token": "<s>"}"#)
        #expect(try render(one?.template(hasTools: false)) == "<s>1")
        #expect(try render(one?.template(hasTools: true)) == "<s>1")
        let named = try set(
            #"{"chat_template": [{"name": "default", "template": "d{{ eos_token }}"},"#
                + #" {"name": "tool_use", "template": "t"}], "eos_token": {"content": "</s>"}}"#)
        #expect(try render(named?.template(hasTools: false)) == "d</s>")
        #expect(try render(named?.template(hasTools: true)) == "t")
        let beside = try set(#"{"chat_template": "1", "bos_token": "<s>"}"#, "2{{ bos_token }}")
        #expect(try render(beside?.template(hasTools: false)) == "2<s>")
        #expect(try set("{}") == nil)
        #expect(try set(nil) == nil)
        try Fixture.withFolder { folder in
            #expect(try ChatTemplateSet.read(folder: folder) == nil)
            try Fixture.write(Array("{{ 1 + 1 }}\n".utf8), folder, "chat_template.jinja")
            let read = try ChatTemplateSet.read(folder: folder)
            #expect(try render(read?.template(hasTools: false)) == "2")
        }
    }

    @Test(
        "that is broken is refused with its file and line",
        arguments: [
            (#"{"chat_template": 5}"#, "m/tokenizer_config.json: key chat_template"),
            (#"{"chat_template": [{"name": "a"}]}"#, "m/tokenizer_config.json: the key"),
            (#"{"chat_template": "a\n{% if %}"}"#, "m/tokenizer_config.json: line 2 of"),
            (#"{"chat_template": "{% for x in y recursive %}{% endfor %}"}"#, "recursive for"),
            (#"{"chat_template": "{% include 'x' %}"}"#, "supported: break, call"),
        ])
    func refused(config: String, says: String) throws {
        let error = #expect(throws: ModelFormatError.self) { try set(config) }
        let description = try #require(error).description
        #expect(description.contains(says), "\(description)")
    }

    @Test(
        "that asks for what is not there is told what is, and where",
        arguments: [
            ("a\n{{ x | shout }}", 2, "the filter \"shout\"; supported: abs, attr"),
            ("{{ 1 }}\n\n{{ x is loud }}", 3, "the test \"loud\"; supported: !=, <"),
            ("{{ strftime_now('%Q') }}", 1, "the time directive %Q; supported: %a"),
            ("\n{{ f(1) }}", 2, "'f' is undefined"),
            ("{% macro f() %}\n{{ 1 + 'a' }}\n{% endmacro %}\n{{ f() }}", 2, "unsupported operand"),
        ])
    func unsupported(template: String, line: Int, says: String) throws {
        let error = #expect(throws: ChatTemplateError.self) {
            try ChatTemplate(template).render(messages: [], now: Self.now)
        }
        #expect(try #require(error).line == line)
        #expect(try #require(error).message.contains(says), "\(String(describing: error))")
    }

    @Test("tells the time it is given, as strftime does in the C locale")
    func time() throws {
        let expected = [
            ("%d %b %Y", "06 Jul 2024"), ("%Y-%m-%d", "2024-07-06"), ("%B %-d, %Y", "July 6, 2024"),
            ("%A %a %j %w %u", "Saturday Sat 188 6 6"), ("%H:%M:%S %p %I", "15:04:05 PM 03"),
            ("%e|%y|%-m|%%|%F|%T|%D|%R|%Z", " 6|24|7|%|2024-07-06|15:04:05|07/06/24|15:04|"),
            ("%c", "Sat Jul  6 15:04:05 2024"), ("%", "%"), ("é%d", "é06"),
        ]
        for (format, text) in expected { #expect(try Self.now.formatted(format) == text) }
        #expect(ChatMoment(Date(timeIntervalSince1970: 1_720_278_245)) == Self.now)
        let leap = ChatMoment(Date(timeIntervalSince1970: 951_782_400), secondsFromGMT: -3_600)
        #expect(leap == ChatMoment(year: 2000, month: 2, day: 28, hour: 23))
        #expect(ChatMoment(Date(timeIntervalSince1970: -1)).year == 1969)
    }

    @Test("keeps the order of members, and refuses messages that are none")
    func input() throws {
        let message = ChatValue.object([
            .init("z", .integer(1)), .init("role", .string("user")), .init("a", .number(1.5)),
            .init("z", .bool(true)),
        ])
        let template = try ChatTemplate("{{ messages[0] | tojson }}")
        let text = try template.render(messages: [message], now: Self.now).text
        #expect(text == #"{"z": true, "role": "user", "a": 1.5}"#)
        #expect(throws: ChatTemplateError.self) {
            try template.render(messages: [.string("x")], now: Self.now)
        }
        var deep = ChatValue.null
        for _ in 0..<200 { deep = .array([deep]) }
        #expect(throws: ChatTemplateError.self) {
            try template.render(messages: [], tools: [deep], now: Self.now)
        }
    }
}
