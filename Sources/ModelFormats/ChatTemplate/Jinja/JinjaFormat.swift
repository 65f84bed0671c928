/// How one value is laid out: what stands behind `%` and behind `:` in Python's formats.
struct JinjaLayout {
    var fill: Unicode.Scalar = " "
    /// One of `<`, `>`, `^` and `=`; nil for the type's own.
    var alignment: Unicode.Scalar?
    /// `+`, `-` or a space.
    var sign: Unicode.Scalar = "-"
    var isAlternate = false
    var width = 0
    var hasCommas = false
    var precision: Int?
    var type: Unicode.Scalar?
}

/// Python's `'%s' % x` and `'{}'.format(x)`, as far as templates use them.
extension JinjaInterpreter {
    func malformed(_ problem: String) -> ChatTemplateError {
        ChatTemplateError(.type, "a format string: \(problem)")
    }

    // MARK: %

    func percentFormat(
        _ format: JinjaText, _ value: JinjaValue
    ) throws(ChatTemplateError) -> JinjaText {
        var values: [JinjaValue] = [value]
        if case .tuple(let list) = value { values = list.items }
        var result = JinjaText()
        var (index, used) = (0, 0)
        while index < format.count {
            guard format.scalars[index] == "%" else {
                let end = format.scalars[index...].firstIndex(of: "%") ?? format.count
                try charge(text: end - index)
                result.append(format[index..<end])
                index = end
                continue
            }
            index += 1
            var named: JinjaValue?
            if index < format.count, format.scalars[index] == "(" {
                guard let end = format.scalars[index...].firstIndex(of: ")"),
                    case .dictionary(let dictionary) = value
                else { throw malformed("a name where no mapping is given") }
                let name = format[index + 1..<end]
                guard let found = dictionary[.string(name)] else {
                    throw malformed("no value \(JinjaUndefined.quoted(name.string))")
                }
                named = found
                index = end + 1
            }
            var layout = try percentLayout(format, &index, values, &used)
            guard index < format.count else { throw malformed("incomplete format") }
            let type = format.scalars[index]
            index += 1
            if type == "%" {
                result.append("%")
                continue
            }
            layout.type = type
            if named == nil { named = try next(values, &used) }
            result.append(try laidOut(named ?? .none, layout, isPercent: true))
        }
        if used < values.count, case .dictionary = value { return result }
        guard used == values.count else { throw malformed("not all arguments converted") }
        return result
    }

    private func next(
        _ values: [JinjaValue], _ used: inout Int
    ) throws(ChatTemplateError) -> JinjaValue {
        guard used < values.count else { throw malformed("not enough arguments") }
        used += 1
        return values[used - 1]
    }

    private func percentLayout(
        _ format: JinjaText, _ index: inout Int,
        _ values: [JinjaValue], _ used: inout Int
    ) throws(ChatTemplateError) -> JinjaLayout {
        var layout = JinjaLayout()
        layout.alignment = ">"
        flags: while index < format.count {
            switch format.scalars[index] {
            case "-": layout.alignment = "<"
            case "0":
                if layout.alignment != "<" { (layout.fill, layout.alignment) = ("0", "=") }
            case "+": layout.sign = "+"
            case " ": if layout.sign != "+" { layout.sign = " " }
            case "#": layout.isAlternate = true
            default: break flags
            }
            index += 1
        }
        if index < format.count, format.scalars[index] == "*" {
            layout.width = try integer(next(values, &used), "a width") ?? 0
            index += 1
        } else {
            layout.width = try number(format, &index) ?? 0
        }
        if index < format.count, format.scalars[index] == "." {
            index += 1
            layout.precision = try number(format, &index) ?? 0
        }
        return layout
    }

    private func number(
        _ format: JinjaText, _ index: inout Int
    ) throws(ChatTemplateError) -> Int? {
        var value: Int?
        while index < format.count, format.scalars[index].isASCIIDigit {
            value = (value ?? 0) * 10 + Int(format.scalars[index].value - 0x30)
            guard value ?? 0 <= 1 << 24 else { throw malformed("a width over \(1 << 24)") }
            index += 1
        }
        return value
    }

    // MARK: {}

