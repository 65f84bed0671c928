/// A regular expression, taken apart.
indirect enum PatternExpression {
    case bytes(ByteClass)
    case start
    case end
    case sequence([PatternExpression])
    case choice([PatternExpression])
    /// - Parameter maximum: nil for no limit.
    case repeated(PatternExpression, minimum: Int, maximum: Int?)
}

/// Reads Python's regular expressions, as far as `ModulePattern` matches them. Recursion is bounded
/// by the key's length.
struct PatternParser {
    private let bytes: [UInt8]
    private var place = 0

    private static let maximumRepeats = 255

    init(_ key: String) { bytes = Array(key.utf8) }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    mutating func whole() throws(PatternError) -> PatternExpression {
        let expression = try choice()
        guard next == nil else { throw PatternError(reason: "closes a group that is not open") }
        return expression
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard next == UInt8(ascii: character) else { return false }
        place += 1
        return true
    }

    private mutating func choice() throws(PatternError) -> PatternExpression {
        var parts = [try sequence()]
        while take("|") { parts.append(try sequence()) }
        return parts.count == 1 ? parts[0] : .choice(parts)
    }

    private mutating func sequence() throws(PatternError) -> PatternExpression {
        var parts: [PatternExpression] = []
        while let byte = next, byte != UInt8(ascii: "|"), byte != UInt8(ascii: ")") {
            parts.append(try repeated(atom()))
        }
        return .sequence(parts)
    }

    private mutating func repeated(
        _ part: PatternExpression
    ) throws(PatternError) -> PatternExpression {
        let bounds: (Int, Int?)
        if take("*") {
            bounds = (0, nil)
        } else if take("+") {
            bounds = (1, nil)
        } else if take("?") {
            bounds = (0, 1)
        } else if let counted = try counts() {
            bounds = counted
        } else {
            return part
        }
        // A lazy repeat finds the same matches.
        _ = take("?")
        let isRepeatedAgain = try next.map(Self.isRepeat) ?? false ? true : counts() != nil
        guard !isRepeatedAgain else { throw PatternError(reason: "repeats a repetition") }
        switch part {
        case .start, .end: throw PatternError(reason: "repeats ^ or $")
        default: return .repeated(part, minimum: bounds.0, maximum: bounds.1)
        }
    }

    private static func isRepeat(_ byte: UInt8) -> Bool {
        [UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?")].contains(byte)
    }

    /// `{m}`, `{m,}`, `{,n}`, `{m,n}`; nil, and nothing taken, for any other brace, which is a
    /// letter then.
    private mutating func counts() throws(PatternError) -> (Int, Int?)? {
        let start = place
        guard take("{") else { return nil }
        let minimum = number()
        let hasComma = take(",")
        let maximum = hasComma ? number() : minimum
        guard take("}"), minimum != nil || hasComma else {
            place = start
            return nil
        }
        guard max(minimum ?? 0, maximum ?? 0) <= Self.maximumRepeats,
            minimum ?? 0 <= maximum ?? .max
        else { throw PatternError(reason: "repeats more than \(Self.maximumRepeats) times") }
        return (minimum ?? 0, maximum)
    }

    private mutating func number() -> Int? {
        var value: Int?
        while let byte = next, ByteClass.digits.contains(byte), (value ?? 0) < 1_000_000 {
            value = 10 * (value ?? 0) + Int(byte - UInt8(ascii: "0"))
            place += 1
        }
        return value
    }

    private mutating func atom() throws(PatternError) -> PatternExpression {
        guard let byte = next else { return .sequence([]) }
        place += 1
        switch byte {
        case UInt8(ascii: "."): return .bytes(.any)
        case UInt8(ascii: "^"): return .start
        case UInt8(ascii: "$"): return .end
        case UInt8(ascii: "("): return try group()
        case UInt8(ascii: "["): return .bytes(try characterClass())
        case UInt8(ascii: "\\"): return .bytes(try escaped())
        default:
            guard !Self.isRepeat(byte) else {
                throw PatternError(reason: "repeats nothing")
            }
            return .bytes(ByteClass(CollectionOfOne(byte)))
        }
    }

    private mutating func group() throws(PatternError) -> PatternExpression {
        if take("?") {
            guard take(":") else {
                throw PatternError(reason: "uses look-around, flags or a named group")
            }
        }
        let inside = try choice()
        guard take(")") else { throw PatternError(reason: "leaves a group open") }
        // A group of nothing but an anchor may be repeated in Python; as a sequence it may here.
        return .sequence([inside])
    }

    private mutating func escaped() throws(PatternError) -> ByteClass {
        guard let byte = next else { throw PatternError(reason: "ends in a backslash") }
        place += 1
        switch byte {
        case UInt8(ascii: "d"): return .digits
        case UInt8(ascii: "D"): return ByteClass.digits.inverted
        case UInt8(ascii: "w"): return .word
        case UInt8(ascii: "W"): return ByteClass.word.inverted
        case UInt8(ascii: "s"): return .spaces
        case UInt8(ascii: "S"): return ByteClass.spaces.inverted
        default:
            guard !ByteClass.word.contains(byte) || byte == UInt8(ascii: "_") else {
                throw PatternError(
                    reason: "uses \\\(Character(Unicode.Scalar(byte))), which is not read")
            }
            return ByteClass(CollectionOfOne(byte))
        }
    }

    /// Behind its opening bracket.
    private mutating func characterClass() throws(PatternError) -> ByteClass {
        let isInverted = take("^")
        var result = ByteClass()
        var isFirst = true
        while let byte = next, isFirst || byte != UInt8(ascii: "]") {
            isFirst = false
            place += 1
            if byte == UInt8(ascii: "\\") {
                result.formUnion(try escaped())
                continue
            }
            guard place + 1 < bytes.count, next == UInt8(ascii: "-"),
                bytes[place + 1] != UInt8(ascii: "]")
            else {
                result.insert(byte)
                continue
            }
            let last = bytes[place + 1]
            guard byte <= last, last != UInt8(ascii: "\\") else {
                throw PatternError(reason: "has a range of characters that is not read")
            }
            place += 2
            result.formUnion(ByteClass(byte...last))
        }
        guard take("]") else { throw PatternError(reason: "leaves a set of characters open") }
        return isInverted ? result.inverted : result
    }
}
