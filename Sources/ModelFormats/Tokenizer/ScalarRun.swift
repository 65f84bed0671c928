/// The classes of a text's scalars that pre-tokenizer patterns distinguish.
///
/// A bit set: a line feed is `space` and `newline`; what has none of `letter`, `number` and
/// `space` is punctuation, a mark, a symbol, a control character or unassigned.
struct ScalarClass: OptionSet {
    let rawValue: UInt32

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
    /// `\p{Lu}` and `\p{Lt}`.
    static let upper = ScalarClass(rawValue: 64)
    /// `\p{Ll}`.
    static let lower = ScalarClass(rawValue: 128)
    /// `\p{M}`.
    static let mark = ScalarClass(rawValue: 256)
    /// `\p{P}`.
    static let punctuation = ScalarClass(rawValue: 512)
    /// `\p{S}`.
    static let symbol = ScalarClass(rawValue: 1_024)
    /// U+002F itself.
    static let slash = ScalarClass(rawValue: 2_048)
    /// `[0-9A-Za-z]` and ASCII's punctuation and symbols.
    static let visibleASCII = ScalarClass(rawValue: 4_096)
    /// `[一-龥぀-ゟ゠-ヿ]`, DeepSeek's ideographs and kana.
    static let japanese = ScalarClass(rawValue: 8_192)
    /// `[一-龥ࠀ-一가-\u{d7ff}]`: what DeepSeek's coder model takes for eastern writing.
    static let eastern = ScalarClass(rawValue: 16_384)
    /// `[\p{P}$+<=>^~|]`, and the backtick in a class of its own.
    static let sign = ScalarClass(rawValue: 32_768)
    static let backtick = ScalarClass(rawValue: 65_536)

    private static let ascii: [ScalarClass] = (0..<128).map {
        classify(Unicode.Scalar(UInt8($0)))
    }

    init(rawValue: UInt32) {
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
        case "'": return [.apostrophe, .punctuation, .sign, .visibleASCII]
        case "/": return [.slash, .punctuation, .sign, .visibleASCII]
        case "`": return [.backtick, .symbol, .visibleASCII]
        default: break
        }
        // Ranges know nothing of categories: the ideographic space is in one.
        var result: ScalarClass = (0x21...0x7e).contains(scalar.value) ? .visibleASCII : []
        if (0x4e00...0x9fa5).contains(scalar.value) || (0x3040...0x30ff).contains(scalar.value) {
            result.insert(.japanese)
        }
        if (0x800...0x9fa5).contains(scalar.value) || (0xac00...0xd7ff).contains(scalar.value) {
            result.insert(.eastern)
        }
        guard let properties = scalar.knownProperties else { return result }
        if properties.isWhitespace { return result.union(.space) }
        switch properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: result.formUnion([.letter, .upper])
        case .lowercaseLetter: result.formUnion([.letter, .lower])
        case .modifierLetter, .otherLetter: result.insert(.letter)
        case .decimalNumber, .letterNumber, .otherNumber: result.insert(.number)
        case .nonspacingMark, .spacingMark, .enclosingMark: result.insert(.mark)
        case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation,
            .initialPunctuation, .finalPunctuation, .otherPunctuation:
            result.formUnion([.punctuation, .sign])
        case .mathSymbol, .currencySymbol, .modifierSymbol, .otherSymbol:
            result.formUnion(scalar.isASCII ? [.symbol, .sign] : .symbol)
        default: break
        }
        return result
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
