/// What stands behind a value: subscripts, calls, filters and tests.
extension JinjaParser {
    mutating func postfix(_ start: JinjaExpression) throws(ChatTemplateError) -> JinjaExpression {
        var value = start
        while true {
            if isAt(".") {
                value = try attribute(of: value)
            } else if isAt("[") {
                value = try subscripted(value)
            } else if isAt("(") {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    mutating func filtersAndTests(
        _ start: JinjaExpression
    ) throws(ChatTemplateError) -> JinjaExpression {
        var value = start
        while true {
            let line = token.line
            if isAt("|") {
                for filter in try filters() {
                    value = try node(
                        .filter(value, filter), line: line, over: value,
                        arguments: filter.arguments)
                }
            } else if isAt(name: "is") {
                value = try test(value)
            } else if isAt("(") {
                value = try call(value)
            } else {
                return value
            }
        }
    }

    private mutating func attribute(
        of value: JinjaExpression
    ) throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        advance()
        if case .integer(let index) = token.kind {
            advance()
            let key = try node(.integer(index), line: line)
            return try node(.element(value, key), line: line, over: value, key)
        }
        return try node(.attribute(value, try expectName()), line: line, over: value)
    }

    private mutating func subscripted(
        _ value: JinjaExpression
    ) throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        advance()
        var keys: [JinjaExpression] = []
        while !isAt("]") {
            if !keys.isEmpty { try expect(",") }
            keys.append(try subscriptKey())
        }
        try expect("]")
        let key = keys.count == 1 ? keys[0] : try node(.tuple(keys), line: line, and: keys)
        return try node(.element(value, key), line: line, over: value, key)
    }

    private mutating func subscriptKey() throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        var parts: [JinjaExpression?] = []
        if !isAt(":") {
            let key = try expression()
            guard isAt(":") else { return key }
            parts.append(key)
        } else {
            parts.append(nil)
        }
        while parts.count < 3, skip(":") {
            parts.append(isAt(":") || isAt("]") || isAt(",") ? nil : try expression())
        }
        while parts.count < 3 { parts.append(nil) }
        return try node(
            .slice(parts[0], parts[1], parts[2]), line: line, and: parts.compactMap(\.self))
    }

    private mutating func call(
        _ function: JinjaExpression
    ) throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        let arguments = try callArguments()
        return try node(
            .call(function, arguments), line: line, over: function, arguments: arguments)
    }

    mutating func callArguments() throws(ChatTemplateError) -> JinjaCallArguments {
        var arguments = JinjaCallArguments()
        try expect("(")
        var isFirst = true
        while !isAt(")") {
            if !isFirst {
                try expect(",")
                if isAt(")") { break }
            }
            isFirst = false
            try argument(&arguments)
        }
        try expect(")")
        return arguments
    }

    private mutating func argument(
        _ arguments: inout JinjaCallArguments
    ) throws(ChatTemplateError) {
        let hasRest = arguments.positionalRest != nil || arguments.keywordRest != nil
        if isAt("*"), !hasRest {
            advance()
            arguments.positionalRest = try expression()
        } else if isAt("**"), arguments.keywordRest == nil {
            advance()
            arguments.keywordRest = try expression()
        } else if case .name(let name) = token.kind, next.kind == .symbol("="),
            arguments.keywordRest == nil
        {
            advance()
            advance()
            arguments.keywords.append((name, try expression()))
        } else if !hasRest, arguments.keywords.isEmpty {
            arguments.positional.append(try expression())
        } else {
            throw failure("invalid syntax for function call expression")
        }
    }

    /// Filters from a `|` on.
    mutating func filters() throws(ChatTemplateError) -> [JinjaApplication] {
        var filters: [JinjaApplication] = []
        while skip("|") { filters.append(try filter()) }
        return filters
    }

    mutating func filter() throws(ChatTemplateError) -> JinjaApplication {
        let line = token.line
        let name = try dottedName()
        let arguments = isAt("(") ? try callArguments() : JinjaCallArguments()
        return JinjaApplication(name: name, arguments: arguments, line: line)
    }

    private mutating func dottedName() throws(ChatTemplateError) -> String {
        var name = try expectName()
        while skip(".") { name += "." + (try expectName()) }
        return name
    }

    private mutating func test(
        _ value: JinjaExpression
    ) throws(ChatTemplateError) -> JinjaExpression {
        let line = token.line
        advance()
        let isNegated = skip(name: "not")
        let name = try dottedName()
        var arguments = JinjaCallArguments()
        if isAt("(") {
            arguments = try callArguments()
        } else if startsTestArgument {
            if isAt(name: "is") { throw failure("You cannot chain multiple tests with is") }
            arguments.positional = [try postfix(try primary())]
        }
        let application = JinjaApplication(name: name, arguments: arguments, line: line)
        let node = try node(
            .test(value, application), line: line, over: value, arguments: arguments)
        return isNegated ? try self.node(.not(node), line: line, over: node) : node
    }

    private var startsTestArgument: Bool {
        switch token.kind {
        case .name(let name): !["else", "or", "and"].contains(name)
        case .string, .integer, .float, .symbol("["), .symbol("{"): true
        default: false
        }
    }
}
