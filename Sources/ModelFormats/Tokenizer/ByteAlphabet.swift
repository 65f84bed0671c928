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

    /// The bytes that `token` spells; nil when any of its scalars is no letter.
    static func bytes(of token: String) -> [UInt8]? {
        var result: [UInt8] = []
        result.reserveCapacity(token.utf8.count)
        for scalar in token.unicodeScalars {
            guard scalar.value < 0x144, let byte = bytes[Int(scalar.value)] else { return nil }
            result.append(byte)
        }
        return result
    }
}
