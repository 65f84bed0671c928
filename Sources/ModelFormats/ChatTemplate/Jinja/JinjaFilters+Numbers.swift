import Foundation

extension JinjaInterpreter {
    static let numberFilters = ["abs", "float", "int", "round"]

    func numberFilter(
        _ name: String, _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        switch name {
        case "abs":
            _ = try arguments.bound(to: [], of: name)
            guard let number = value.number else {
                throw ChatTemplateError(.type, "bad operand type for abs(): '\(value.typeName)'")
            }
            return try sign(number.value, negative: number.double < 0)
        case "float":
            let fallback = try arguments.bound(to: ["default"], of: name)[0] ?? .float(0)
            if case .undefined(let undefined) = value { throw undefined.error }
            return double(value).map(JinjaValue.float) ?? fallback
        case "int":
            let bound = try arguments.bound(to: ["default", "base"], of: name)
            if case .undefined(let undefined) = value { throw undefined.error }
            let base = try integer(bound[1], "base") ?? 10
            return integer(value, base: base).map(JinjaValue.integer) ?? bound[0] ?? .integer(0)
        default: return try rounded(value, arguments)
        }
    }

    private func double(_ value: JinjaValue) -> Double? {
        if let number = value.number { return number.double }
        guard case .string(let text) = value else { return nil }
        let trimmed = text.stripped(nil).string
        switch trimmed.lowercased() {
        case "inf", "+inf", "infinity", "+infinity": return .infinity
        case "-inf", "-infinity": return -.infinity
        case "nan", "+nan", "-nan": return .nan
        default: break
        }
        // Swift's parser also knows hexadecimal floats and "nan(…)", Python's does not.
        let allowed = Set("0123456789+-.eE_".unicodeScalars)
        guard trimmed.unicodeScalars.allSatisfy(allowed.contains) else { return nil }
        return Double(trimmed.replacingOccurrences(of: "_", with: ""))
    }

    private func integer(_ value: JinjaValue, base: Int) -> Int? {
        if case .integer(let value)? = value.number { return value }
        if case .string(let text) = value {
            var digits = text.stripped(nil).string.lowercased()
            let isNegative = digits.hasPrefix("-")
            if isNegative || digits.hasPrefix("+") { digits.removeFirst() }
            if let prefix = [16: "0x", 8: "0o", 2: "0b"][base], digits.hasPrefix(prefix) {
                digits.removeFirst(2)
            }
            digits = digits.replacingOccurrences(of: "_", with: "")
            if (2...36).contains(base), digits.allSatisfy({ $0.isASCII && $0 != "+" && $0 != "-" }),
                let value = Int((isNegative ? "-" : "") + digits, radix: base)
            {
                return value
            }
        }
        guard let double = double(value), double.isFinite else { return nil }
        return Int(exactly: double.rounded(.towardZero))
    }

    private func rounded(
        _ value: JinjaValue, _ arguments: JinjaArguments
    ) throws(ChatTemplateError) -> JinjaValue {
        let bound = try arguments.bound(to: ["precision", "method"], of: "round")
        let precision = try integer(bound[0], "precision") ?? 0
        let method = try string(bound[1], "method") ?? JinjaText("common")
        guard let number = value.number else {
            throw ChatTemplateError(.type, "type '\(value.typeName)' cannot be rounded")
        }
        guard (-300...300).contains(precision) else {
            throw ChatTemplateError(.limit, "a precision beyond 300")
        }
        switch method.string {
        case "common":
            if case .integer(let value) = number {
                return .integer(try roundedToEven(value, -precision))
            }
            return .float(roundedToEven(number.double, precision))
        case "ceil", "floor":
            let scale = power(10, Double(precision))
            return .float(
                (number.double * scale).rounded(method == "ceil" ? .up : .down) / scale)
        default:
            throw ChatTemplateError(.type, "method must be common, ceil or floor")
        }
    }

    /// To a multiple of 10^digits, half to even.
    private func roundedToEven(_ value: Int, _ digits: Int) throws(ChatTemplateError) -> Int {
        guard digits > 0 else { return value }
        guard digits < 19 else { return 0 }
        let unit = (0..<digits).reduce(1) { product, _ in product * 10 }
        let (quotient, rest) = value.quotientAndRemainder(dividingBy: unit)
        var multiple = quotient
        let isAboveHalf = rest.magnitude > UInt(unit / 2)
        if isAboveHalf || (rest.magnitude == UInt(unit / 2) && multiple % 2 != 0) {
            multiple += value < 0 ? -1 : 1
        }
        let (result, overflow) = multiple.multipliedReportingOverflow(by: unit)
        guard !overflow else {
            throw ChatTemplateError(.unsupported, "an integer beyond 64 bits")
        }
        return result
    }

    /// Correctly rounded in decimal, as Python's `round` is.
    private func roundedToEven(_ value: Double, _ precision: Int) -> Double {
        guard value.isFinite else { return value }
        if precision < 0 {
            let scale = power(10, Double(-precision))
            return (value / scale).rounded(.toNearestOrEven) * scale
        }
        return Double(String(format: "%.*f", precision, value)) ?? value
    }

    func power(_ base: Double, _ exponent: Double) -> Double { pow(base, exponent) }
}
