extension JinjaInterpreter {
    static let sequenceFilters = [
        "attr", "batch", "count", "d", "default", "dictsort", "first", "groupby", "items", "last",
        "length", "list", "max", "min", "reverse", "slice", "sort", "sum", "unique",
    ]

    func sequenceFilter(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        switch name {
        case "d", "default":
            let bound = try arguments.bound(to: ["default_value", "boolean"], of: name)
            let isReplaced = value.isUndefined || ((bound[1]?.isTrue ?? false) && !value.isTrue)
            return isReplaced ? bound[0] ?? .string("") : value
        case "attr":
            let attribute = try arguments.bound(to: ["name"], required: 1, of: name)[0] ?? .none
            return try attr(text(of: attribute), of: value)
        case "dictsort": return try dictionarySorted(value, arguments)
        case "sort":
            let bound = try arguments.bound(
                to: ["reverse", "case_sensitive", "attribute"], of: name)
            let keyed = try keyed(value, bound[1], bound[2], allowsSeveral: true)
            return .list(try sorted(keyed, descending: bound[0]?.isTrue ?? false))
        case "unique": return try unique(value, arguments)
        case "min", "max": return try extreme(name, value, arguments)
        case "sum": return try sum(value, arguments)
        case "groupby": return try grouped(value, arguments)
        case "batch", "slice": return try cut(name, value, arguments)
        default: _ = try arguments.bound(to: [], of: name)
        }
        switch name {
        case "count", "length":
            guard let length = length(of: value) else {
                throw ChatTemplateError(.type, "object of type '\(value.typeName)' has no len()")
            }
            return .integer(length)
        case "first":
            if case .iterator(let iterator) = value {
                return iterator.next() ?? .undefined(hint: "No first item, sequence was empty.")
            }
            return try items(of: value).first
                ?? .undefined(hint: "No first item, sequence was empty.")
        case "last":
            if case .iterator = value {
                throw ChatTemplateError(.type, "'generator' object is not reversible")
            }
            return try items(of: value).last
                ?? .undefined(hint: "No last item, sequence was empty.")
        case "items":
            if value.isUndefined { return .iterator(JinjaIterator([])) }
            guard case .dictionary(let dictionary) = value else {
                throw ChatTemplateError(.type, "Can only get item pairs from a mapping.")
            }
            try charge(steps: dictionary.entries.count)
            return .iterator(JinjaIterator(dictionary.pairs))
        case "reverse":
            if case .string(let text) = value {
                try charge(text: text.count)
                return .string(text.reversed)
            }
            return .iterator(JinjaIterator(try items(of: value).reversed()))
        default: return .list(try items(of: value))
        }
    }

    private func attr(
        _ name: JinjaText, of value: JinjaValue
    ) throws(ChatTemplateError) -> JinjaValue {
        // `attr` looks for attributes alone, never for elements.
        if case .dictionary = value, !JinjaMethods.ofDictionaries.contains(name.string) {
            return .undefined(.attribute(name, type: JinjaUndefined.objectName(value)))
        }
        return try attribute(name, of: value)
    }

    // MARK: Members of items

    /// What `path`, an attribute argument like "function.name" or 0, names in `item`; the item
    /// itself where it is nil.
    func member(
        _ path: JinjaValue?, of item: JinjaValue, fallback: JinjaValue? = nil
    ) throws(ChatTemplateError) -> JinjaValue {
        guard let path, !path.isNone else { return item }
        guard case .string(let text) = path else { return try element(path, of: item) }
        var value = item
        for part in text.split(at: JinjaText("."), limit: nil) {
            try charge(steps: 1)
            let isNumber = part.isAll(\.isASCIIDigit)
            let key: JinjaValue =
                isNumber ? .integer(Int(part.string) ?? .max) : .string(part)
            value = try element(key, of: value)
            if let fallback, value.isUndefined { value = fallback }
        }
        return value
    }

    /// Items with what they are ordered by.
    private func keyed(
        _ value: JinjaValue, _ isCaseSensitive: JinjaValue?, _ attribute: JinjaValue?,
        allowsSeveral: Bool = false
    ) throws(ChatTemplateError) -> [(key: JinjaValue, value: JinjaValue)] {
        var paths: [JinjaValue?] = [attribute]
        if allowsSeveral, case .string(let text)? = attribute {
            paths = text.split(at: JinjaText(","), limit: nil).map { .string($0) }
        }
        var keyed: [(key: JinjaValue, value: JinjaValue)] = []
        for item in try items(of: value) {
            var keys: [JinjaValue] = []
            for path in paths {
                let key = try member(path, of: item)
                keys.append(
                    isCaseSensitive?.isTrue ?? false ? key : try withoutCase(key))
            }
            keyed.append((keys.count == 1 ? keys[0] : .tuple(keys), item))
        }
        return keyed
    }

