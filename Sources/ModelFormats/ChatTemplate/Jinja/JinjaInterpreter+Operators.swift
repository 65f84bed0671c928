/// Python's operators on templates' values.
extension JinjaInterpreter {
    func operate(
        _ symbol: String, _ left: JinjaValue, _ right: JinjaValue
    ) throws(ChatTemplateError) -> JinjaValue {
        if case .undefined(let undefined) = left { throw undefined.error }
        if symbol == "%", case .string(let format) = left {
            return .string(try percentFormat(format, right))
        }
        if case .undefined(let undefined) = right { throw undefined.error }
        if let left = left.number, let right = right.number {
            return try arithmetic(symbol, left, right)
        }
        switch (symbol, left, right) {
        case ("+", .string(let left), .string(let right)):
            try charge(text: left.count + right.count)
            guard left.isMarkup != right.isMarkup else { return .string(left + right) }
            try charge(text: left.count + right.count, times: 5)
            return .string(
                (left.isMarkup ? left : left.escaped) + (right.isMarkup ? right : right.escaped))
        case ("+", .list(let left), .list(let right)):
            // Copies alone: lists are made longer an item at a time.
            try charge(steps: (left.items.count + right.items.count) / 4)
            return .list(left.items + right.items)
        case ("+", .tuple(let left), .tuple(let right)):
            try charge(steps: left.items.count + right.items.count)
            return .tuple(left.items + right.items)
        case ("*", _, _):
            if let count = right.index { return try repeated(left, count) }
            if let count = left.index { return try repeated(right, count) }
        default: break
        }
        throw mismatch(symbol, left, right)
    }

    private func mismatch(
        _ symbol: String, _ left: JinjaValue, _ right: JinjaValue
    ) -> ChatTemplateError {
        ChatTemplateError(
            .type,
            "unsupported operand type(s) for \(symbol): '\(left.typeName)' and "
                + "'\(right.typeName)'")
    }

    private func repeated(
        _ value: JinjaValue, _ count: Int
    ) throws(ChatTemplateError) -> JinjaValue {
        let count = max(0, count)
        switch value {
        case .string(let text):
            try charge(text: text.count, times: count)
            var result = JinjaText()
            if !text.isEmpty { for _ in 0..<count { result.append(text) } }
            return .string(result)
        case .list(let list), .tuple(let list):
            let (product, overflow) = list.items.count.multipliedReportingOverflow(by: count)
            try charge(steps: overflow ? .max : product)
            var items: [JinjaValue] = []
            if !list.items.isEmpty { for _ in 0..<count { items += list.items } }
            if case .list = value { return .list(items) }
            return .tuple(items)
        default: throw mismatch("*", value, .integer(count))
        }
    }

    // MARK: Numbers

    private func arithmetic(
        _ symbol: String, _ left: JinjaNumber, _ right: JinjaNumber
    ) throws(ChatTemplateError) -> JinjaValue {
        if ["/", "//", "%"].contains(symbol), right.double == 0 {
            throw ChatTemplateError(.type, "division by zero")
        }
        if case .integer(let a) = left, case .integer(let b) = right, symbol != "/",
            symbol != "**" || b >= 0
        {
            return .integer(try integer(symbol, a, b))
        }
        let (a, b) = (left.double, right.double)
        switch symbol {
        case "+": return .float(a + b)
        case "-": return .float(a - b)
        case "*": return .float(a * b)
        case "/": return .float(a / b)
        case "//": return .float((a / b).rounded(.down))
        case "%":
            let rest = a.truncatingRemainder(dividingBy: b)
            return .float(rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest)
        default: return .float(power(a, b))
        }
    }

    private func integer(
        _ symbol: String, _ a: Int, _ b: Int
    ) throws(ChatTemplateError) -> Int {
        var result: (partialValue: Int, overflow: Bool)
        switch symbol {
        case "+": result = a.addingReportingOverflow(b)
        case "-": result = a.subtractingReportingOverflow(b)
        case "*": result = a.multipliedReportingOverflow(by: b)
        case "//":
            result = a.dividedReportingOverflow(by: b)
            if !result.overflow, a % b != 0, (a < 0) != (b < 0) { result.partialValue -= 1 }
        case "%":
            result = a.remainderReportingOverflow(dividingBy: b)
            if result.partialValue != 0, (result.partialValue < 0) != (b < 0) {
                result.partialValue += b
            }
        default:
            result = (1, false)
            // Whatever is no unit overflows after 63 steps.
            let steps = abs(a) <= 1 ? min(b, 2 + b % 2) : b
            for _ in 0..<steps where !result.overflow {
                result = result.partialValue.multipliedReportingOverflow(by: a)
            }
        }
        guard !result.overflow else {
            throw ChatTemplateError(.unsupported, "an integer beyond 64 bits")
        }
        return result.partialValue
    }

    func sign(_ value: JinjaValue, negative: Bool) throws(ChatTemplateError) -> JinjaValue {
        if case .undefined(let undefined) = value { throw undefined.error }
        guard let number = value.number else {
            throw ChatTemplateError(
                .type, "bad operand type for unary \(negative ? "-" : "+"): '\(value.typeName)'")
        }
        switch number {
        case .integer(let value):
            return .integer(negative ? try integer("-", 0, value) : value)
        case .float(let value): return .float(negative ? -value : value)
        }
    }
}
