import Foundation

/// What a tokenizer does to a text before it cuts it.
enum TextNormalizer: Sendable, Equatable {
    case none
    /// Canonical composition.
    case nfc

    /// Reads the `normalizer` of a tokenizer.json: null, NFC, or a Sequence of these.
    init(_ fields: JSONFields?) throws(ModelFormatError) {
        guard let fields else {
            self = .none
            return
        }
        let type = try fields.require("type", try fields.string("type"))
        switch type {
        case "NFC":
            self = .nfc
        case "Sequence":
            var combined = TextNormalizer.none
            for part in try fields.objects("normalizers") {
                if try TextNormalizer(part) == .nfc { combined = .nfc }
            }
            self = combined
        default:
            throw fields.unsupported("type", quoted(type), supported: "none, NFC")
        }
    }

    /// The normal form of valid UTF-8.
    func normalize(_ text: ArraySlice<UInt8>) -> [UInt8] {
        // Everything below U+0300, which begins with 0xCC, is in NFC already.
        guard self == .nfc, text.contains(where: { $0 >= 0xcc }) else { return Array(text) }
        return Array(Self.composed(String(decoding: text, as: UTF8.self)).utf8)
    }

    /// Scalars behind the ends of the ranges of Hangul letters that compose. They combine with
    /// nothing, so a text may be cut around them.
    private static let inertHangul: Set<Unicode.Scalar> = [
        "\u{1113}", "\u{1176}", "\u{11a7}", "\u{11c3}",
    ]

    /// Canonical composition, cut around what is newer than the reference's tables, with two detours
    /// around faults of Foundation's as of Swift 6.3: it leaves a Hangul syllable and a trailing
    /// consonant apart unless the syllable was decomposed before, and it takes the four inert letters
    /// for composing ones and loses them.
    private static func composed(_ text: String) -> String {
        var result = ""
        for part in text.unicodeScalars.split(
            omittingEmptySubsequences: false,
            whereSeparator: { inertHangul.contains($0) || !$0.isNormalizable })
        {
            result +=
                String(part)
                .decomposedStringWithCanonicalMapping.precomposedStringWithCanonicalMapping
            if part.endIndex < text.unicodeScalars.endIndex {
                result.unicodeScalars.append(text.unicodeScalars[part.endIndex])
            }
        }
        return result
    }
}