    func braceFormat(
        _ format: JinjaText, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaText {
        var result = JinjaText()
        var (index, automatic) = (0, 0)
        let scalars = format.scalars
        while index < scalars.count {
            let scalar = scalars[index]
            guard scalar == "{" || scalar == "}" else {
                let end =
                    scalars[index...].firstIndex { $0 == "{" || $0 == "}" } ?? scalars.count
                result.append(format[index..<end])
                index = end
                continue
            }
            if index + 1 < scalars.count, scalars[index + 1] == scalar {
                result.append(scalar)
                index += 2
                continue
            }
            guard scalar == "{", let end = scalars[index...].firstIndex(of: "}") else {
                throw malformed("a single brace")
            }
            result.append(
                try field(format[index + 1..<end], arguments, automatic: &automatic))
            index = end + 1
        }
        return result
    }

    /// What stands for one pair of braces: `name.attribute[element]!r:layout`.
    private func field(
        _ field: JinjaText, _ arguments: JinjaArguments, automatic: inout Int
    ) throws(ChatTemplateError) -> JinjaText {
        let colon = field.scalars.firstIndex(of: ":") ?? field.count
        var name = field[0..<colon]
        var conversion: Unicode.Scalar?
        if name.count >= 2, name.scalars[name.count - 2] == "!" {
            conversion = name.scalars[name.count - 1]
            name = name[0..<name.count - 2]
        }
        let end = name.scalars.firstIndex { $0 == "." || $0 == "[" } ?? name.count
        var value: JinjaValue
        let first = name[0..<end]
        if first.isEmpty || first.isAll(\.isASCIIDigit) {
            let place = first.isEmpty ? automatic : Int(first.string) ?? .max
            if first.isEmpty { automatic += 1 }
            guard place < arguments.positional.count else {
                throw malformed("argument \(place) is not given")
            }
            value = arguments.positional[place]
        } else {
            guard let keyword = arguments.keywords.first(where: { $0.name == first }) else {
                throw malformed("no argument \(JinjaUndefined.quoted(first.string))")
            }
            value = keyword.value
        }
        value = try follow(name[end..<name.count], from: value)
        if conversion == "r" || conversion == "a" {
            var text = JinjaText()
            try describe(value, into: &text)
            value = .string(text)
        } else if conversion == "s" {
            value = .string(try text(of: value))
        } else if let conversion {
            throw malformed("the conversion \(ModelFormats.quoted(String(conversion)))")
        }
        let layout = try braceLayout(field[min(colon + 1, field.count)..<field.count])
        return try laidOut(value, layout, isPercent: false)
    }

    private func follow(
        _ path: JinjaText, from start: JinjaValue
    ) throws(ChatTemplateError) -> JinjaValue {
        var (value, index) = (start, 0)
        while index < path.count {
            if path.scalars[index] == "." {
                let end =
                    path.scalars[(index + 1)...].firstIndex { $0 == "." || $0 == "[" }
                    ?? path.count
                value = try attribute(path[index + 1..<end], of: value)
                index = end
            } else {
                guard path.scalars[index] == "[",
                    let end = path.scalars[index...].firstIndex(of: "]")
                else { throw malformed("a broken path") }
                let key = path[index + 1..<end]
                value = try element(
                    key.isAll(\.isASCIIDigit)
                        ? .integer(Int(key.string) ?? .max) : .string(key), of: value)
                index = end + 1
            }
        }
        return value
    }

    private func braceLayout(_ text: JinjaText) throws(ChatTemplateError) -> JinjaLayout {
        var layout = JinjaLayout()
        var index = 0
        let scalars = text.scalars
        func isAlignment(_ place: Int) -> Bool {
            place < scalars.count && ["<", ">", "^", "="].contains(scalars[place])
        }
        if isAlignment(1) {
            (layout.fill, layout.alignment, index) = (scalars[0], scalars[1], 2)
        } else if isAlignment(0) {
            (layout.alignment, index) = (scalars[0], 1)
        }
        if index < scalars.count, ["+", "-", " "].contains(scalars[index]) {
            layout.sign = scalars[index]
            index += 1
        }
        if index < scalars.count, scalars[index] == "#" {
            layout.isAlternate = true
            index += 1
        }
        if index < scalars.count, scalars[index] == "0", layout.alignment == nil {
            (layout.fill, layout.alignment) = ("0", "=")
            index += 1
        }
        layout.width = try number(text, &index) ?? 0
        if index < scalars.count, scalars[index] == "," {
            layout.hasCommas = true
            index += 1
        }
        if index < scalars.count, scalars[index] == "." {
            index += 1
            layout.precision = try number(text, &index) ?? 0
        }
        if index < scalars.count {
            layout.type = scalars[index]
            index += 1
        }
        guard index == scalars.count else { throw malformed("a broken layout") }
        return layout
    }
}
