/// A strict reader of JSON (RFC 8259) over bytes.
///
/// Foundation's decoder keeps the last of two equal keys and gives no offsets; a file that means
/// one thing to us and another to the next program is an attack, so duplicates, invalid UTF-8,
/// unpaired surrogates and trailing bytes are refused with their offset. Depth and number of
/// values are limited, because both cost memory before any other check can run.
struct JSONScanner {
    /// Nesting that no model's file reaches.
    static let maximumDepth = 64

    let file: String
    /// What the bytes are, for errors: "header" or "JSON".
    let part: String
    let bytes: [UInt8]
    private(set) var position = 0
    private var valuesLeft: Int

    /// - Parameter maximumValues: how many values `value()` may make in all.
    init(bytes: [UInt8], file: String, part: String = "JSON", maximumValues: Int = 16_000_000) {
        self.file = file
        self.part = part
        self.bytes = bytes
        valuesLeft = maximumValues
    }

    /// The whole text as one value.
    static func parse(_ bytes: [UInt8], file: String) throws(ModelFormatError) -> JSONValue {
        var scanner = JSONScanner(bytes: bytes, file: file)
        let value = try scanner.value()
        try scanner.end()
        return value
    }

    func failure(_ problem: String, at offset: Int? = nil) -> ModelFormatError {
        .malformed(
            file: file, location: "\(part) byte \(offset ?? position)", problem: problem,
            remedy: "The file is damaged or was not written by a conforming program: "
                + "fetch or export it again.")
    }

    // MARK: Punctuation

    /// The next byte that is not white space; nil at the end.
    mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0a, 0x0d: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    /// Consumes `byte` (after white space) when it comes next.
    mutating func consume(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    mutating func expect(_ byte: UInt8) throws(ModelFormatError) {
        guard consume(byte) else {
            throw failure("expected \(quoted(String(UnicodeScalar(byte)))), found \(nextName())")
        }
    }

    /// Nothing but white space may follow.
    mutating func end() throws(ModelFormatError) {
        if peek() != nil { throw failure("expected the end of the text, found \(nextName())") }
    }

    private mutating func nextName() -> String {
        guard let byte = peek() else { return "the end of the text" }
        return byte < 0x80 ? quoted(String(UnicodeScalar(byte))) : "byte \(byte)"
    }

    // MARK: Values

    /// The members of an object, one call of `member` for each; it must consume the value.
    mutating func members(
        _ member: (inout JSONScanner, _ key: String, _ offset: Int) throws(ModelFormatError) -> Void
    ) throws(ModelFormatError) {
        try expect(UInt8(ascii: "{"))
        if consume(UInt8(ascii: "}")) { return }
        repeat {
            _ = peek()
            let offset = position
            let key = try string()
            try expect(UInt8(ascii: ":"))
            try member(&self, key, offset)
        } while consume(UInt8(ascii: ","))
        try expect(UInt8(ascii: "}"))
    }

    /// The elements of an array, one call of `element` for each; it must consume the value.
    mutating func elements(
        _ element: (inout JSONScanner) throws(ModelFormatError) -> Void
    ) throws(ModelFormatError) {
        try expect(UInt8(ascii: "["))
        if consume(UInt8(ascii: "]")) { return }
        repeat { try element(&self) } while consume(UInt8(ascii: ","))
        try expect(UInt8(ascii: "]"))
    }

    /// An integer in `0...Int.max` written as plain digits.
    mutating func unsignedInteger() throws(ModelFormatError) -> Int {
        let first = peek()
        let start = position
        if first == UInt8(ascii: "-") { throw failure("a negative number where a size must be") }
        let text = try numberText()
        guard text.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }) else {
            throw failure("a fractional number where a size must be", at: start)
        }
        guard let value = Int(String(decoding: text, as: UTF8.self)) else {
            throw failure("an integer over \(Int.max)", at: start)
        }
        return value
    }

    /// Any value, as a tree.
    mutating func value(depth: Int = 0) throws(ModelFormatError) -> JSONValue {
        guard depth < Self.maximumDepth else {
            throw failure("nested deeper than \(Self.maximumDepth)")
        }
        guard valuesLeft > 0 else { throw failure("more values than are accepted") }
        valuesLeft -= 1
        switch peek() {
        case UInt8(ascii: "{"):
            var object = JSONObject()
            try members { (scanner, key, offset) throws(ModelFormatError) in
                let value = try scanner.value(depth: depth + 1)
                guard object.append(key: key, value: value) else {
                    throw scanner.failure("the key \(quoted(key)) is there twice", at: offset)
                }
            }
            return .object(object)
        case UInt8(ascii: "["):
            var array: [JSONValue] = []
            try elements { (scanner) throws(ModelFormatError) in
                array.append(try scanner.value(depth: depth + 1))
            }
            return .array(array)
        case UInt8(ascii: "\""):
            return .string(try string())
        case UInt8(ascii: "t"):
            try word("true")
            return .bool(true)
        case UInt8(ascii: "f"):
            try word("false")
            return .bool(false)
        case UInt8(ascii: "n"):
            try word("null")
            return .null
        default:
            return try number()
        }
    }

    private mutating func word(_ word: String) throws(ModelFormatError) {
        guard bytes[position...].starts(with: word.utf8) else {
            throw failure("expected a value, found \(nextName())")
        }
        position += word.utf8.count
    }

    private mutating func number() throws(ModelFormatError) -> JSONValue {
        let start = position
        let text = String(decoding: try numberText(), as: UTF8.self)
        if let integer = Int(text), text != "-0" { return .integer(integer) }
        guard let value = Double(text), value.isFinite else {
            throw failure("a number outside of the range of a double", at: start)
        }
        return .number(value)
    }

    /// The bytes of one number, checked against JSON's grammar.
    private mutating func numberText() throws(ModelFormatError) -> ArraySlice<UInt8> {
        _ = peek()
        let start = position
        if byte() == UInt8(ascii: "-") { position += 1 }
        if byte() == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits()
        }
        if byte() == UInt8(ascii: ".") {
            position += 1
            try digits()
        }
        if byte() == UInt8(ascii: "e") || byte() == UInt8(ascii: "E") {
            position += 1
            if byte() == UInt8(ascii: "+") || byte() == UInt8(ascii: "-") { position += 1 }
            try digits()
        }
        if let next = byte(), next >= UInt8(ascii: "0"), next <= UInt8(ascii: "9") {
            throw failure("a number with a leading zero", at: start)
        }
        return bytes[start..<position]
    }

    private func byte() -> UInt8? {
        position < bytes.count ? bytes[position] : nil
    }

    private mutating func digits() throws(ModelFormatError) {
        let start = position
        while let digit = byte(), digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") {
            position += 1
        }
        if position == start { throw failure("expected a value, found \(nextName())") }
    }

    mutating func setPosition(_ newPosition: Int) {
        position = newPosition
    }
}
