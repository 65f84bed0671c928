import Foundation

/// One value, laid out.
extension JinjaInterpreter {
    func laidOut(
        _ value: JinjaValue, _ layout: JinjaLayout, isPercent: Bool
    ) throws(ChatTemplateError) -> JinjaText {
        var text: JinjaText
        var isNumber = false
        switch layout.type {
        case "s", nil, "r", "a":
            if layout.type == nil, let number = value.number,
                layout.precision != nil || layout.hasCommas
                    || layout.width > 0
                        && value.typeName == "bool"
            {
                text = try digits(number, layout)
                isNumber = true
                break
            }
            if layout.type == "r" || layout.type == "a" {
                text = JinjaText()
                try describe(value, into: &text)
            } else {
                text = try self.text(of: value)
                isNumber = value.number != nil && !isPercent
                if isNumber, layout.sign != "-", !text.hasPrefix(JinjaText("-")) {
                    text = JinjaText(String(layout.sign)) + text
                }
            }
            if let precision = layout.precision, precision < text.count {
                text = text[0..<precision]
            }
        default:
            if case .undefined(let undefined) = value { throw undefined.error }
            guard let number = value.number else {
                throw malformed("a number is required, not '\(value.typeName)'")
            }
            text = try digits(number, layout)
            isNumber = true
        }
        guard layout.width > text.count else {
            try charge(text: text.count)
            return text
        }
        try charge(text: layout.width)
        func fill(_ count: Int) -> JinjaText {
            JinjaText(scalars: Array(repeating: layout.fill, count: count))
        }
        let missing = layout.width - text.count
        switch layout.alignment ?? (isNumber ? ">" : "<") {
        case "<": return text + fill(missing)
        case "^": return fill(missing / 2) + text + fill(missing - missing / 2)
        case "=" where isNumber:
            let hasSign = text.scalars.first.map { ["-", "+", " "].contains($0) } ?? false
            let sign = text[0..<(hasSign ? 1 : 0)]
            return sign + fill(missing) + text[sign.count..<text.count]
        default:
            let isZero = layout.fill == "0" && !isNumber && isPercent
            let blank = JinjaText(scalars: Array(repeating: " ", count: missing))
            return (isZero ? blank : fill(missing)) + text
        }
    }

    private func digits(
        _ number: JinjaNumber, _ layout: JinjaLayout
    ) throws(ChatTemplateError) -> JinjaText {
        var body: String
        let isNegative = number.double < 0
        switch layout.type {
        case nil where layout.precision == nil, "d", "i", "u", "x", "X", "o", "b":
            let integer: Int
            switch number {
            case .integer(let value): integer = value
            case .float(let value):
                guard let whole = Int(exactly: value.rounded(.towardZero)) else {
                    throw malformed("a number without a fraction is required")
                }
                integer = whole
            }
            let radix = ["x": 16, "X": 16, "o": 8, "b": 2][layout.type ?? "d"] ?? 10
            body = String(integer.magnitude, radix: radix, uppercase: layout.type == "X")
            if layout.isAlternate, radix != 10, let type = layout.type {
                body = "0\(type)" + body
            }
        case "f", "F", "e", "E", "g", "G", "%", nil:
            let precision = layout.precision ?? 6
            guard precision <= 300 else { throw malformed("a precision over 300") }
            let value = number.double.magnitude * (layout.type == "%" ? 100 : 1)
            let type = layout.type == "%" ? "f" : layout.type.map(String.init) ?? "g"
            body = String(format: "%.*\(type)", precision, value)
            if layout.type == "%" { body += "%" }
        case .some(let type):
            throw malformed("the type \(ModelFormats.quoted(String(type)))")
        }
        if layout.hasCommas { body = withCommas(body) }
        let sign = isNegative ? "-" : layout.sign == "-" ? "" : String(layout.sign)
        return JinjaText(sign + body)
    }

    private func withCommas(_ digits: String) -> String {
        let end = digits.firstIndex { !$0.isNumber } ?? digits.endIndex
        var whole = ""
        for (index, digit) in digits[..<end].reversed().enumerated() {
            if index > 0, index % 3 == 0 { whole = "," + whole }
            whole = String(digit) + whole
        }
        return whole + digits[end...]
    }
}
