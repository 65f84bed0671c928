/// Numbers and strings.
extension JinjaLexer {
    mutating func number() throws(ChatTemplateError) {
        let start = position
        let follower = scalar(start + 1).map { $0.properties.lowercaseMapping }
        if source[start] == "0", let radix = ["x": 16, "o": 8, "b": 2][follower ?? ""],
            let first = scalar(start + 2), first == "_" || first.isDigit(radix: radix)
        {
            position += 2
            return try integer(radix: radix, from: start)
        }
        digits()
        var isFloat = false
        // "a.0.1" has two subscripts, no fraction.
        if start == 0 || source[start - 1] != "." {
            if scalar(position) == ".", scalar(position + 1)?.isASCIIDigit == true {
                isFloat = true
                position += 1
                digits()
            }
            if let e = scalar(position), e == "e" || e == "E" {
                let hasSign = sign(at: position + 1) != nil
                let first = position + (hasSign ? 2 : 1)
                if scalar(first)?.isASCIIDigit == true {
                    isFloat = true
                    position = first
                    digits()
                }
            }
        }
        guard isFloat else {
            position = start
            return try integer(radix: 10, from: start)
        }
        let text = source[start..<position].filter { $0 != "_" }
        guard let value = Double(JinjaText(scalars: text).string) else {
            throw ChatTemplateError(.syntax, "a number that is none", line: line)
        }
        add(.float(value))
    }

    private mutating func digits() {
        while let scalar = scalar(position), scalar.isASCIIDigit || scalar == "_" { position += 1 }
    }

    private mutating func integer(radix: Int, from start: Int) throws(ChatTemplateError) {
        var value = 0
        while let scalar = scalar(position), scalar == "_" || scalar.isDigit(radix: radix) {
            defer { position += 1 }
            guard scalar != "_" else { continue }
            let digit = Character(scalar).hexDigitValue ?? 0
            let (product, overflow) = value.multipliedReportingOverflow(by: radix)
            let (sum, carry) = product.addingReportingOverflow(digit)
            guard !overflow, !carry else {
                throw ChatTemplateError(
                    .unsupported, "an integer over \(Int.max); smaller ones are supported",
                    line: line)
            }
            value = sum
        }
        add(.integer(value))
    }

    /// A string, its escapes resolved as Python's `unicode-escape` does: what is no escape stays.
    mutating func string(quote: Unicode.Scalar) throws(ChatTemplateError) {
        var text: [Unicode.Scalar] = []
        var index = position + 1
        while let scalar = scalar(index), scalar != quote {
            index += 1
            guard scalar == "\\", let letter = self.scalar(index) else {
                text.append(scalar)
                continue
            }
            index += 1
            if let length = ["x": 2, "u": 4, "U": 8][letter] {
                guard let value = hexadecimal(index, length), let scalar = Unicode.Scalar(value)
                else { throw ChatTemplateError(.syntax, "a broken \\\(letter) escape", line: line) }
                text.append(scalar)
                index += length
            } else if letter.isDigit(radix: 8) {
                var value: UInt32 = 0
                index -= 1
                let end = index + 3
                while index < end, let digit = self.scalar(index), digit.isDigit(radix: 8) {
                    value = value * 8 + (digit.value - 0x30)
                    index += 1
                }
                if let scalar = Unicode.Scalar(value) { text.append(scalar) }
            } else if letter == "N" {
                throw ChatTemplateError(
                    .unsupported, "the escape \\N; supported: \\x, \\u and \\U", line: line)
            } else if letter != "\n" {
                let escapes: [Unicode.Scalar: Unicode.Scalar] = [
                    "n": "\n", "t": "\t", "r": "\r", "a": "\u{7}", "b": "\u{8}", "f": "\u{c}",
                    "v": "\u{b}", "\\": "\\", "'": "'", "\"": "\"",
                ]
                if let escape = escapes[letter] {
                    text.append(escape)
                } else {
                    text += ["\\", letter]
                }
            }
        }
        guard index < source.count else {
            throw ChatTemplateError(.syntax, "a string without an end", line: line)
        }
        add(.string(JinjaText(scalars: text)))
        advance(to: index + 1)
    }

    private func hexadecimal(_ start: Int, _ length: Int) -> UInt32? {
        guard start + length <= source.count else { return nil }
        var value: UInt64 = 0
        for scalar in source[start..<start + length] {
            guard scalar.isDigit(radix: 16) else { return nil }
            value = value << 4 | UInt64(Character(scalar).hexDigitValue ?? 0)
        }
        return UInt32(exactly: value)
    }
}

extension Unicode.Scalar {
    fileprivate func isDigit(radix: Int) -> Bool {
        guard value < 0x80, let digit = Character(self).hexDigitValue else { return false }
        return digit < radix
    }
}
