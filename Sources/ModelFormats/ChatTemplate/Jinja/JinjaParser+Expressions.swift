extension JinjaParser {
    /// With an inline `if`, unless it is what a `for` takes.
    mutating func expression(
        allowsCondition: Bool = true
    ) throws(ChatTemplateError) -> JinjaExpression {
        try nested { (parser) throws(ChatTemplateError) in
            var value = try parser.or()
            while allowsCondition, parser.isAt(name: "if") {
                let line = parser.token.line
                parser.advance()
                let test = try parser.or()
                let otherwise = parser.skip(name: "else") ? try parser.expression() : nil
                value = try parser.node(
                    .condition(test, then: value, otherwise: otherwise), line: line,
                    over: test, value, otherwise ?? value)
            }
            return value
        }
    }

    private mutating func or() throws(ChatTemplateError) -> JinjaExpression {
        var operands = [try and()]
        let line = token.line
        while skip(name: "or") { operands.append(try and()) }
        return operands.count == 1
            ? operands[0] : try node(.or(operands), line: line, and: operands)
    }

    private mutating func and() throws(ChatTemplateError) -> JinjaExpression {
        var operands = [try not()]
        let line = token.line
        while skip(name: "and") { operands.append(try not()) }
        return operands.count == 1
            ? operands[0] : try node(.and(operands), line: line, and: operands)
    }

    private mutating func not() throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        guard skip(name: "not") else { return try comparison() }
        let operand = try nested { (parser) throws(ChatTemplateError) in try parser.not() }
        return try node(.not(operand), line: line, over: operand)
    }

    private mutating func comparison() throws(ChatTemplateError) -> JinjaExpression {
        let first = try sum()
        let line = token.line
        var rest: [(symbol: String, operand: JinjaExpression)] = []
        while true {
            if case .symbol(let symbol) = token.kind,
                ["==", "!=", "<", "<=", ">", ">="].contains(symbol)
            {
                advance()
                rest.append((symbol, try sum()))
            } else if skip(name: "in") {
                rest.append(("in", try sum()))
            } else if isAt(name: "not"), next.kind == .name("in") {
                advance()
                advance()
                rest.append(("not in", try sum()))
            } else {
                break
            }
        }
        if rest.isEmpty { return first }
        return try node(
            .comparison(first, rest), line: line, over: first, and: rest.map(\.operand))
    }

    /// Operands of one rank, each read by `operand`.
    private mutating func chain(
        _ operators: [String],
        _ operand: (inout JinjaParser) throws(ChatTemplateError) -> JinjaExpression
    ) throws(ChatTemplateError) -> JinjaExpression {
        let first = try operand(&self)
        let line = token.line
        var rest: [(symbol: String, operand: JinjaExpression)] = []
        while case .symbol(let symbol) = token.kind, operators.contains(symbol) {
            advance()
            rest.append((symbol, try operand(&self)))
        }
        if rest.isEmpty { return first }
        return try node(
            .arithmetic(first, rest), line: line, over: first, and: rest.map(\.operand))
    }

    private mutating func sum() throws(ChatTemplateError) -> JinjaExpression {
        try chain(["+", "-"]) { (parser) throws(ChatTemplateError) in
            try parser.concatenation()
        }
    }

    private mutating func concatenation() throws(ChatTemplateError) -> JinjaExpression {
        var operands = [try product()]
        let line = token.line
        while skip("~") { operands.append(try product()) }
        return operands.count == 1
            ? operands[0] : try node(.concatenation(operands), line: line, and: operands)
    }

    private mutating func product() throws(ChatTemplateError) -> JinjaExpression {
        try chain(["*", "/", "//", "%"]) { (parser) throws(ChatTemplateError) in
            try parser.chain(["**"]) { (parser) throws(ChatTemplateError) in
                try parser.unary()
            }
        }
    }

    private mutating func unary(
        takesFilters: Bool = true
    ) throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        var value: JinjaExpression
        if isAt("-") || isAt("+") {
            let negative = isAt("-")
            advance()
            let operand = try nested { (parser) throws(ChatTemplateError) in
                try parser.unary(takesFilters: false)
            }
            value = try node(.sign(negative: negative, operand), line: line, over: operand)
        } else {
            value = try primary()
        }
        value = try postfix(value)
        return takesFilters ? try filtersAndTests(value) : value
    }

    mutating func primary() throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        switch token.kind {
        case .name(let name):
            advance()
            switch name {
            case "true", "True": return try node(.bool(true), line: line)
            case "false", "False": return try node(.bool(false), line: line)
            case "none", "None": return try node(.none, line: line)
            default:
                names.insert(name)
                return try node(.name(name), line: line)
            }
        case .string(var text):
            advance()
            while case .string(let more) = token.kind {
                text.append(more)
                advance()
            }
            return try node(.string(text), line: line)
        case .integer(let value):
            advance()
            return try node(.integer(value), line: line)
        case .float(let value):
            advance()
            return try node(.float(value), line: line)
        case .symbol("("):
            advance()
            let value = try tuple(isInParentheses: true)
            try expect(")")
            return value
        case .symbol("["):
            advance()
            let items = try items(until: "]")
            return try node(.list(items), line: line, and: items)
        case .symbol("{"): return try dictionary()
        default: throw failure("unexpected \(token.description)")
        }
    }

    private mutating func items(
        until end: String
    ) throws(ChatTemplateError) -> [JinjaExpression] {
        var items: [JinjaExpression] = []
        while !isAt(end) {
            if !items.isEmpty { try expect(",") }
            if isAt(end) { break }
            items.append(try expression())
        }
        try expect(end)
        return items
    }

    private mutating func dictionary() throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        advance()
        var entries: [(key: JinjaExpression, value: JinjaExpression)] = []
        while !isAt("}") {
            if !entries.isEmpty { try expect(",") }
            if isAt("}") { break }
            let key = try expression()
            try expect(":")
            entries.append((key, try expression()))
        }
        try expect("}")
        return try node(
            .dictionary(entries), line: line, and: entries.flatMap { [$0.key, $0.value] })
    }

    /// One expression, or several with commas between: a tuple.
    mutating func tuple(
        isInParentheses: Bool = false, allowsCondition: Bool = true
    ) throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        var items: [JinjaExpression] = []
        var isTuple = false
        while true {
            if !items.isEmpty { try expect(",") }
            if isTupleEnd { break }
            items.append(try expression(allowsCondition: allowsCondition))
            guard isAt(",") else { break }
            isTuple = true
        }
        if !isTuple {
            if let only = items.first { return only }
            if !isInParentheses { throw unexpected(wanted: "an expression") }
        }
        return try node(.tuple(items), line: line, and: items)
    }

    private var isTupleEnd: Bool {
        switch token.kind {
        case .variableEnd, .blockEnd, .symbol(")"): true
        default: false
        }
    }
}
