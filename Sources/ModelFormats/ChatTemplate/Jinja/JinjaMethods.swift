/// Methods of values, by their types.
enum JinjaMethods {
    static let ofStrings: Set<String> = [
        "capitalize", "center", "count", "endswith", "find", "format", "index",
        "isalnum", "isalpha", "isdecimal", "isdigit", "islower", "isnumeric", "isspace",
        "isupper", "join", "ljust", "lower", "lstrip", "partition", "removeprefix",
        "removesuffix", "replace", "rfind", "rjust", "rpartition", "rsplit", "rstrip", "split",
        "splitlines", "startswith", "strip", "swapcase", "title", "upper", "zfill",
    ]
    static let ofDictionaries: Set<String> = ["copy", "get", "items", "keys", "values"]
    static let ofLists: Set<String> = ["copy", "count", "index"]
    static let ofTuples: Set<String> = ["count", "index"]

    static func names(of value: JinjaValue) -> Set<String> {
        switch value {
        case .string: ofStrings
        case .dictionary: ofDictionaries
        case .list: ofLists
        case .tuple: ofTuples
        case .cycler(let cycler) where !cycler.isJoiner: ["next", "reset"]
        default: []
        }
    }

    /// What would change a list or dictionary; Jinja's immutable sandbox refuses it.
    static func mutating(_ value: JinjaValue) -> Set<String> {
        switch value {
        case .list:
            ["append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort"]
        case .dictionary: ["clear", "pop", "popitem", "setdefault", "update"]
        default: []
        }
    }
}

extension JinjaInterpreter {
    func callMethod(
        _ name: String, of receiver: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        switch receiver {
        case .string(let text): return try callMethod(name, of: text, arguments)
        case .dictionary(let dictionary): return try callMethod(name, of: dictionary, arguments)
        case .list(let list), .tuple(let list):
            if name == "copy" { return receiver }
            return try find(name, in: list, arguments)
        case .loop(let loop): return try callMethod(name, of: loop, arguments)
        case .cycler(let cycler):
            if name == "reset" {
                cycler.position = 0
                return .none
            }
            defer { cycler.position = (cycler.position + 1) % cycler.items.items.count }
            return cycler.items.items[cycler.position]
        default: throw ChatTemplateError(.type, "no method \(name)")
        }
    }

    private func callMethod(
        _ name: String, of dictionary: JinjaDictionary, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        try charge(steps: name == "get" ? 1 : dictionary.entries.count)
        switch name {
        case "get":
            // Python's takes no keywords here.
            guard arguments.keywords.isEmpty else {
                throw ChatTemplateError(.type, "dict.get() takes no keyword arguments")
            }
            let bound = try arguments.bound(to: ["key", "default"], required: 1, of: "get")
            return dictionary[try key(bound[0] ?? .none)] ?? bound[1] ?? .none
        case "items": return .view(JinjaList(dictionary.pairs), kind: "dict_items")
        case "keys": return .view(JinjaList(dictionary.keys), kind: "dict_keys")
        case "values":
            return .view(JinjaList(dictionary.entries.map(\.value)), kind: "dict_values")
        default: return .dictionary(dictionary)
        }
    }

    private func find(
        _ name: String, in list: JinjaList, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let wanted = try arguments.bound(to: ["value"], required: 1, of: name)[0] ?? .none
        var count = 0
        for (index, item) in list.items.enumerated() where try equals(item, wanted) {
            if name == "index" { return .integer(index) }
            count += 1
        }
        guard name == "count" else { throw ChatTemplateError(.type, "the value is not in list") }
        return .integer(count)
    }

    private func callMethod(
        _ name: String, of loop: JinjaLoop, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let values = arguments.positional
        if name == "cycle" {
            guard !values.isEmpty else {
                throw ChatTemplateError(.type, "no items for cycling given")
            }
            return values[loop.index0 % values.count]
        }
        let value = try checked(.tuple(values))
        if let last = loop.lastChanged, try equals(last, value) { return .bool(false) }
        remember(value, asChangedOf: loop)
        return .bool(true)
    }
}
