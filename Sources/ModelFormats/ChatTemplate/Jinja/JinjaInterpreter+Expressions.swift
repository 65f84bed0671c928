extension JinjaInterpreter {
    /// - Parameter caller: what a `call` block hands to the call that `expression` is.
    func evaluate(
        _ expression: JinjaExpression, in scope: JinjaScope, caller: JinjaValue? = nil
    ) throws(ChatTemplateError) -> JinjaValue {
        try charge(steps: 1)
        return try deeper { () throws(ChatTemplateError) in
            do throws(ChatTemplateError) {
                switch expression.kind {
                case .none: return .none
                case .bool(let value): return .bool(value)
                case .integer(let value): return .integer(value)
                case .float(let value): return .float(value)
                case .string(let text): return .string(text)
                case .name(let name): return try value(of: name, in: scope)
                case .attribute(let object, let name):
                    return try checked(
                        attribute(JinjaText(name), of: evaluate(object, in: scope)))
                default: return try checked(combine(expression, in: scope, caller: caller))
                }
            } catch {
                throw error.at(line: expression.line)
            }
        }
    }

    private func combine(
        _ expression: JinjaExpression, in scope: JinjaScope, caller: JinjaValue?
    ) throws(ChatTemplateError) -> JinjaValue {
        switch expression.kind {
        case .list(let items): return .list(try evaluate(items, in: scope))
        case .tuple(let items): return .tuple(try evaluate(items, in: scope))
        case .dictionary(let entries): return try dictionary(entries, in: scope)
        case .arithmetic(let first, let rest):
            var value = try evaluate(first, in: scope)
            for (symbol, operand) in rest {
                value = try operate(symbol, value, evaluate(operand, in: scope))
            }
            return value
        case .comparison(let first, let rest):
            return .bool(try compare(first, rest, in: scope))
        case .concatenation(let operands):
            var text = JinjaText()
            for operand in operands {
                let piece = try self.text(of: evaluate(operand, in: scope))
                try charge(text: piece.count)
                text.append(piece)
            }
            return .string(text)
        case .and(let operands):
            return try decide(operands, in: scope) { !$0.isTrue }
        case .or(let operands):
            return try decide(operands, in: scope) { $0.isTrue }
        case .not(let operand): return .bool(try !evaluate(operand, in: scope).isTrue)
        case .sign(let negative, let operand):
            return try sign(evaluate(operand, in: scope), negative: negative)
        case .condition(let test, let value, let otherwise):
            if try evaluate(test, in: scope).isTrue { return try evaluate(value, in: scope) }
            guard let otherwise else {
                return .undefined(
                    hint: "the inline if-expression evaluated to false and no else section was "
                        + "defined.")
            }
            return try evaluate(otherwise, in: scope)
        case .element(let object, let key):
            let object = try evaluate(object, in: scope)
            if case .slice(let start, let stop, let step) = key.kind {
                func bound(_ part: JinjaExpression?) throws(ChatTemplateError) -> JinjaValue? {
                    guard let part else { return nil }
                    return try evaluate(part, in: scope)
                }
                return try slice(object, from: bound(start), to: bound(stop), by: bound(step))
            }
            return try element(evaluate(key, in: scope), of: object)
        case .call(let function, let parts):
            let function = try evaluate(function, in: scope)
            var arguments = try arguments(parts, in: scope)
            if let caller { arguments.keywords.append((JinjaText("caller"), caller)) }
            return try call(function, arguments)
        case .filter(let input, let filter):
            return try apply(
                filter.name, to: evaluate(input, in: scope),
                arguments(filter.arguments, in: scope), in: scope)
        case .test(let subject, let test):
            return .bool(
                try holds(
                    test.name, of: evaluate(subject, in: scope),
                    arguments(test.arguments, in: scope)))
        case .slice: throw ChatTemplateError(.syntax, "a slice among other subscripts")
        default: return .none
        }
    }

    private func evaluate(
        _ expressions: [JinjaExpression], in scope: JinjaScope
    ) throws(ChatTemplateError) -> [JinjaValue] {
        var values: [JinjaValue] = []
        for expression in expressions { values.append(try evaluate(expression, in: scope)) }
        return values
    }

    /// The first operand that `decides`, or the last.
    private func decide(
        _ operands: [JinjaExpression], in scope: JinjaScope, by decides: (JinjaValue) -> Bool
    ) throws(ChatTemplateError) -> JinjaValue {
        var value = JinjaValue.none
        for operand in operands {
            value = try evaluate(operand, in: scope)
            if decides(value) { break }
        }
        return value
    }

    private func dictionary(
        _ entries: [(key: JinjaExpression, value: JinjaExpression)], in scope: JinjaScope
    ) throws(ChatTemplateError) -> JinjaValue {
        var dictionary = JinjaDictionary()
        for entry in entries {
            let key = try evaluate(entry.key, in: scope)
            dictionary.set(try self.key(key), key, try evaluate(entry.value, in: scope))
        }
        return .dictionary(dictionary)
    }

    /// Charged by the length of texts, which are hashed.
    func key(_ value: JinjaValue) throws(ChatTemplateError) -> JinjaKey {
        if case .string(let text) = value { try charge(text: text.count / 16) }
        if case .tuple(let list) = value {
            for case .string(let text) in list.items { try charge(text: text.count / 16) }
        }
        guard let key = JinjaKey(value) else {
            throw ChatTemplateError(.type, "unhashable type: '\(value.typeName)'")
        }
        return key
    }

    private func compare(
        _ first: JinjaExpression, _ rest: [(symbol: String, operand: JinjaExpression)],
        in scope: JinjaScope
    ) throws(ChatTemplateError) -> Bool {
        var left = try evaluate(first, in: scope)
        for (symbol, operand) in rest {
            let right = try evaluate(operand, in: scope)
            guard try compare(symbol, left, right) else { return false }
            left = right
        }
        return true
    }

    /// The arguments of a call, in their order.
    func arguments(
        _ parts: JinjaCallArguments, in scope: JinjaScope
    ) throws(ChatTemplateError) -> JinjaArguments {
        var arguments = JinjaArguments()
        arguments.positional = try evaluate(parts.positional, in: scope)
        for (name, value) in parts.keywords {
            arguments.keywords.append((JinjaText(name), try evaluate(value, in: scope)))
        }
        if let rest = parts.positionalRest {
            arguments.positional += try items(of: evaluate(rest, in: scope))
        }
        if let rest = parts.keywordRest {
            guard case .dictionary(let dictionary) = try evaluate(rest, in: scope) else {
                throw ChatTemplateError(.type, "argument after ** must be a mapping")
            }
            for (key, value) in dictionary.entries {
                guard case .string(let name) = key else {
                    throw ChatTemplateError(.type, "keywords must be strings")
                }
                try charge(steps: 1)
                arguments.keywords.append((name, value))
            }
        }
        return arguments
    }
}
