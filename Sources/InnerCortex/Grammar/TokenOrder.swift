public import ModelFormats

/// A vocabulary's tokens in the order of their bytes, so that what many begin with is looked at once.
public struct TokenOrder: Sendable {
    struct Entry: Sendable {
        let token: TokenID
        let bytes: [UInt8]
        /// How many bytes it begins with as the entry before does.
        let shared: Int
    }

    let entries: [Entry]
    let vocabularySize: Int

    /// Whether no token adds anything to a text.
    public var isEmpty: Bool { entries.isEmpty }

    /// - Parameter vocabularySize: the core's, which may be larger than the tokenizer's.
    /// - Complexity: O(n log n).
    public init(_ tokenizer: Tokenizer, vocabularySize: Int) {
        self.vocabularySize = vocabularySize
        var all: [(token: TokenID, bytes: [UInt8])] = []
        for index in 0..<min(vocabularySize, tokenizer.vocabularySize) {
            let token = TokenID(index)
            let bytes = tokenizer.bytes(of: token)
            // What adds nothing to a text would be drawn again and again.
            if !bytes.isEmpty, !tokenizer.specialTokens.contains(token) {
                all.append((token, bytes))
            }
        }
        all.sort { $0.bytes.lexicographicallyPrecedes($1.bytes) }
        var before: [UInt8] = []
        entries = all.map { token, bytes in
            var shared = 0
            while shared < before.count, shared < bytes.count, before[shared] == bytes[shared] {
                shared += 1
            }
            before = bytes
            return Entry(token: token, bytes: bytes, shared: shared)
        }
    }
}

/// A set of tokens.
public struct TokenMask: Sendable {
    private var words: [UInt64]
    public private(set) var isEmpty = true

    init(vocabularySize: Int) {
        words = [UInt64](repeating: 0, count: (vocabularySize + 63) / 64)
    }

    mutating func insert(_ token: TokenID) {
        words[token.index >> 6] |= 1 << UInt64(token.index & 63)
        isEmpty = false
    }

    func contains(_ index: Int) -> Bool { words[index >> 6] >> UInt64(index & 63) & 1 == 1 }
}
