/// Reads a template's tokens into statements, by Jinja's grammar.
struct JinjaParser {
    private let tokens: [JinjaToken]
    private var position = 0
    let limits: ChatTemplateLimits
    /// Expressions and statements that are being read inside each other.
    private var nesting = 0
    /// Names that the macro being read uses.
    var names: Set<String> = []
    /// `for` statements around the one being read; 0 inside a macro.
    var loopDepth = 0

    private init(_ tokens: [JinjaToken], _ limits: ChatTemplateLimits) {
        self.tokens = tokens
        self.limits = limits
    }

    static func parse(
        _ template: String, limits: ChatTemplateLimits
    ) throws(ChatTemplateError) -> [JinjaStatement] {
        guard template.utf8.count <= limits.templateBytes else {
            throw ChatTemplateError(
                .limit,
                "the template has \(template.utf8.count) bytes, allowed are \(limits.templateBytes)"
            )
        }
        var parser = JinjaParser(try JinjaLexer.tokens(of: template), limits)
        return try parser.statements(until: [], of: nil)
    }

    // MARK: Tokens

    var token: JinjaToken { tokens[position] }

    var next: JinjaToken { tokens[min(position + 1, tokens.count - 1)] }

    mutating func advance() {
        if position < tokens.count - 1 { position += 1 }
    }

    func isAt(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }

    func isAt(name: String) -> Bool { token.kind == .name(name) }

    mutating func skip(_ symbol: String) -> Bool {
        guard isAt(symbol) else { return false }
        advance()
        return true
    }

    mutating func skip(name: String) -> Bool {
        guard isAt(name: name) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String) throws(ChatTemplateError) {
        guard skip(symbol) else { throw unexpected(wanted: "\"\(symbol)\"") }
    }

    mutating func expect(_ kind: JinjaToken.Kind, _ name: String) throws(ChatTemplateError) {
        guard token.kind == kind else { throw unexpected(wanted: name) }
        advance()
    }

    mutating func expectName() throws(ChatTemplateError) -> String {
        guard case .name(let name) = token.kind else { throw unexpected(wanted: "a name") }
        advance()
        return name
    }

    func unexpected(wanted: String) -> ChatTemplateError {
        failure("expected \(wanted), got \(token.description)")
    }

    func failure(_ message: String) -> ChatTemplateError {
        ChatTemplateError(.syntax, message, line: token.line)
    }

    mutating func nested<Result>(
        _ body: (inout JinjaParser) throws(ChatTemplateError) -> Result
    ) throws(ChatTemplateError) -> Result {
        nesting += 1
        defer { nesting -= 1 }
        guard nesting <= limits.nesting else {
            throw ChatTemplateError(
                .limit, "nested deeper than \(limits.nesting)", line: token.line)
        }
        return try body(&self)
    }

    /// An expression over `children`, unless it is too deep a tree.
    func node(
        _ kind: JinjaExpression.Kind, line: Int, over children: JinjaExpression...,
        and more: [JinjaExpression] = [], arguments: JinjaCallArguments? = nil
    ) throws(ChatTemplateError) -> JinjaExpression {
        let below = (children + more).reduce(arguments?.depth ?? 0) { max($0, $1.depth) }
        guard below < limits.nesting else {
            throw ChatTemplateError(
                .limit, "an expression nested deeper than \(limits.nesting)", line: line)
        }
        return JinjaExpression(kind, line: line, depth: below + 1)
    }
}
