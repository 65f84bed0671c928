extension JinjaParser {
    /// What the engine does, for errors.
    static let supportedStatements =
        "break, call, continue, filter, for, generation, if, macro, print, raw, set, with"

    /// Statements up to one of the tags `ends`, whose name is the next token; up to the end of the
    /// template where `ends` is empty.
    ///
    /// - Parameter opening: the tag that the ends belong to, for errors.
    mutating func statements(
        until ends: [String], of opening: String?
    ) throws(ChatTemplateError) -> [JinjaStatement] {
        let start = token.line
        return try nested { (parser) throws(ChatTemplateError) in
            var body: [JinjaStatement] = []
            while true {
                let line = parser.token.line
                switch parser.token.kind {
                case .data(let text):
                    parser.advance()
                    body.append(JinjaStatement(kind: .text(text), line: line))
                case .variableBegin:
                    parser.advance()
                    let value = try parser.tuple()
                    try parser.expect(.variableEnd, "\"}}\"")
                    body.append(JinjaStatement(kind: .output(value), line: line))
                case .blockBegin:
                    parser.advance()
                    if case .name(let name) = parser.token.kind, ends.contains(name) {
                        return body
                    }
                    body.append(JinjaStatement(kind: try parser.statement(opening), line: line))
                    try parser.expect(.blockEnd, "\"%}\"")
                default:
                    guard ends.isEmpty else {
                        throw ChatTemplateError(
                            .syntax, "no end of {% \(opening ?? "") %}", line: start)
                    }
                    return body
                }
            }
        }
    }

    /// Behind a tag's end: statements, and the closing tag's name.
    private mutating func body(
        of opening: String, until ends: [String]
    ) throws(ChatTemplateError) -> [JinjaStatement] {
        try expect(.blockEnd, "\"%}\"")
        return try statements(until: ends, of: opening)
    }

    private mutating func statement(
        _ opening: String?
    ) throws(ChatTemplateError) -> JinjaStatement.Kind {
        let name = try expectName()
        switch name {
        case "if": return try condition()
        case "for": return try loop()
        case "set": return try assignment()
        case "macro": return try macro()
        case "call": return try call()
        case "filter":
            let filters = [try filter()] + (try filters())
            return .filter(filters, try closed("filter"))
        case "with": return try with()
        case "generation": return .scope([], try closed("generation"))
        case "print":
            let line = token.line
            var values = [try expression()]
            while skip(",") { values.append(try expression()) }
            return .output(try node(.concatenation(values), line: line, and: values))
        case "break", "continue":
            guard loopDepth > 0 else { throw failure("\(name) outside of a loop") }
            return name == "break" ? .leave : .proceed
        case _ where name.hasPrefix("end") || name.hasPrefix("el"):
            let inside = opening.map { "{% \($0) %} is open" } ?? "nothing is open"
            throw failure("{% \(ModelFormats.quoted(name)) %} where \(inside)")
        default:
            throw ChatTemplateError(
                .unsupported,
                "the statement \(ModelFormats.quoted(name)); supported: "
                    + Self.supportedStatements, line: token.line)
        }
    }

    /// The body of a statement with one end, which is read too.
    private mutating func closed(
        _ name: String
    ) throws(ChatTemplateError) -> [JinjaStatement] {
        let statements = try body(of: name, until: ["end" + name])
        advance()
        return statements
    }

    private mutating func condition() throws(ChatTemplateError) -> JinjaStatement.Kind {
        var branches: [(test: JinjaExpression, body: [JinjaStatement])] = []
        while true {
            let test = try tuple(allowsCondition: false)
            branches.append((test, try body(of: "if", until: ["elif", "else", "endif"])))
            if skip(name: "elif") { continue }
            if skip(name: "endif") { return .condition(branches, otherwise: []) }
            advance()
            return .condition(branches, otherwise: try closed("if"))
        }
    }

    private mutating func loop() throws(ChatTemplateError) -> JinjaStatement.Kind {
        let target = try target(allowsAttributes: false)
        guard skip(name: "in") else { throw unexpected(wanted: "\"in\"") }
        let iterable = try tuple(allowsCondition: false)
        let test = skip(name: "if") ? try expression() : nil
        if isAt(name: "recursive") {
            throw ChatTemplateError(
                .unsupported, "a recursive for; supported: for without recursive", line: token.line)
        }
        loopDepth += 1
        let body = try body(of: "for", until: ["else", "endfor"])
        loopDepth -= 1
        var otherwise: [JinjaStatement] = []
        if skip(name: "else") { otherwise = try closed("for") } else { advance() }
        return .loop(
            JinjaForLoop(
                target: target, iterable: iterable, test: test, body: body, otherwise: otherwise))
    }

    private mutating func assignment() throws(ChatTemplateError) -> JinjaStatement.Kind {
        let target = try target(allowsAttributes: true)
        if skip("=") { return .assignment(target, try tuple()) }
        let filters = try filters()
        return .capture(target, filters: filters, try closed("set"))
    }

    private mutating func with() throws(ChatTemplateError) -> JinjaStatement.Kind {
        var assignments: [(target: JinjaTarget, value: JinjaExpression)] = []
        while token.kind != .blockEnd {
            if !assignments.isEmpty { try expect(",") }
            let target = try target(allowsAttributes: false)
            try expect("=")
            assignments.append((target, try expression()))
        }
        return .scope(assignments, try closed("with"))
    }

    // MARK: Macros

    private mutating func macro() throws(ChatTemplateError) -> JinjaStatement.Kind {
        let name = try expectName()
        return .macro(try definition(name, parameters: parameters(), tag: "macro"))
    }

    private mutating func call() throws(ChatTemplateError) -> JinjaStatement.Kind {
        let parameters = isAt("(") ? try parameters() : []
        let call = try expression()
        guard case .call = call.kind else { throw failure("expected a call") }
        return .call(call, caller: try definition("caller", parameters: parameters, tag: "call"))
    }

    private mutating func parameters() throws(ChatTemplateError) -> [(
        name: String, fallback: JinjaExpression?
    )] {
        var parameters: [(name: String, fallback: JinjaExpression?)] = []
        try expect("(")
        while !isAt(")") {
            if !parameters.isEmpty { try expect(",") }
            let name = try expectName()
            let fallback = skip("=") ? try expression() : nil
            if fallback == nil, parameters.last?.fallback != nil {
                throw failure("non-default argument follows default argument")
            }
            parameters.append((name, fallback))
        }
        try expect(")")
        return parameters
    }

    private mutating func definition(
        _ name: String, parameters: [(name: String, fallback: JinjaExpression?)], tag: String
    ) throws(ChatTemplateError) -> JinjaMacroDefinition {
        let outer = (names: names, loopDepth: loopDepth)
        (names, loopDepth) = ([], 0)
        let body = try closed(tag)
        let definition = JinjaMacroDefinition(
            name: name, parameters: parameters, body: body, names: names)
        (names, loopDepth) = (outer.names.union(names), outer.loopDepth)
        return definition
    }

    // MARK: Targets

    private mutating func target(
        allowsAttributes: Bool
    ) throws(ChatTemplateError) -> JinjaTarget {
        var targets: [JinjaTarget] = []
        while true {
            if !targets.isEmpty, isAt(name: "in") || isAt("=") || token.kind == .blockEnd {
                return .tuple(targets)
            }
            targets.append(try singleTarget(allowsAttributes))
            guard skip(",") else { break }
            if targets.count == 1, isAt(name: "in") || isAt("=") { return .tuple(targets) }
        }
        return targets.count == 1 ? targets[0] : .tuple(targets)
    }

    private mutating func singleTarget(
        _ allowsAttributes: Bool
    ) throws(ChatTemplateError) -> JinjaTarget {
        if skip("(") {
            let inner = try nested { (parser) throws(ChatTemplateError) in
                try parser.target(allowsAttributes: allowsAttributes)
            }
            try expect(")")
            return inner
        }
        let name = try expectName()
        guard !["true", "false", "none", "True", "False", "None"].contains(name) else {
            throw failure("can't assign to 'const'")
        }
        if allowsAttributes, skip(".") {
            names.insert(name)
            return .attribute(namespace: name, try expectName())
        }
        return .name(name)
    }
}
