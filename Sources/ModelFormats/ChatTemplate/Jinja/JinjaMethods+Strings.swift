extension JinjaInterpreter {
    func callMethod(
        _ name: String, of text: JinjaText, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        try charge(text: text.count)
        switch name {
        case "upper": return .string(text.uppercased)
        case "lower": return .string(text.lowercased)
        case "capitalize": return .string(text.capitalized)
        case "title": return .string(text.titlecased)
        case "swapcase": return .string(text.withCaseSwapped)
        case "strip", "lstrip", "rstrip":
            let bound = try arguments.bound(to: ["chars"], of: name)
            return .string(
                text.stripped(
                    try string(bound[0], "chars"), left: name != "rstrip", right: name != "lstrip"))
        case "split", "rsplit": return try split(text, name, arguments)
        case "splitlines":
            let keeps = try arguments.bound(to: ["keepends"], of: name)[0]?.isTrue ?? false
            return try list(text.lines(keepingEnds: keeps, limit: stepsLeft))
        case "partition", "rpartition": return try partition(text, name, arguments)
        case "startswith", "endswith": return .bool(try matches(text, name, arguments))
        case "removeprefix", "removesuffix":
            let bound = try arguments.bound(to: ["affix"], required: 1, of: name)
            let affix = try string(bound[0], "the affix") ?? JinjaText()
            if name == "removeprefix" {
                return .string(text.hasPrefix(affix) ? text[affix.count..<text.count] : text)
            }
            return .string(text.hasSuffix(affix) ? text[0..<text.count - affix.count] : text)
        case "replace":
            let bound = try arguments.bound(to: ["old", "new", "count"], required: 2, of: name)
            return .string(
                try replaced(
                    text, string(bound[0], "old") ?? JinjaText(),
                    by: string(bound[1], "new") ?? JinjaText(), limit: integer(bound[2], "count")))
        case "join":
            let bound = try arguments.bound(to: ["iterable"], required: 1, of: name)
            var parts: [JinjaText] = []
            for item in try items(of: bound[0] ?? .none) {
                guard let part = try string(item, "an item of join") else {
                    throw ChatTemplateError(.type, "an item of join is none")
                }
                parts.append(part)
            }
            return .string(try joined(parts, by: text))
        case "format": return .string(try braceFormat(text, arguments))
        case "find", "rfind", "index", "count": return try search(text, name, arguments)
        case "center", "ljust", "rjust", "zfill": return try padded(text, name, arguments)
        default: return .bool(text.isAll(Self.property(name)) || isCase(name, text))
        }
    }

    private func isCase(_ name: String, _ text: JinjaText) -> Bool {
        (name == "isupper" || name == "islower") && text.isAll(upper: name == "isupper")
    }

    private static func property(_ name: String) -> (Unicode.Scalar) -> Bool {
        switch name {
        case "isspace": { $0.isPythonSpace }
        case "isalpha": { $0.isPythonLetter }
        case "isdigit", "isdecimal", "isnumeric": { $0.properties.numericType == .decimal }
        case "isalnum": { $0.isPythonLetter || $0.properties.numericType != nil }
        default: { _ in false }
        }
    }

    func list(_ texts: [JinjaText]) throws(ChatTemplateError) -> JinjaValue {
        try charge(steps: texts.count)
        return .list(texts.map(JinjaValue.string))
    }

    private func split(
        _ text: JinjaText, _ name: String, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["sep", "maxsplit"], of: name)
        var limit = try integer(bound[1], "maxsplit")
        if let given = limit, given < 0 { limit = nil }
        let isFromRight = name == "rsplit"
        // More parts than steps are left for fail below, before they take up memory.
        limit = min(limit ?? .max, stepsLeft)
        guard let separator = try string(bound[0], "sep") else {
            return try list(text.fields(limit: limit, fromRight: isFromRight))
        }
        guard !separator.isEmpty else { throw ChatTemplateError(.type, "empty separator") }
        return try list(text.split(at: separator, limit: limit, fromRight: isFromRight))
    }

    private func partition(
        _ text: JinjaText, _ name: String, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["sep"], required: 1, of: name)
        let separator = try string(bound[0], "sep") ?? JinjaText()
        guard !separator.isEmpty else { throw ChatTemplateError(.type, "empty separator") }
        let isFirst = name == "partition"
        let place =
            isFirst
            ? text.occurrences(of: separator, limit: 1).first
            : text.lastOccurrence(of: separator)
        let empty = JinjaText()
        guard let place else {
            let parts = isFirst ? [text, empty, empty] : [empty, empty, text]
            return .tuple(parts.map { .string($0) })
        }
        let end = place + separator.count
        return .tuple(
            [text[0..<place], text[place..<end], text[end..<text.count]].map { .string($0) })
    }

    private func matches(
        _ text: JinjaText, _ name: String, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> Bool {
        let bound = try arguments.bound(to: ["affix", "start", "end"], required: 1, of: name)
        let part = try window(text, bound[1], bound[2])
        let affixes: [JinjaValue]
        if case .tuple(let list)? = bound[0] {
            affixes = list.items
        } else {
            affixes = [bound[0] ?? .none]
        }
        for affix in affixes {
            guard let affix = try string(affix, "the affix") else {
                throw ChatTemplateError(.type, "\(name) takes a string or a tuple of strings")
            }
            if name == "startswith" ? part.hasPrefix(affix) : part.hasSuffix(affix) { return true }
        }
        return false
    }

    private func window(
        _ text: JinjaText, _ start: JinjaValue?, _ end: JinjaValue?
    ) throws(ChatTemplateError) -> JinjaText {
        guard case .string(let part) = try slice(.string(text), from: start, to: end, by: nil)
        else { return text }
        return part
    }

    private func search(
        _ text: JinjaText, _ name: String, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["sub", "start", "end"], required: 1, of: name)
        guard let wanted = try string(bound[0], "sub") else {
            throw ChatTemplateError(.type, "\(name) takes a string")
        }
        let part = try window(text, bound[1], bound[2])
        var offset = try integer(bound[1], "start") ?? 0
        if offset < 0 { offset = max(0, offset &+ text.count) }
        if name == "count" {
            return .integer(
                wanted.isEmpty ? part.count + 1 : part.occurrences(of: wanted).count)
        }
        var place: Int?
        if wanted.isEmpty {
            place = name == "rfind" ? part.count : 0
        } else if name == "rfind" {
            place = part.lastOccurrence(of: wanted)
        } else {
            place = part.occurrences(of: wanted, limit: 1).first
        }
        if place == nil, name == "index" { throw ChatTemplateError(.type, "substring not found") }
        return .integer(place.map { $0 + offset } ?? -1)
    }

    private func padded(
        _ text: JinjaText, _ name: String, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["width", "fillchar"], required: 1, of: name)
        let width = try integer(bound[0], "width") ?? 0
        let fill = try string(bound[1], "fillchar") ?? JinjaText(name == "zfill" ? "0" : " ")
        guard fill.count == 1 else {
            throw ChatTemplateError(.type, "the fill character must be one character")
        }
        let missing = max(0, width.subtractingReportingOverflow(text.count).partialValue)
        guard width > text.count else { return .string(text) }
        try charge(text: missing)
        func pad(_ count: Int) -> JinjaText {
            JinjaText(scalars: Array(repeating: fill.scalars[0], count: count))
        }
        switch name {
        case "ljust": return .string(text + pad(missing))
        case "rjust": return .string(pad(missing) + text)
        case "zfill":
            let hasSign = text.scalars.first == "-" || text.scalars.first == "+"
            let sign = text[0..<(hasSign ? 1 : 0)]
            return .string(sign + pad(missing) + text[sign.count..<text.count])
        default:
            // As CPython rounds it.
            let left = missing / 2 + (missing & width & 1)
            return .string(pad(left) + text + pad(missing - left))
        }
    }

    // MARK: Also for filters

    /// `str.replace`.
    func replaced(
        _ text: JinjaText, _ old: JinjaText, by new: JinjaText, limit: Int?
    ) throws(ChatTemplateError) -> JinjaText {
        let limit = limit.map { $0 < 0 ? .max : $0 } ?? .max
        var places: [Int]
        if old.isEmpty {
            places = Array(0...text.count)
            if limit < places.count { places.removeLast(places.count - limit) }
        } else {
            places = text.occurrences(of: old, limit: limit)
        }
        guard !places.isEmpty else { return text }
        try charge(text: new.count, times: places.count)
        try charge(text: text.count)
        var result = JinjaText()
        var start = 0
        for place in places {
            result.append(text[start..<place])
            result.append(new)
            start = place + old.count
        }
        result.append(text[start..<text.count])
        return result
    }

    func joined(
        _ parts: [JinjaText], by separator: JinjaText
    ) throws(ChatTemplateError) -> JinjaText {
        try charge(text: separator.count, times: parts.count)
        var result = JinjaText()
        for (index, part) in parts.enumerated() {
            try charge(text: part.count)
            if index > 0 { result.append(separator) }
            result.append(part)
        }
        return result
    }
}

extension Unicode.Scalar {
    /// `str.isalpha` for one character.
    fileprivate var isPythonLetter: Bool {
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            true
        default: false
        }
    }
}
