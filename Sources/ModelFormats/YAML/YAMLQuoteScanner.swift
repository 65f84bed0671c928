/// Reads one quoted scalar that begins and ends on one line.
struct YAMLQuoteScanner {
    struct Failure: Error { let problem: String }

    private let text: ArraySlice<UInt8>
    private var position: Int

    /// - Precondition: `text` begins with a single or a double quote.
    init(_ text: ArraySlice<UInt8>) {
        self.text = text
        position = text.startIndex + 1
    }

    /// - Returns: The value, and what follows the closing quote.
    mutating func scan() throws(Failure) -> (value: String, rest: ArraySlice<UInt8>) {
        let quote = text[text.startIndex]
        let isDouble = quote == UInt8(ascii: "\"")
        var bytes: [UInt8] = []
        while position < text.endIndex {
            let byte = text[position]
            position += 1
            if byte == quote {
                let repeats = position < text.endIndex && text[position] == quote
                guard !isDouble, repeats else {
                    return (String(decoding: bytes, as: UTF8.self), text[position...])
                }
                position += 1
                bytes.append(quote)
            } else if isDouble, byte == UInt8(ascii: "\\") {
                bytes += Array(String(Character(try escape())).utf8)
            } else {
                bytes.append(byte)
            }
        }
        throw Failure(problem: "a quoted text does not end on its line")
    }

    private mutating func escape() throws(Failure) -> Unicode.Scalar {
        guard position < text.endIndex else {
            throw Failure(problem: "a quoted text does not end on its line")
        }
        let letter = text[position]
        position += 1
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return .init(letter)
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "x"): return try scalar(digits: 2)
        case UInt8(ascii: "u"): return try scalar(digits: 4)
        case UInt8(ascii: "U"): return try scalar(digits: 8)
        default:
            throw Failure(
                problem: "the escape \\\(Unicode.Scalar(letter).escaped(asASCII: true)) is unknown")
        }
    }

    private mutating func scalar(digits: Int) throws(Failure) -> Unicode.Scalar {
        let end = min(text.endIndex, position + digits)
        let digitBytes = text[position..<end]
        // `UInt32.init` alone would take a sign for a digit.
        guard digitBytes.count == digits,
            digitBytes.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
            let code = UInt32(String(decoding: digitBytes, as: UTF8.self), radix: 16),
            let scalar = Unicode.Scalar(code)
        else {
            throw Failure(problem: "an escape needs \(digits) digits of a Unicode character")
        }
        position = end
        return scalar
    }
}
