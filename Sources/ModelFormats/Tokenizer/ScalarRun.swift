/// The classes of a text's scalars that pre-tokenizer patterns distinguish.
///
/// A bit set: a line feed is `space` and `newline`; what has none of `letter`, `number` and
/// `space` is punctuation, a mark, a symbol, a control character or unassigned.
struct ScalarClass: OptionSet {
    let rawValue: UInt8

    /// `\p{L}`.
    static let letter = ScalarClass(rawValue: 1)
    /// `\p{N}`: Nd, Nl and No.
    static let number = ScalarClass(rawValue: 2)
    /// `\s`: Unicode's White_Space, which has U+0085 but neither U+001C to U+001F, nor U+180E, nor
    /// U+200B.
    static let space = ScalarClass(rawValue: 4)
    /// `[\r\n]`.
    static let newline = ScalarClass(rawValue: 8)
    /// U+0020 itself.
    static let blank = ScalarClass(rawValue: 16)
    /// U+0027, with which contractions begin.
    static let apostrophe = ScalarClass(rawValue: 32)

    private static let ascii: [ScalarClass] = (0..<128).map {
        classify(Unicode.Scalar(UInt8($0)))
    }

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The class of a scalar.
    init(_ scalar: Unicode.Scalar) {
        self = scalar.isASCII ? Self.ascii[Int(scalar.value)] : Self.classify(scalar)
    }

    private static func classify(_ scalar: Unicode.Scalar) -> ScalarClass {
        switch scalar {
        case "\r", "\n": return [.space, .newline]
        case " ": return [.space, .blank]
        case "'": return .apostrophe
        default: break
        }
        guard let properties = scalar.knownProperties else { return [] }
        switch properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter:
            return .letter
        case .decimalNumber, .letterNumber, .otherNumber:
            return .number
        default:
            return properties.isWhitespace ? .space : []
        }
    }
}

extension Unicode.Scalar {
    /// The reference's regex engines know the characters of this version; later ones are unassigned
    /// to them. Fixed here too, lest a newer toolchain change the tokens of a text.
    private static let unicodeVersion = 16
    /// Its tables of normal forms are of this one.
    private static let normalizationVersion = 9

    private func isAssigned(in version: Int) -> Bool {
        properties.age.map { $0.major <= version } ?? false
    }

    /// The scalar's properties; nil where it is unassigned to the reference.
    var knownProperties: Properties? {
        isAssigned(in: Self.unicodeVersion) ? properties : nil
    }

    /// Whether the reference composes and reorders it: what is unassigned to it stays where it is.
    var isNormalizable: Bool { isASCII || isAssigned(in: Self.normalizationVersion) }
}

/// A stretch of UTF-8 as scalars: where each begins and what it is.
///
/// Pre-tokenizers look at each scalar several times and step backwards; decoding once is faster
/// and simpler than a cursor over bytes.
struct ScalarRun {
    /// One class a scalar.
    private(set) var classes: [ScalarClass] = []
    /// Byte offsets of the scalars' beginnings, then the end of the last.
    private(set) var starts: [Int] = []
    let bytes: [UInt8]

    var count: Int { classes.count }

    /// - Parameters:
    ///   - bytes: the text.
    ///   - start: where the stretch begins; it reaches to the end.
    /// - Precondition: `bytes[start...]` is valid UTF-8.
    init(_ bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        classes.reserveCapacity(bytes.count - start)
        starts.reserveCapacity(bytes.count - start + 1)
        var offset = start
        while offset < bytes.count {
            starts.append(offset)
            let (scalar, length) = ValidUTF8.scalar(in: bytes, at: offset)
            classes.append(ScalarClass(scalar))
            offset += length
        }
        starts.append(offset)
    }

    /// Whether the scalar `index` has any of `classes`; false behind `end`.
    func has(_ wanted: ScalarClass, at index: Int, before end: Int) -> Bool {
        index < end && !classes[index].isDisjoint(with: wanted)
    }

    /// Whether the scalar `index` is neither space, letter nor number; false behind `end`.
    func isOther(at index: Int, before end: Int) -> Bool {
        index < end && classes[index].isDisjoint(with: [.letter, .number, .space])
    }

    /// Behind the longest run of `wanted` from `start` on.
    func endOfRun(_ wanted: ScalarClass, from start: Int, before end: Int) -> Int {
        var index = start
        while has(wanted, at: index, before: end) { index += 1 }
        return index
    }
}

/// Decoding of UTF-8 that is known to be valid.
enum ValidUTF8 {
    /// The scalar that begins at `offset` and its length in bytes.
    static func scalar(in bytes: [UInt8], at offset: Int) -> (scalar: Unicode.Scalar, length: Int) {
        let first = UInt32(bytes[offset])
        func continuation(_ distance: Int) -> UInt32 { UInt32(bytes[offset + distance]) & 0x3f }
        let value: UInt32
        let length: Int
        switch first {
        case ..<0x80:
            (value, length) = (first, 1)
        case ..<0xe0:
            (value, length) = ((first & 0x1f) << 6 | continuation(1), 2)
        case ..<0xf0:
            (value, length) = ((first & 0x0f) << 12 | continuation(1) << 6 | continuation(2), 3)
        default:
            let low = continuation(1) << 12 | continuation(2) << 6 | continuation(3)
            (value, length) = ((first & 0x07) << 18 | low, 4)
        }
        guard let scalar = Unicode.Scalar(value) else {
            preconditionFailure("text was to be valid UTF-8")
        }
        return (scalar, length)
    }

    /// The scalar that ends before `offset`; nil at the beginning.
    static func scalar(in bytes: [UInt8], before offset: Int) -> (Unicode.Scalar, length: Int)? {
        guard offset > 0 else { return nil }
        var start = offset - 1
        while bytes[start] & 0xc0 == 0x80 { start -= 1 }
        return scalar(in: bytes, at: start)
    }
}
