import Foundation
import Testing

@testable import ModelFormats

/// Templates are strangers' programs.
@Suite("A hostile chat template")
struct ChatTemplateLimitTests {
    private static let now = ChatMoment(year: 2024, month: 7, day: 6)

    private static func render(
        _ template: String, limits: ChatTemplateLimits = ChatTemplateLimits()
    ) throws(ChatTemplateError) -> String {
        let statements = try JinjaParser.parse(template, limits: limits)
        var values: [String: JinjaValue] = ["big": .string(String(repeating: "a", count: 1 << 20))]
        for name in JinjaInterpreter.globals { values[name] = .callable(.function(name)) }
        let interpreter = JinjaInterpreter(variables: values, now: now, limits: limits)
        return try interpreter.render(statements).string
    }

    private static let double = String(repeating: "{% set x = x + x %}", count: 40)
    private static let loops = "{% for a in range(9999) %}{% for b in range(9999) %}"
    private static let ends = "{% endfor %}{% endfor %}"

    @Test(
        "is stopped before it takes time or memory",
        arguments: [
            loops + ends, loops + "{{ big }}" + ends, loops + "{% set y = big in big %}" + ends,
            loops + "{% set y = big == big[1:] + 'a' %}" + ends,
            loops + "{% set y = {big: 1}[big] %}" + ends, loops + "{% set y = big < big %}" + ends,
            loops + "{% set y = big|upper %}" + ends,
            loops + "{% set y = big.split('a') %}" + ends,
            loops + "{% set y = big|list %}" + ends,
            "{% set x = 'a' %}" + double, "{% set x = [1] %}" + double + "{{ x }}",
            "{{ 'a' * 9000000000 }}", "{{ [1] * 9000000000 }}", "{{ 'a' * 9223372036854775807 }}",
            "{{ big|replace('a', big) }}", "{{ big.replace('', big) }}", "{{ big|join(big) }}",
            "{{ 'a'|center(9000000000) }}", "{{ 'a'.zfill(9000000000) }}",
            "{{ '%9000000000d' % 1 }}", "{{ '{:9000000}'.format(1) * 9 }}",
            "{{ '%*d' % (900000000, 1) }}",
            "{{ big|indent(9000000000) }}", "{{ [1]|tojson(indent=9000000000) }}",
            "{{ [1, 2]|batch(9000000000, 0)|list }}", "{{ [1, 2]|slice(9000000000)|list }}",
            "{{ range(100001) }}", "{{ range(0, 9000000000) }}",
            "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
            "{% macro f() %}{{ caller() }}{% endmacro %}{% macro g() %}{% call f() %}{{ g() }}{% endcall %}{% endmacro %}{{ g() }}",
            "{% set x = [] %}" + String(repeating: "{% set x = [x, x] %}", count: 90) + "{{ x }}",
            "{% set x = [] %}" + String(repeating: "{% set x = [x, x] %}", count: 90)
                + "{{ x|tojson }}",
            "{% set x = [] %}{% set y = [] %}"
                + String(repeating: "{% set x = [x, x] %}{% set y = [y, y] %}", count: 90)
                + "{{ x == y }}",
            "{% set x = [] %}" + String(repeating: "{% set x = [x] %}", count: 101) + "{{ x }}",
            "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
            String(repeating: "(", count: 200) + "1", "{{ " + String(repeating: "(", count: 200),
            "{{ " + String(repeating: "[", count: 5000),
            "{{ " + String(repeating: "-", count: 5000) + "1 }}",
            "{{ " + String(repeating: "not ", count: 5000) + "1 }}",
            "{{ x" + String(repeating: ".a", count: 5000) + " }}",
            "{{ x" + String(repeating: "|list", count: 5000) + " }}",
            "{{ 1" + String(repeating: " if 1 else 1", count: 5000) + " }}",
            String(repeating: "{% if 1 %}", count: 5000),
            String(repeating: "{% for x in y %}", count: 5000),
        ])
    func stopped(template: String) throws {
        // A fifth of the usual, to be done in a fifth of the time.
        var limits = ChatTemplateLimits()
        limits.steps /= 5
        limits.textScalars /= 4
        let start = ContinuousClock.now
        do throws(ChatTemplateError) {
            let text = try Self.render(template, limits: limits)
            // Text outside of tags is text.
            #expect(template.hasPrefix("("), "\(template.prefix(80)): \(text.prefix(80))")
        } catch {
            #expect(
                error.kind == .limit || error.kind == .type && template.contains("9000000000"),
                "\(template.prefix(80)): \(error)")
        }
        #expect(ContinuousClock.now - start < .seconds(10), "\(template.prefix(80))")
    }

    @Test("may not be longer than a mebibyte")
    func length() throws {
        let long = String(repeating: " ", count: 1 << 20)
        #expect(try ChatTemplate(long).render(messages: [], now: Self.now).text == long)
        #expect(throws: ModelFormatError.self) { try ChatTemplate(long + " ") }
    }

    @Test("leaves nothing behind that refers to itself")
    func circles() throws {
        weak var kept: JinjaNamespace?
        do {
            let namespace = JinjaNamespace()
            kept = namespace
            let statements = try JinjaParser.parse(
                "{% set n = namespace(o=outer) %}{% set n.n = n %}{% macro f() %}{{ n }}"
                    + "{% endmacro %}{% set n.f = f %}{% for i in [1] %}{{ loop.changed(loop, n) }}"
                    + "{% endfor %}", limits: ChatTemplateLimits())
            _ = try JinjaInterpreter(
                variables: [
                    "namespace": .callable(.function("namespace")), "outer": .namespace(namespace),
                ],
                now: Self.now, limits: ChatTemplateLimits()
            ).render(statements)
        }
        #expect(kept == nil)
    }

    @Test("goes as deep as it may on a thread of 2 MiB")
    func stack() throws {
        let nested = String(repeating: "[", count: 95) + String(repeating: "]", count: 95)
        let templates = [
            "{% macro f(x) %}{% if x %}{{ f(x - 1) }}{% endif %}{% endmacro %}{{ f(70) }}",
            "{% macro f() %}{% for i in [1] %}{{ caller() }}{% endfor %}{% endmacro %}"
                + "{% macro g(x) %}{% if x %}{% call f() %}{{ g(x - 1) }}{% endcall %}{% endif %}"
                + "{% endmacro %}{{ g(25) }}",
            "{{ \(nested) }}{{ \(nested)|tojson }}{{ \(nested) == \(nested) }}",
            String(repeating: "{% if 1 %}", count: 95)
                + String(repeating: "{% endif %}", count: 95),
            "{{ " + String(repeating: "(1 + (", count: 45) + "1"
                + String(repeating: "))", count: 45)
                + " }}",
            "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}",
        ]
        let finished = DispatchSemaphore(value: 0)
        let thread = Thread {
            for template in templates { _ = try? Self.render(template) }
            finished.signal()
        }
        thread.stackSize = 2 << 20
        thread.start()
        finished.wait()
        for template in templates.dropLast() {
            #expect(throws: Never.self, "\(template.prefix(60))") { try Self.render(template) }
        }
    }

    /// Cut, spliced and garbled templates: whatever comes of them, it comes.
    @Test("never crashes or hangs, however it is put together", arguments: 0..<8)
    func garbled(seed: Int) throws {
        let parity = try ChatParity(folder: Fixture.path("chat"))
        let texts = try parity.outcomes.map { Array(try parity.template($0.name).text.utf8) }
        var random = TestGenerator(seed: UInt64(seed))
        var limits = ChatTemplateLimits()
        limits.steps = 100_000
        limits.textScalars = 1 << 20
        var rendered = 0
        for _ in 0..<250 {
            var bytes = texts.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let other = texts.randomElement(using: &random) ?? []
                let start = Int.random(in: 0..<other.count, using: &random)
                let end = min(other.count, start + Int.random(in: 0..<200, using: &random))
                let at = Int.random(in: 0...bytes.count, using: &random)
                let until = min(bytes.count, at + Int.random(in: 0..<60, using: &random))
                bytes.replaceSubrange(at..<until, with: other[start..<end])
            }
            let text = String(decoding: bytes, as: UTF8.self)
            guard let template = try? ChatTemplate(text, limits: limits) else { continue }
            for conversation in parity.conversations {
                if (try? parity.render(conversation, with: template)) != nil { rendered += 1 }
            }
        }
        #expect(rendered > 0, "nothing that was made up is a template")
    }
}
