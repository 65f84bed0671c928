extension Tokenizer {
    /// The text of tokens; sequences that are not UTF-8 become U+FFFD.
    ///
    /// - Parameter skippingSpecialTokens: leaves control tokens out.
    public func decode(_ tokens: [TokenID], skippingSpecialTokens: Bool = true) -> String {
        String(
            decoding: decodedBytes(tokens, skippingSpecialTokens: skippingSpecialTokens),
            as: UTF8.self)
    }

    /// The bytes of tokens as they are, which need not be UTF-8.
    public func decodedBytes(_ tokens: [TokenID], skippingSpecialTokens: Bool = true) -> [UInt8] {
        var bytes: [UInt8] = []
        for token in tokens where !(skippingSpecialTokens && specialTokens.contains(token)) {
            bytes.append(contentsOf: byteSlice(of: token))
        }
        return bytes
    }
}

/// Decodes tokens as they come and hands out whole characters only.
///
/// What all `append`s and `finish` return, put together, is what `Tokenizer.decode` returns.
public struct StreamingDecoder: Sendable {
    private let tokenizer: Tokenizer
    private let skipsSpecialTokens: Bool
    /// The beginning of a character whose end has not come: at most 3 bytes.
    private var pending: [UInt8] = []
    /// Unicode scalars handed out.
    private var scalarCount = 0
    /// Where the newest token begins in the text, Unicode scalars from 0. A token that goes on with
    /// an unfinished character begins where that does, one that adds no text where the next begins.
    public private(set) var tokenStart = 0

    public init(_ tokenizer: Tokenizer, skippingSpecialTokens: Bool = true) {
        self.tokenizer = tokenizer
        skipsSpecialTokens = skippingSpecialTokens
        pending.reserveCapacity(64)
    }

    /// Whether bytes of an unfinished character are held back.
    public var hasPendingBytes: Bool { !pending.isEmpty }

    /// The text that is certain now; empty while a character is incomplete.
    public mutating func append(_ token: TokenID) -> String {
        tokenStart = scalarCount
        if skipsSpecialTokens && tokenizer.specialTokens.contains(token) { return "" }
        let bytes = tokenizer.byteSlice(of: token)
        if !pending.isEmpty, let first = bytes.first {
            // An unfinished character that the token does not go on with becomes one U+FFFD.
            pending.append(first)
            tokenStart += String(decoding: pending, as: UTF8.self).unicodeScalars.count - 1
            pending.removeLast()
        }
        pending.append(contentsOf: bytes)
        let complete = pending.count - Self.unfinishedCount(pending)
        let text = String(decoding: pending[..<complete], as: UTF8.self)
        pending.removeFirst(complete)
        scalarCount += text.unicodeScalars.count
        return text
    }

    /// The end of the text: U+FFFD when it stops inside a character.
    public mutating func finish() -> String {
        defer { pending.removeAll() }
        return String(decoding: pending, as: UTF8.self)
    }

    /// How many bytes at the end could become a character with more bytes; 0...3.
    static func unfinishedCount(_ bytes: [UInt8]) -> Int {
        for count in 1...3 where count <= bytes.count {
            let tail = bytes[(bytes.count - count)...]
            guard let first = tail.first, first & 0xc0 != 0x80 else { continue }
            return isProperPrefix(tail) ? count : 0
        }
        return 0
    }

    /// Whether `bytes`, which begin with a lead byte, are a character's beginning but not all of it.
    ///
    /// The second byte's range excludes overlong forms, surrogates and values over U+10FFFF
    /// (Unicode, table 3-7): such a beginning is broken already and is not waited for.
    private static func isProperPrefix(_ bytes: ArraySlice<UInt8>) -> Bool {
        let length: Int
        let second: ClosedRange<UInt8>
        switch bytes[bytes.startIndex] {
        case 0xc2...0xdf: (length, second) = (2, 0x80...0xbf)
        case 0xe0: (length, second) = (3, 0xa0...0xbf)
        case 0xed: (length, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: (length, second) = (3, 0x80...0xbf)
        case 0xf0: (length, second) = (4, 0x90...0xbf)
        case 0xf1...0xf3: (length, second) = (4, 0x80...0xbf)
        case 0xf4: (length, second) = (4, 0x80...0x8f)
        default: return false
        }
        return bytes.count < length
            && (bytes.count < 2 || second.contains(bytes[bytes.startIndex + 1]))
    }
}
