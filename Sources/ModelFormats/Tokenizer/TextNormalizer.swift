import Foundation

/// What a tokenizer does to a text before it cuts it: steps, one after the other.
struct TextNormalizer: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        /// Canonical composition.
        case nfc
        /// Puts bytes before a text that is not empty.
        case prepend([UInt8])
        /// Replaces every occurrence.
        case replace([UInt8], by: [UInt8])
    }

    static let none = TextNormalizer(steps: [])
    static let nfc = TextNormalizer(steps: [.nfc])
    private static let maximumSteps = 16
    /// What is put before or in place of something, bytes.
    private static let maximumTextBytes = 16

    private(set) var steps: [Step]

    init(steps: [Step]) {
        self.steps = steps
    }

    /// Reads the `normalizer` of a tokenizer.json: null, NFC, Prepend, Replace of a fixed text, or a
    /// Sequence of these.
    init(_ fields: JSONFields?) throws(ModelFormatError) {
        steps = []
        guard let fields else { return }
        try append(fields)
        guard steps.count <= Self.maximumSteps else {
            throw fields.unsupported(
                "normalizers", "\(steps.count) steps", supported: "\(Self.maximumSteps)")
        }
    }

    private mutating func append(_ fields: JSONFields) throws(ModelFormatError) {
        let type = try fields.require("type", try fields.string("type"))
        switch type {
        case "NFC": steps.append(.nfc)
        case "Prepend":
            steps.append(.prepend(try Self.text("prepend", of: fields)))
        case "Replace":
            let pattern = try fields.require("pattern", try fields.fields("pattern"))
            steps.append(
                .replace(
                    try Self.text("String", of: pattern), by: try Self.text("content", of: fields)))
        case "Sequence":
            for part in try fields.objects("normalizers") { try append(part) }
        default:
            throw fields.unsupported(
                "type", quoted(type), supported: "none, NFC, Prepend, Replace, Sequence")
        }
    }

    private static func text(
        _ key: String, of fields: JSONFields
    ) throws(ModelFormatError) -> [UInt8] {
        let text = Array(try fields.require(key, try fields.string(key)).utf8)
        guard !text.isEmpty, text.count <= maximumTextBytes else {
            throw fields.unsupported(
                key, "\(text.count) bytes", supported: "1 to \(maximumTextBytes)")
        }
        return text
    }

    /// The normal form of valid UTF-8.
    func normalize(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var result = Array(text)
        for step in steps {
            switch step {
            case .nfc:
                // Everything below U+0300, which begins with 0xCC, is in NFC already.
                guard result.contains(where: { $0 >= 0xcc }) else { continue }
                result = Array(Self.composed(String(decoding: result, as: UTF8.self)).utf8)
            case .prepend(let prefix):
                if !result.isEmpty { result.insert(contentsOf: prefix, at: 0) }
            case .replace(let old, let new):
                result = Self.replaced(result, old, by: new)
            }
        }
        return result
    }

    static func replaced(_ text: [UInt8], _ old: [UInt8], by new: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(text.count + text.count / 4)
        var index = 0
        while index < text.count {
            if text[index] == old[0], text[index...].starts(with: old) {
                result.append(contentsOf: new)
                index += old.count
            } else {
                result.append(text[index])
                index += 1
            }
        }
        return result
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
