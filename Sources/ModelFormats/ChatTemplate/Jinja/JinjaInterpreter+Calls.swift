extension JinjaInterpreter {
    func call(
        _ function: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        try charge(steps: 1 + arguments.positional.count)
        switch function {
        case .callable(.function(let name)): return try callGlobal(name, arguments)
        case .callable(.method(let receiver, let name)):
            return try callMethod(name, of: receiver, arguments)
        case .callable(.macro(let macro)): return .string(try run(macro, arguments))
        case .cycler(let cycler) where cycler.isJoiner:
            defer { cycler.position = 1 }
            return cycler.position == 0 ? .string("") : cycler.items.items[0]
        case .loop:
            throw ChatTemplateError(
                .unsupported, "a recursive for; supported: for without recursive")
        case .undefined(let undefined): throw undefined.error
        default: throw ChatTemplateError(.type, "'\(function.typeName)' object is not callable")
        }
    }

    /// What a macro writes.
    private func run(
        _ macro: JinjaMacro, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaText {
        let definition = macro.definition
        let scope = JinjaScope(parent: macro.scope)
        var rest = arguments.keywords
        try takeCaller(from: &rest, definition, scope)
        for (index, parameter) in definition.parameters.enumerated() {
            if index < arguments.positional.count {
                scope.values[parameter.name] = arguments.positional[index]
            } else if let keyword = rest.firstIndex(where: { $0.name == parameter.name }) {
                scope.values[parameter.name] = rest.remove(at: keyword).value
            } else if let fallback = parameter.fallback {
                scope.values[parameter.name] = try evaluate(fallback, in: scope)
            } else {
                scope.values[parameter.name] = .undefined(
                    hint: "parameter '\(parameter.name)' was not provided")
            }
        }
        let surplus = Array(arguments.positional.dropFirst(definition.parameters.count))
        if definition.names.contains("varargs") {
            scope.values["varargs"] = try checked(.tuple(surplus))
        } else if !surplus.isEmpty {
            throw ChatTemplateError(
                .type,
                "macro '\(definition.name)' takes not more than \(definition.parameters.count) "
                    + "argument(s)")
        }
        if definition.names.contains("kwargs") {
            var dictionary = JinjaDictionary()
            for (name, value) in rest { dictionary.set(name, value) }
            scope.values["kwargs"] = try checked(.dictionary(dictionary))
        } else if let first = rest.first {
            throw ChatTemplateError(
                .type,
                "macro '\(definition.name)' takes no keyword argument "
                    + JinjaUndefined.quoted(first.name.string))
        }
        return try capture { () throws(ChatTemplateError) in
            _ = try deeper { () throws(ChatTemplateError) in
                try run(definition.body, in: scope)
            }
        }
    }

    private func takeCaller(
        from keywords: inout [(name: JinjaText, value: JinjaValue)],
        _ definition: JinjaMacroDefinition, _ scope: JinjaScope
    ) throws(ChatTemplateError) {
        let isParameter = definition.parameters.contains { $0.name == "caller" }
        guard !isParameter else { return }
        let place = keywords.firstIndex { $0.name == "caller" }
        if definition.names.contains("caller") {
            scope.values["caller"] =
                place.map { keywords[$0].value } ?? .undefined(hint: "No caller defined")
            if let place { keywords.remove(at: place) }
        } else if place != nil, !definition.names.contains("kwargs") {
            throw ChatTemplateError(
                .type,
                "macro '\(definition.name)' was invoked with two values for the special caller "
                    + "argument or does not use it")
        }
    }

    // MARK: Global functions

    static let globals = [
        "cycler", "dict", "joiner", "namespace", "raise_exception", "range", "strftime_now",
    ]

    private func callGlobal(
        _ name: String, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        switch name {
        case "raise_exception":
            let message = try arguments.bound(to: ["message"], required: 1, of: name)[0] ?? .none
            throw ChatTemplateError(.raised, String(try text(of: message).string.prefix(2_000)))
        case "strftime_now":
            let format = try arguments.bound(to: ["format"], required: 1, of: name)[0]
            let text = try string(format, "the format") ?? JinjaText()
            try charge(text: text.count, times: 12)
            return .string(try now.formatted(text.string))
        case "range": return try range(arguments)
        case "namespace":
            let namespace = try makeNamespace()
            for (key, value) in try pairs(arguments, of: name).entries {
                try set(text(of: key), of: namespace, value)
            }
            return .namespace(namespace)
        case "dict": return .dictionary(try pairs(arguments, of: name))
        case "cycler":
            guard !arguments.positional.isEmpty else {
                throw ChatTemplateError(.type, "at least one item has to be provided")
            }
            return .cycler(JinjaCycler(JinjaList(arguments.positional), isJoiner: false))
        case "joiner":
            let separator = try arguments.bound(to: ["sep"], of: name)[0] ?? .string(", ")
            return .cycler(JinjaCycler(JinjaList([separator]), isJoiner: true))
        default: throw ChatTemplateError(.unsupported, "the function \(name)")
        }
    }

    private func range(_ arguments: JinjaArguments) throws(ChatTemplateError) -> JinjaValue {
        let bounds = try arguments.bound(to: ["start", "stop", "step"], required: 1, of: "range")
        var numbers: [Int] = []
        for bound in bounds {
            guard let bound else { break }
            guard let number = try integer(bound, "a bound of range") else {
                throw ChatTemplateError(.type, "a bound of range is none")
            }
            guard abs(number.multipliedReportingOverflow(by: 4).overflow ? .max : number) < .max
            else { throw ChatTemplateError(.limit, "a bound of range is too large") }
            numbers.append(number)
        }
        let (start, stop) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
        let step = numbers.count == 3 ? numbers[2] : 1
        guard step != 0 else { throw ChatTemplateError(.type, "range() arg 3 must not be zero") }
        let distance = step > 0 ? stop - start : start - stop
        let count = distance <= 0 ? 0 : (distance - 1) / abs(step) + 1
        guard count <= limits.rangeLength else {
            throw ChatTemplateError(
                .limit, "a range of \(count), allowed are \(limits.rangeLength)")
        }
        return .range(JinjaRange(start: start, count: count, step: step))
    }

    /// What `dict(…)` makes of its arguments.
    private func pairs(
        _ arguments: JinjaArguments, of function: String
    ) throws(ChatTemplateError) -> JinjaDictionary {
        guard arguments.positional.count <= 1 else {
            throw ChatTemplateError(.type, "\(function) takes at most 1 argument")
        }
        var dictionary = JinjaDictionary()
        if let base = arguments.positional.first {
            if case .dictionary(let other) = base {
                dictionary = other
            } else {
                for pair in try items(of: base) {
                    let parts = try items(of: pair)
                    guard parts.count == 2 else {
                        throw ChatTemplateError(.type, "\(function) takes pairs")
                    }
                    dictionary.set(try key(parts[0]), parts[0], parts[1])
                }
            }
        }
        for (name, value) in arguments.keywords { dictionary.set(name, value) }
        return dictionary
    }
}
