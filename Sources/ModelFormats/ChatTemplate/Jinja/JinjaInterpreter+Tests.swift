/// What stands behind `is`.
extension JinjaInterpreter {
    static let tests = [
        "!=", "<", "<=", "==", ">", ">=", "boolean", "callable", "defined", "divisibleby", "eq",
        "equalto", "escaped", "even", "false", "filter", "float", "ge", "greaterthan", "gt", "in",
        "integer", "iterable", "le", "lessthan", "lower", "lt", "mapping", "ne", "none", "number",
        "odd", "sameas", "sequence", "string", "test", "true", "undefined", "upper",
    ]

    func holds(
        _ name: String, of value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> Bool {
        if let symbol = Self.comparisons[name] {
            let other = try arguments.bound(to: ["other"], required: 1, of: name)[0] ?? .none
            return try compare(symbol, value, other)
        }
        switch name {
        case "divisibleby":
            let divisor = try arguments.bound(to: ["num"], required: 1, of: name)[0] ?? .none
            return try equals(operate("%", value, divisor), .integer(0))
        case "sameas":
            let other = try arguments.bound(to: ["other"], required: 1, of: name)[0] ?? .none
            guard value.typeName == other.typeName else { return false }
            return try equals(value, other)
        default: _ = try arguments.bound(to: [], of: name)
        }
        switch name {
        case "defined": return !value.isUndefined
        case "undefined": return value.isUndefined
        case "none": return value.isNone
        case "odd": return try equals(operate("%", value, .integer(2)), .integer(1))
        case "even": return try equals(operate("%", value, .integer(2)), .integer(0))
        case "lower": return try text(of: value).isAll(upper: false)
        case "upper": return try text(of: value).isAll(upper: true)
        case "filter": return Self.filters.contains(try text(of: value).string)
        case "test": return Self.tests.contains(try text(of: value).string)
        case "escaped":
            if case .string(let text) = value { return text.isMarkup }
            return false
        default:
            guard let isOfType = Self.isOfType(name, value) else {
                throw ChatTemplateError(
                    .unsupported,
                    "the test \(ModelFormats.quoted(name)); supported: "
                        + Self.tests.joined(separator: ", "))
            }
            return isOfType
        }
    }

    private static let comparisons = [
        "==": "==", "eq": "==", "equalto": "==", "!=": "!=", "ne": "!=", ">": ">", "gt": ">",
        "greaterthan": ">", ">=": ">=", "ge": ">=", "<": "<", "lt": "<", "lessthan": "<",
        "<=": "<=", "le": "<=", "in": "in",
    ]

    private static func isOfType(_ name: String, _ value: JinjaValue) -> Bool? {
        switch (name, value) {
        case ("boolean", .bool), ("true", .bool(true)), ("false", .bool(false)),
            ("integer", .integer), ("float", .float), ("string", .string),
            ("mapping", .dictionary), ("number", .integer), ("number", .float), ("number", .bool),
            ("callable", .callable):
            true
        case ("callable", .cycler(let cycler)): cycler.isJoiner
        case ("callable", .loop), ("callable", .undefined): true
        case ("sequence", .list), ("sequence", .tuple), ("sequence", .string),
            ("sequence", .dictionary), ("sequence", .range), ("sequence", .undefined):
            true
        case ("iterable", .list), ("iterable", .tuple), ("iterable", .string),
            ("iterable", .dictionary), ("iterable", .range), ("iterable", .undefined),
            ("iterable", .view), ("iterable", .iterator), ("iterable", .loop):
            true
        case ("boolean", _), ("true", _), ("false", _), ("integer", _), ("float", _),
            ("string", _), ("mapping", _), ("number", _), ("callable", _), ("sequence", _),
            ("iterable", _):
            false
        default: nil
        }
    }
}
