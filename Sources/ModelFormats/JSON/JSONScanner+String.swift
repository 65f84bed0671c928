extension JSONScanner {
    /// A string: its escapes resolved, its UTF-8 checked.
    mutating func string() throws(ModelFormatError) -> String {
        try expect(UInt8(ascii: "\""))
        let start = position
        var index = start
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                setPosition(index + 1)
                return try validated(bytes[start..<index], at: start)
            }
            if byte == UInt8(ascii: "\\") {
                setPosition(index)
                return try escapedString(from: start)
            }
            if byte < 0x20 { throw failure("a control character inside a string", at: index) }
            index += 1
        }
        throw failure("a string without an end", at: start)
    }

    private func validated(
        _ text: some Collection<UInt8>, at offset: Int
    ) throws(ModelFormatError) -> String {
        guard let string = String(validating: text, as: UTF8.self) else {
            throw failure("a string that is not valid UTF-8", at: offset)
        }
        return string
    }

    /// The slow path: `position` is at the first backslash.
    private mutating func escapedString(from start: Int) throws(ModelFormatError) -> String {
        var text = Array(bytes[start..<position])
        var index = position
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                setPosition(index + 1)
                return try validated(text, at: start)
            }
            if byte < 0x20 { throw failure("a control character inside a string", at: index) }
            index += 1
            guard byte == UInt8(ascii: "\\") else {
                text.append(byte)
                continue
            }
            guard index < bytes.count else { break }
            if bytes[index] == UInt8(ascii: "u") {
                text.append(contentsOf: String(try unicodeEscape(at: &index)).utf8)
            } else {
                text.append(try plainEscape(bytes[index], at: index))
                index += 1
            }
        }
        throw failure("a string without an end", at: start)
    }

    private func plainEscape(_ byte: UInt8, at index: Int) throws(ModelFormatError) -> UInt8 {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): byte
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0c
        case UInt8(ascii: "n"): 0x0a
        case UInt8(ascii: "r"): 0x0d
        case UInt8(ascii: "t"): 0x09
        default: throw failure("an unknown escape in a string", at: index)
        }
    }

    /// `index` is at the `u`; afterwards it is behind the escape, or behind the pair of them.
    private func unicodeEscape(at index: inout Int) throws(ModelFormatError) -> Unicode.Scalar {
        let start = index
        let first = try hexadecimal(at: index + 1)
        index += 5
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, bytes[index...].starts(with: [0x5c, 0x75]) else {
            throw failure("an unpaired surrogate in a string", at: start)
        }
        let second = try hexadecimal(at: index + 2)
        guard second >= 0xdc00, second <= 0xdfff,
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw failure("an unpaired surrogate in a string", at: start) }
        index += 6
        return scalar
    }

    private func hexadecimal(at start: Int) throws(ModelFormatError) -> UInt32 {
        guard start + 4 <= bytes.count else {
            throw failure("a string without an end", at: start)
        }
        var value: UInt32 = 0
        for byte in bytes[start..<start + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("an unknown escape in a string", at: start)
            }
            value = value << 4 | UInt32(digit)
        }
        return value
    }
}
