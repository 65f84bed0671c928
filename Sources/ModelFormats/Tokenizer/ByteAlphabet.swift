/// GPT-2's spelling of bytes as visible letters, by which byte-level vocabularies are written.
///
/// Printable bytes of Latin-1 stand for themselves; the other 68 are U+0100 and up, in order. So a
/// space is "Ġ" (U+0120) and a line feed "Ċ" (U+010A).
enum ByteAlphabet {
    /// The letter of each byte.
    static let letters: [Unicode.Scalar] = {
        var next: UInt32 = 0x100
        return (0...255).map { (byte: UInt32) in
            switch byte {
            case 0x21...0x7e, 0xa1...0xac, 0xae...0xff: return Unicode.Scalar(UInt8(byte))
            default:
                defer { next += 1 }
                // 0x100 to 0x143: never a surrogate.
                return Unicode.Scalar(next)!
            }
        }
    }()

    /// The byte of each letter, by the letter's value; nil where the scalar is no letter.
    private static let bytes: [UInt8?] = {
        var bytes = [UInt8?](repeating: nil, count: 0x144)
        for (byte, letter) in letters.enumerated() { bytes[Int(letter.value)] = UInt8(byte) }
        return bytes
    }()

    /// Appends the bytes that `spelling`, UTF-8, spells; false, and nothing appended, when any of
    /// its scalars is no letter.
    static func append(_ spelling: ArraySlice<UInt8>, to output: inout [UInt8]) -> Bool {
        let count = output.count
        var pending: Int?
        for byte in spelling {
            let value: Int
            if let lead = pending, byte & 0xc0 == 0x80 {
                value = lead << 6 | Int(byte & 0x3f)
                pending = nil
            } else if pending == nil, byte & 0xe0 == 0xc0 {
                pending = Int(byte & 0x1f)
                continue
            } else {
                value = pending == nil && byte < 0x80 ? Int(byte) : bytes.count
            }
            guard value < bytes.count, let letter = bytes[value] else {
                output.removeSubrange(count...)
                return false
            }
            output.append(letter)
        }
        guard pending == nil else {
            output.removeSubrange(count...)
            return false
        }
        return true
    }
}

/// What a token's spelling stands for in a text.
enum SpellingStyle: Sendable {
    /// Letters of `ByteAlphabet`; a spelling with other characters is what it is.
    case byteLevel
    /// "▁" is a space, "<0x41>" a byte.
    case sentencePiece

    /// The stand-in for a space: U+2581, three bytes.
    static let space: [UInt8] = [0xe2, 0x96, 0x81]

    /// Appends the bytes that a token of this spelling adds to a text.
    func append(_ spelling: ArraySlice<UInt8>, to output: inout [UInt8]) {
        switch self {
        case .byteLevel:
            if !ByteAlphabet.append(spelling, to: &output) { output.append(contentsOf: spelling) }
        case .sentencePiece:
            if let byte = Self.byte(of: spelling) {
                output.append(byte)
            } else {
                Self.appendWithSpaces(spelling, to: &output)
            }
        }
    }

    /// The byte that "<0x0A>" names.
    static func byte(of spelling: ArraySlice<UInt8>) -> UInt8? {
        guard spelling.count == 6, spelling.starts(with: "<0x".utf8), spelling.last == 0x3e else {
            return nil
        }
        var value: UInt8 = 0
        for digit in spelling.dropFirst(3).prefix(2) {
            switch digit {
            case 0x30...0x39: value = value << 4 | (digit - 0x30)
            case 0x41...0x46: value = value << 4 | (digit - 0x41 + 10)
            default: return nil
            }
        }
        return value
    }

    /// The spelling of a byte's own token.
    static func spelling(of byte: UInt8) -> String {
        let digits = String(byte, radix: 16, uppercase: true)
        return "<0x" + (byte < 16 ? "0" : "") + digits + ">"
    }

    private static func appendWithSpaces(_ text: ArraySlice<UInt8>, to output: inout [UInt8]) {
        var start = text.startIndex
        var index = start
        while index < text.endIndex {
            guard text[index] == space[0], text[index...].starts(with: space) else {
                index += 1
                continue
            }
            output.append(contentsOf: text[start..<index])
            output.append(UInt8(ascii: " "))
            index += space.count
            start = index
        }
        output.append(contentsOf: text[start...])
    }
}
