extension JinjaInterpreter {
    /// How a run of statements ended.
    enum Outcome {
        case done
        case leave
        case proceed
    }

    func run(
        _ statements: [JinjaStatement], in scope: JinjaScope
    ) throws(ChatTemplateError) -> Outcome {
        for statement in statements {
            let outcome: Outcome
            do throws(ChatTemplateError) {
                try charge(steps: 1)
                outcome = try run(statement, in: scope)
            } catch {
                throw error.at(line: statement.line)
            }
            if outcome != .done { return outcome }
        }
        return .done
    }

    private func run(
        _ statement: JinjaStatement, in scope: JinjaScope
    ) throws(ChatTemplateError) -> Outcome {
        switch statement.kind {
        case .text(let text): try write(text)
        case .output(let expression): try write(text(of: evaluate(expression, in: scope)))
        case .condition(let branches, let otherwise):
            for branch in branches where try evaluate(branch.test, in: scope).isTrue {
                return try deeper { () throws(ChatTemplateError) in
                    try run(branch.body, in: scope)
                }
            }
            return try deeper { () throws(ChatTemplateError) in try run(otherwise, in: scope) }
        case .loop(let loop):
            return try deeper { () throws(ChatTemplateError) in try run(loop, in: scope) }
        case .assignment(let target, let expression):
            try assign(evaluate(expression, in: scope), to: target, in: scope)
        case .capture(let target, let filters, let body):
            let text = try capture(body, through: filters, in: scope)
            try assign(text, to: target, in: scope)
        case .macro(let definition):
            scope.values[definition.name] = .callable(.macro(makeMacro(definition, in: scope)))
        case .call(let call, let caller):
            let inner = JinjaScope(parent: scope)
            let value = JinjaValue.callable(.macro(makeMacro(caller, in: inner)))
            try write(text(of: evaluate(call, in: scope, caller: value)))
        case .filter(let filters, let body):
            try write(text(of: capture(body, through: filters, in: scope)))
        case .scope(let assignments, let body):
            let inner = JinjaScope(parent: scope)
            for assignment in assignments {
                try assign(evaluate(assignment.value, in: scope), to: assignment.target, in: inner)
            }
            return try deeper { () throws(ChatTemplateError) in try run(body, in: inner) }
        case .leave: return .leave
        case .proceed: return .proceed
        }
        return .done
    }

    private func capture(
        _ body: [JinjaStatement], through filters: [JinjaApplication], in scope: JinjaScope
    ) throws(ChatTemplateError) -> JinjaValue {
        let inner = JinjaScope(parent: scope)
        let text = try capture { () throws(ChatTemplateError) in
            _ = try deeper { () throws(ChatTemplateError) in try run(body, in: inner) }
        }
        var value = JinjaValue.string(text)
        for filter in filters {
            value = try apply(
                filter.name, to: value, arguments(filter.arguments, in: scope), in: scope)
        }
        return value
    }

    // MARK: Loops

    private func run(
        _ loop: JinjaForLoop, in scope: JinjaScope
    ) throws(ChatTemplateError) -> Outcome {
        var items = try items(of: evaluate(loop.iterable, in: scope))
        if let test = loop.test {
            var kept: [JinjaValue] = []
            for item in items {
                let inner = JinjaScope(parent: scope)
                try assign(item, to: loop.target, in: inner)
                if try evaluate(test, in: inner).isTrue { kept.append(item) }
            }
            items = kept
        }
        var hasFinished = false
        let state = JinjaLoop(JinjaList(items))
        for (index, item) in items.enumerated() {
            state.index0 = index
            let inner = JinjaScope(parent: scope)
            inner.values["loop"] = .loop(state)
            try assign(item, to: loop.target, in: inner)
            let outcome = try run(loop.body, in: inner)
            if outcome == .leave { break }
            if outcome == .done { hasFinished = true }
        }
        // Jinja's way: with no iteration that came to its end, the other branch runs as well.
        return hasFinished ? .done : try run(loop.otherwise, in: JinjaScope(parent: scope))
    }

    // MARK: Assignments

    func assign(
        _ value: JinjaValue, to target: JinjaTarget, in scope: JinjaScope
    ) throws(ChatTemplateError) {
        switch target {
        case .name(let name): scope.values[name] = value
        case .attribute(let name, let attribute):
            guard case .namespace(let namespace) = try self.value(of: name, in: scope) else {
                throw ChatTemplateError(
                    .type, "cannot assign attribute on non-namespace object")
            }
            try set(JinjaText(attribute), of: namespace, value)
        case .tuple(let targets):
            let items = try items(of: value)
            guard items.count == targets.count else {
                throw ChatTemplateError(
                    .type,
                    "\(items.count) values to unpack where \(targets.count) are expected")
            }
            for (target, item) in zip(targets, items) { try assign(item, to: target, in: scope) }
        }
    }

    func set(
        _ attribute: JinjaText, of namespace: JinjaNamespace, _ value: JinjaValue
    ) throws(ChatTemplateError) {
        guard attribute.scalars.first != "_" else {
            throw ChatTemplateError(
                .security,
                "Chat templates cannot store underscore-prefixed attributes on a namespace, but "
                    + "got \(JinjaUndefined.quoted(attribute.string)). Please rename the attribute."
            )
        }
        namespace.values.set(attribute, value)
    }
}
