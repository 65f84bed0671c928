/// What stands behind `|`.
extension JinjaInterpreter {
    static let filters = textFilters + numberFilters + sequenceFilters + selections

    func apply(
        _ name: String, to value: JinjaValue, _ arguments: JinjaArguments, in scope: JinjaScope
    ) throws(ChatTemplateError) -> JinjaValue {
        try charge(steps: 1)
        if Self.textFilters.contains(name) { return try textFilter(name, value, arguments) }
        if Self.numberFilters.contains(name) { return try numberFilter(name, value, arguments) }
        if Self.sequenceFilters.contains(name) {
            return try sequenceFilter(name, value, arguments)
        }
        if Self.selections.contains(name) { return try selection(name, value, arguments, scope) }
        throw ChatTemplateError(
            .unsupported,
            "the filter \(ModelFormats.quoted(name)); supported: "
                + Self.filters.sorted().joined(separator: ", "))
    }

    // MARK: Text

    static let textFilters = [
        "capitalize", "center", "e", "escape", "forceescape", "format", "indent", "join", "lower",
        "replace", "safe", "string", "title", "tojson", "trim", "truncate", "upper", "wordcount",
    ]

    private func textFilter(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        switch name {
        case "tojson": return .string(try json(of: value, arguments))
        case "join":
            let bound = try arguments.bound(to: ["d", "attribute"], of: name)
            var parts: [JinjaText] = []
            for item in try items(of: value) {
                parts.append(try text(of: member(bound[1], of: item)))
            }
            return .string(try joined(parts, by: bound[0].map(text(of:)) ?? JinjaText()))
        case "indent": return .string(try indented(value, arguments))
        case "truncate": return .string(try truncated(value, arguments))
        default: break
        }
        let text = try self.text(of: value)
        try charge(text: text.count)
        switch name {
        case "trim":
            let characters = try string(arguments.bound(to: ["chars"], of: name)[0], "chars")
            return .string(text.stripped(characters))
        case "replace":
            let bound = try arguments.bound(to: ["old", "new", "count"], required: 2, of: name)
            return .string(
                try replaced(
                    text, self.text(of: bound[0] ?? .none), by: self.text(of: bound[1] ?? .none),
                    limit: integer(bound[2], "count")))
        case "format":
            let keywords = arguments.keywords
            guard arguments.positional.isEmpty || keywords.isEmpty else {
                throw ChatTemplateError(
                    .type,
                    "can't handle positional and keyword arguments at the same time")
            }
            var dictionary = JinjaDictionary()
            for (name, value) in keywords { dictionary.set(name, value) }
            return .string(
                try percentFormat(
                    text,
                    keywords.isEmpty ? .tuple(arguments.positional) : .dictionary(dictionary)))
        case "center":
            let width = try arguments.bound(to: ["width"], of: name)[0] ?? .integer(80)
            return try callMethod("center", of: text, JinjaArguments(positional: [width]))
        default: _ = try arguments.bound(to: [], of: name)
        }
        switch name {
        case "upper": return .string(text.uppercased)
        case "lower": return .string(text.lowercased)
        case "capitalize": return .string(text.capitalized)
        case "title": return .string(text.titlecasedByJinja)
        case "e", "escape", "forceescape":
            if text.isMarkup, name != "forceescape" { return .string(text) }
            try charge(text: text.count, times: 5)
            return .string(text.escaped)
        case "safe":
            var safe = text
            safe.isMarkup = true
            return .string(safe)
        case "wordcount":
            var count = 0
            for index in text.scalars.indices where text.scalars[index].isPythonWord {
                if index == 0 || !text.scalars[index - 1].isPythonWord { count += 1 }
            }
            return .integer(count)
        default: return .string(text)
        }
    }

    private func indented(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaText {
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let text = try string(value, "what is indented") else {
            throw ChatTemplateError(.type, "indent takes a string")
        }
        let bound = try arguments.bound(to: ["width", "first", "blank"], of: "indent")
        let indentation: JinjaText
        if case .string(let given)? = bound[0] {
            indentation = given
        } else {
            let width = max(0, try integer(bound[0], "width") ?? 4)
            try charge(text: width)
            indentation = JinjaText(scalars: Array(repeating: " ", count: width))
        }
        let indentsBlank = bound[2]?.isTrue ?? false
        try charge(steps: text.scalars.count(where: \.isPythonLineEnd))
        let lines = (text + JinjaText("\n")).lines()
        try charge(text: indentation.count + 1, times: lines.count)
        try charge(text: text.count)
        var result = JinjaText()
        for (index, line) in lines.enumerated() {
            if index > 0 { result.append("\n") }
            let isIndented =
                index == 0 ? bound[1]?.isTrue ?? false : indentsBlank || !line.isEmpty
            if isIndented { result.append(indentation) }
            result.append(line)
        }
        return result
    }

    private func truncated(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaText {
        let text = try self.text(of: value)
        let bound = try arguments.bound(
            to: ["length", "killwords", "end", "leeway"], of: "truncate")
        let length = try integer(bound[0], "length") ?? 255
        let end = try string(bound[2], "end") ?? JinjaText("...")
        let leeway = try integer(bound[3], "leeway") ?? 5
        guard length >= end.count, leeway >= 0 else {
            throw ChatTemplateError(.type, "truncate takes a length of at least \(end.count)")
        }
        guard text.count > length.addingReportingOverflow(leeway).partialValue else { return text }
        let part = text[0..<length - end.count]
        if bound[1]?.isTrue ?? false { return part + end }
        return part.split(at: JinjaText(" "), limit: 1, fromRight: true)[0] + end
    }
}
