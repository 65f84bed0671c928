import Testing

@testable import ModelFormats

/// Small templates against what jinja2 makes of them (Fixtures/make_chat_expressions.py).
@Suite("Jinja")
struct ChatTemplateExpressionTests {
    private static let variables = Result {
        try Fixture.json("chat/expressions.json")["variables"]
    }

    private static func cases() throws -> [JSONObject] {
        try #require(try Fixture.json("chat/expressions.json")["cases"]?.arrayValue).compactMap(
            \.objectValue)
    }

    private static func render(_ template: String) throws(ChatTemplateError) -> String {
        let limits = ChatTemplateLimits()
        let statements = try JinjaParser.parse(template, limits: limits)
        var input = ChatInput(limits: limits)
        var values: [String: JinjaValue] = [:]
        for name in JinjaInterpreter.globals { values[name] = .callable(.function(name)) }
        if case .success(.object(let object)?) = variables {
            for (name, value) in object.members {
                values[name] = try input.value(ChatValue(value), .variable)
            }
        }
        let interpreter = JinjaInterpreter(
            variables: values, now: ChatMoment(year: 2024, month: 7, day: 26), limits: limits)
        return try interpreter.render(statements).string
    }

    @Test("renders, and refuses, what jinja2 does")
    func parity() throws {
        let cases = try Self.cases()
        #expect(cases.count > 900)
        for expected in cases {
            let template = try #require(expected["template"]?.stringValue)
            do throws(ChatTemplateError) {
                let output = try Self.render(template)
                let wanted = expected["output"]?.stringValue
                #expect(
                    wanted.map { Array($0.utf8) } == Array(output.utf8),
                    "\(template): \(output) instead of \(wanted ?? "an error")")
            } catch {
                let wanted = expected["error"]?.stringValue
                #expect(wanted == "\(error.kind)", "\(template): \(error)")
                if let message = expected["message"]?.stringValue {
                    #expect(error.message == message)
                }
            }
        }
    }
}
