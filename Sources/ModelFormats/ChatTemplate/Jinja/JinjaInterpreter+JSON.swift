/// `tojson`, as transformers sets it: Python's `json.dumps`, HTML's characters left alone.
extension JinjaInterpreter {
    private struct JSONStyle {
        var isASCII = false
        /// Nil: all in one line.
        var indent: JinjaText?
        var itemSeparator = JinjaText(", ")
        var keySeparator = JinjaText(": ")
        var sortsKeys = false
    }

    func json(
        of value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaText {
        let bound = try arguments.bound(
            to: ["ensure_ascii", "indent", "separators", "sort_keys"], of: "tojson")
        var style = JSONStyle()
        style.isASCII = bound[0]?.isTrue ?? false
        style.sortsKeys = bound[3]?.isTrue ?? false
        if case .string(let text)? = bound[1] {
            style.indent = text
        } else if let width = try integer(bound[1], "indent") {
            try charge(text: max(0, width))
            style.indent = JinjaText(scalars: Array(repeating: " ", count: max(0, width)))
        }
        if let separators = bound[2], !separators.isNone {
            let parts = try items(of: separators)
            guard parts.count == 2, case .string(let item) = parts[0],
                case .string(let key) = parts[1]
            else { throw ChatTemplateError(.type, "separators are two strings") }
            (style.itemSeparator, style.keySeparator) = (item, key)
        } else if style.indent != nil {
            style.itemSeparator = JinjaText(",")
        }
        var text = JinjaText()
        try json(of: value, style, level: 0, into: &text)
        return text
    }

    private func json(
        of value: JinjaValue, _ style: JSONStyle, level: Int, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        try charge(steps: 1)
        switch value {
        case .none: text.append("null")
        case .bool(let value): text.append(value ? "true" : "false")
        case .integer(let value): text.append(String(value))
        case .float(let value): text.append(value.jsonDescription)
        case .string(let string): try quote(string, style, into: &text)
        case .list(let list), .tuple(let list):
            guard !list.items.isEmpty else { return text.append("[]") }
            text.append("[")
            for (index, item) in list.items.enumerated() {
                try separate(isFirst: index == 0, style, level: level + 1, into: &text)
                try json(of: item, style, level: level + 1, into: &text)
            }
            try breakLine(style, level: level, into: &text)
            text.append("]")
        case .dictionary(let dictionary):
            guard !dictionary.entries.isEmpty else { return text.append("{}") }
            text.append("{")
            for (index, pair) in try entries(dictionary, style).enumerated() {
                try separate(isFirst: index == 0, style, level: level + 1, into: &text)
                try quote(try name(of: pair.key), style, into: &text)
                text.append(style.keySeparator)
                try json(of: pair.value, style, level: level + 1, into: &text)
            }
            try breakLine(style, level: level, into: &text)
            text.append("}")
        default:
            throw ChatTemplateError(
                .type, "Object of type \(value.typeName) is not JSON serializable")
        }
    }

    private func entries(
        _ dictionary: JinjaDictionary, _ style: JSONStyle
    ) throws(ChatTemplateError) -> [(key: JinjaValue, value: JinjaValue)] {
        guard style.sortsKeys else { return dictionary.entries }
        var keyed: [(key: JinjaValue, value: JinjaValue)] = []
        for entry in dictionary.entries {
            keyed.append((entry.key, .tuple([entry.key, entry.value])))
        }
        return try sorted(keyed, descending: false).compactMap { pair in
            guard case .tuple(let parts) = pair else { return nil }
            return (parts.items[0], parts.items[1])
        }
    }

    private func name(of key: JinjaValue) throws(ChatTemplateError) -> JinjaText {
        switch key {
        case .string(let text): return text
        case .none: return JinjaText("null")
        case .bool(let value): return JinjaText(value ? "true" : "false")
        case .integer(let value): return JinjaText(String(value))
        case .float(let value): return JinjaText(value.jsonDescription)
        default:
            throw ChatTemplateError(
                .type, "keys must be str, int, float, bool or None, not \(key.typeName)")
        }
    }

    private func separate(
        isFirst: Bool, _ style: JSONStyle, level: Int, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        if !isFirst {
            try charge(text: style.itemSeparator.count)
            text.append(style.itemSeparator)
        }
        try breakLine(style, level: level, into: &text)
    }

    private func breakLine(
        _ style: JSONStyle, level: Int, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        guard let indent = style.indent else { return }
        try charge(text: indent.count, times: level)
        text.append("\n")
        for _ in 0..<level { text.append(indent) }
    }

    private func quote(
        _ string: JinjaText, _ style: JSONStyle, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        try charge(text: string.count)
        text.append("\"")
        text.append(
            string.mapped { index, out in
                let scalar = string.scalars[index]
                switch scalar {
                case "\"": out += ["\\", "\""]
                case "\\": out += ["\\", "\\"]
                case "\n": out += ["\\", "n"]
                case "\r": out += ["\\", "r"]
                case "\t": out += ["\\", "t"]
                case "\u{8}": out += ["\\", "b"]
                case "\u{c}": out += ["\\", "f"]
                case _ where scalar.value < 0x20 || (style.isASCII && scalar.value > 0x7e):
                    for unit in String(scalar).utf16 {
                        let digits = String(unit, radix: 16)
                        out += "\\u".unicodeScalars
                        out += String(repeating: "0", count: 4 - digits.count).unicodeScalars
                        out += digits.unicodeScalars
                    }
                default: out.append(scalar)
                }
            })
        text.append("\"")
    }
}

extension Double {
    fileprivate var jsonDescription: String {
        guard isFinite else { return isNaN ? "NaN" : self < 0 ? "-Infinity" : "Infinity" }
        return pythonDescription
    }
}
