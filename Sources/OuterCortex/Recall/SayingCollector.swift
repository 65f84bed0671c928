import Engrams
import ModelFormats

/// Makes sayings of what is learned: sentences, lines and turns, of what the user said alone.
///
/// A saying ends behind a full stop, a question or an exclamation mark where a space follows, at a
/// line break, where the user's words end, and at the longest that a saying may be. A stop behind a
/// short form (Dr., St.) or an initial ends nothing, and what is very short joins what follows it
/// ("No. I moved.").
struct SayingCollector {
    private let tokenizer: Tokenizer
    private var keys: MeaningKeys
    private let protected: ProtectedSites
    private let keySize: Int
    private var tokens: [Int32] = []
    private var tokenKeys: [Float] = []
    /// The newest word's letters and digits, and how many there were in all.
    private var word: [UInt8] = []
    private var length = 0
    /// Whether a sentence ends here if a space follows.
    private var mayEnd = false

    private static let shortestLength = 8
    private static let shortForms = Set(
        ["dr", "mr", "mrs", "ms", "st", "prof", "no", "nr", "vs", "etc"].map { Array($0.utf8) })

    init(cortex: Cortex, weights: RecallWeights) {
        tokenizer = cortex.tokenizer
        keys = MeaningKeys(weights)
        keySize = weights.keySize
        protected = cortex.zone.protected
    }

    /// Takes the next token.
    /// - Parameters:
    ///   - streams: of the token's own position, shape [tapped blocks, hidden]; nil: it was not read.
    ///   - isSaid: whether the user said it.
    mutating func add(
        _ token: Int32, streams: ArraySlice<Float>?, isSaid: Bool, to memory: inout SayingMemory
    ) {
        guard isSaid, !tokenizer.specialTokens.contains(TokenID(rawValue: token)) else {
            return finish(&memory)
        }
        let bytes = tokenizer.bytes(of: TokenID(rawValue: token))
        if bytes.contains(0x0A) { return finish(&memory) }
        if mayEnd, bytes.first == 0x20 { finish(&memory) }
        // The space before a saying belongs to none.
        if tokens.isEmpty, bytes.allSatisfy({ $0 == 0x20 }) { return }
        tokens.append(token)
        if let streams {
            keys.appendSaid(streams, to: &tokenKeys)
        } else {
            tokenKeys += repeatElement(0, count: keySize)
        }
        read(bytes)
        if tokens.count == SayingMemory.tokensMaximum { finish(&memory) }
    }

    /// Remembers what has been said so far; the text or the turn is over.
    mutating func finish(_ memory: inout SayingMemory) {
        // Of what is protected nothing may be pushed, so nothing of it is kept.
        if length > 0, !tokens.contains(where: protected.hasToken) {
            memory.append(tokens: tokens, keys: tokenKeys)
        }
        tokens.removeAll(keepingCapacity: true)
        tokenKeys.removeAll(keepingCapacity: true)
        word.removeAll(keepingCapacity: true)
        (length, mayEnd) = (0, false)
    }

    private mutating func read(_ bytes: [UInt8]) {
        for byte in bytes {
            switch byte {
            case 0x2E:
                mayEnd =
                    length >= Self.shortestLength && word.count != 1
                    && !Self.shortForms.contains(word)
            case 0x21, 0x3F: mayEnd = length >= Self.shortestLength
            case 0x30...0x39, 0x61...0x7A, 0x80...0xFF:
                word.append(byte)
                (length, mayEnd) = (length + 1, false)
            case 0x41...0x5A:
                word.append(byte | 0x20)
                (length, mayEnd) = (length + 1, false)
            default: word.removeAll(keepingCapacity: true)
            }
        }
    }
}