    private func withoutCase(_ value: JinjaValue) throws(ChatTemplateError) -> JinjaValue {
        guard case .string(let text) = value else { return value }
        try charge(text: text.count)
        return .string(text.lowercased)
    }

    private func dictionarySorted(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(
            to: ["case_sensitive", "by", "reverse"], of: "dictsort")
        let by = try string(bound[1], "by") ?? JinjaText("key")
        guard by == "key" || by == "value" else {
            throw ChatTemplateError(.type, "You can only sort by either \"key\" or \"value\"")
        }
        if case .undefined(let undefined) = value { throw undefined.error }
        guard case .dictionary(let dictionary) = value else {
            throw ChatTemplateError(
                .type, "dictsort takes a dictionary, not '\(value.typeName)'")
        }
        let path = JinjaValue.integer(by == "key" ? 0 : 1)
        let keyed = try keyed(.list(dictionary.pairs), bound[0], path)
        return .list(try sorted(keyed, descending: bound[2]?.isTrue ?? false))
    }

    private func unique(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["case_sensitive", "attribute"], of: "unique")
        var seen: Set<JinjaKey> = []
        var kept: [JinjaValue] = []
        for (key, item) in try keyed(value, bound[0], bound[1])
        where seen.insert(try self.key(key)).inserted { kept.append(item) }
        return .iterator(JinjaIterator(kept))
    }

    private func extreme(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["case_sensitive", "attribute"], of: name)
        var best: (key: JinjaValue, value: JinjaValue)?
        for candidate in try keyed(value, bound[0], bound[1]) {
            guard let current = best else {
                best = candidate
                continue
            }
            let isBetter =
                name == "min"
                ? try isLess(candidate.key, current.key) : try isLess(current.key, candidate.key)
            if isBetter { best = candidate }
        }
        return best?.value ?? .undefined(hint: "No aggregated item, sequence was empty.")
    }

    private func sum(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["attribute", "start"], of: "sum")
        var total = bound[1] ?? .integer(0)
        for item in try items(of: value) {
            total = try operate("+", total, member(bound[0], of: item))
        }
        return total
    }

    private func grouped(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(
            to: ["attribute", "default", "case_sensitive"], required: 1, of: "groupby")
        var keyed: [(key: JinjaValue, value: JinjaValue)] = []
        for item in try items(of: value) {
            let key = try member(bound[0], of: item, fallback: bound[1])
            keyed.append((bound[2]?.isTrue ?? false ? key : try withoutCase(key), item))
        }
        var groups: [(key: JinjaValue, first: JinjaValue, items: [JinjaValue])] = []
        let pairs = keyed.map { (key: $0.key, value: JinjaValue.tuple([$0.key, $0.value])) }
        for pair in try sorted(pairs, descending: false) {
            guard case .tuple(let parts) = pair else { continue }
            if let last = groups.last, try equals(last.key, parts.items[0]) {
                groups[groups.count - 1].items.append(parts.items[1])
            } else {
                let name = try member(bound[0], of: parts.items[1], fallback: bound[1])
                groups.append((parts.items[0], name, [parts.items[1]]))
            }
        }
        return .list(groups.map { .tuple([$0.first, .list($0.items)]) })
    }

    private func cut(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["count", "fill_with"], required: 1, of: name)
        guard let count = try integer(bound[0], "count"), count > 0 else {
            throw ChatTemplateError(.type, "\(name) takes a number above 0")
        }
        let items = try items(of: value)
        var parts: [JinjaValue] = []
        if name == "batch" {
            for start in stride(from: 0, to: items.count, by: count) {
                let end = count > items.count - start ? items.count : start + count
                var part = Array(items[start..<end])
                if let fill = bound[1], !fill.isNone, part.count < count {
                    try charge(steps: count - part.count)
                    part += Array(repeating: fill, count: count - part.count)
                }
                parts.append(.list(part))
            }
            return .iterator(JinjaIterator(parts))
        }
        try charge(steps: count)
        let (size, longer) = items.count.quotientAndRemainder(dividingBy: count)
        var start = 0
        for index in 0..<count {
            let end = start + size + (index < longer ? 1 : 0)
            var part = Array(items[start..<end])
            if let fill = bound[1], !fill.isNone, index >= longer { part.append(fill) }
            parts.append(.list(part))
            start = end
        }
        return .iterator(JinjaIterator(parts))
    }
}
