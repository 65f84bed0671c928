/// Python's string forms of values. What a string of the conversation becomes keeps its origin.
extension JinjaInterpreter {
    /// `str(value)`: what `{{ value }}` prints.
    func text(of value: JinjaValue) throws(ChatTemplateError) -> JinjaText {
        switch value {
        case .string(let text): return text
        case .undefined: return JinjaText()
        default:
            var text = JinjaText()
            try describe(value, into: &text)
            return text
        }
    }

    /// Appends `repr(value)`, charged piece by piece: parts may be shared, so that a small value
    /// can have a form of any length.
    func describe(
        _ value: JinjaValue, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        try charge(steps: 1)
        switch value {
        case .undefined: text.append("Undefined")
        case .none: text.append("None")
        case .bool(let value): text.append(value ? "True" : "False")
        case .integer(let value): text.append(String(value))
        case .float(let value): text.append(value.pythonDescription)
        case .string(let string):
            try charge(text: string.count)
            text.append(string.pythonRepresentation)
        case .list(let list): try describe(list.items, "[", "]", into: &text)
        case .tuple(let list):
            try describe(list.items, "(", list.items.count == 1 ? ",)" : ")", into: &text)
        case .view(let list, let kind): try describe(list.items, kind + "([", "])", into: &text)
        case .dictionary(let dictionary): try describe(dictionary, into: &text)
        case .range(let range):
            let end = range.start + range.count * range.step
            text.append("range(\(range.start), \(end)")
            text.append(range.step == 1 ? ")" : ", \(range.step))")
        case .namespace(let namespace):
            try deeper { () throws(ChatTemplateError) in
                text.append("<Namespace ")
                try describe(namespace.values, into: &text)
                text.append(">")
            }
        case .loop(let loop):
            text.append("<LoopContext \(loop.index0 + 1)/\(loop.items.items.count)>")
        case .iterator: text.append("<generator object>")
        case .cycler: text.append("<cycler>")
        case .callable(.macro(let macro)):
            text.append("<Macro \(JinjaUndefined.quoted(macro.definition.name))>")
        case .callable: text.append("<function>")
        }
    }

    private func describe(
        _ items: [JinjaValue], _ open: String, _ close: String, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        text.append(open)
        for (index, item) in items.enumerated() {
            if index > 0 { text.append(", ") }
            try describe(item, into: &text)
        }
        text.append(close)
    }

    private func describe(
        _ dictionary: JinjaDictionary, into text: inout JinjaText
    ) throws(ChatTemplateError) {
        text.append("{")
        for (index, entry) in dictionary.entries.enumerated() {
            if index > 0 { text.append(", ") }
            try describe(entry.key, into: &text)
            text.append(": ")
            try describe(entry.value, into: &text)
        }
        text.append("}")
    }
}

extension Double {
    /// `repr`: the shortest digits that mean this number, with an exponent from 1e16 and below
    /// 1e-4 on.
    var pythonDescription: String {
        guard isFinite else { return isNaN ? "nan" : self < 0 ? "-inf" : "inf" }
        guard self != 0 else { return sign == .minus ? "-0.0" : "0.0" }
        let (digits, exponent) = magnitude.shortestDigits
        let sign = self < 0 ? "-" : ""
        if exponent < -4 || exponent >= 16 {
            let rest = digits.dropFirst()
            let size = abs(exponent) < 10 ? "0\(abs(exponent))" : "\(abs(exponent))"
            return sign + digits.prefix(1) + (rest.isEmpty ? "" : "." + rest)
                + (exponent < 0 ? "e-" : "e+") + size
        }
        if exponent < 0 {
            return sign + "0." + String(repeating: "0", count: -exponent - 1) + digits
        }
        if digits.count <= exponent + 1 {
            return sign + digits + String(repeating: "0", count: exponent + 1 - digits.count) + ".0"
        }
        return sign + digits.prefix(exponent + 1) + "." + digits.dropFirst(exponent + 1)
    }

    /// The digits d₀d₁… of d₀.d₁… · 10^exponent, of a number above zero.
    private var shortestDigits: (digits: String, exponent: Int) {
        let parts = "\(self)".split(separator: "e")
        var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let halves = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        var digits = halves.joined()
        exponent += halves[0].count - 1
        while digits.hasPrefix("0"), digits.count > 1 {
            digits.removeFirst()
            exponent -= 1
        }
        while digits.hasSuffix("0"), digits.count > 1 { digits.removeLast() }
        return (digits, exponent)
    }
}

extension JinjaText {
    /// `repr` of a string: in single quotes, in double ones where it has single ones alone.
    var pythonRepresentation: JinjaText {
        let hasSingle = scalars.contains("'")
        let quote: Unicode.Scalar = hasSingle && !scalars.contains("\"") ? "\"" : "'"
        var text = JinjaText(scalars: [quote])
        text.append(
            mapped { index, out in
                let scalar = scalars[index]
                switch scalar {
                case "\\": out += ["\\", "\\"]
                case "\n": out += ["\\", "n"]
                case "\r": out += ["\\", "r"]
                case "\t": out += ["\\", "t"]
                case quote: out += ["\\", quote]
                case _ where scalar.isPythonPrintable: out.append(scalar)
                default:
                    let isLong = scalar.value >= 0x10000
                    let (letter, length) =
                        scalar.value < 0x100 ? ("x", 2) : isLong ? ("U", 8) : ("u", 4)
                    let digits = String(scalar.value, radix: 16)
                    out += "\\\(letter)".unicodeScalars
                    out += String(repeating: "0", count: length - digits.count).unicodeScalars
                    out += digits.unicodeScalars
                }
            })
        text.append(quote)
        return text
    }
}

extension Unicode.Scalar {
    /// `str.isprintable` for one character.
    fileprivate var isPythonPrintable: Bool {
        switch properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
            .paragraphSeparator:
            false
        case .spaceSeparator: self == " "
        default: true
        }
    }
}
