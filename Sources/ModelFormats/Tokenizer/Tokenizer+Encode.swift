extension Tokenizer {
    /// The tokens of a text. Adds none of its own: no start-of-text, no template.
    ///
    /// Added tokens that are not special, such as "<think>" in some vocabularies, are part of the
    /// vocabulary like any other token, in every text: they decode to what was written.
    /// - Parameter parsingSpecialTokens: whether "<|endoftext|>" in the text is the control token of
    ///   that name. For what a template or a program put together; in what a person wrote it is
    ///   thirteen characters.
    /// - Complexity: O(n log n) in the longest piece without spaces, else O(n). Memory about 20
    ///   bytes a byte of text.
    public func encode(_ text: String, parsingSpecialTokens: Bool = false) -> [TokenID] {
        encode(valid: Array(text.utf8), parsingSpecialTokens: parsingSpecialTokens)
    }

    /// The tokens of bytes that need not be UTF-8. Each maximal invalid sequence counts as U+FFFD,
    /// as with `errors="replace"` in Python.
    public func encode(bytes: [UInt8], parsingSpecialTokens: Bool = false) -> [TokenID] {
        encode(
            valid: Array(String(decoding: bytes, as: UTF8.self).utf8),
            parsingSpecialTokens: parsingSpecialTokens)
    }

    /// - Parameter beginsText: whether nothing stands before it.
    func encode(
        valid text: [UInt8], parsingSpecialTokens: Bool, beginsText: Bool = true
    ) -> [TokenID] {
        var encoder = PieceEncoder(tokenizer: self, textLength: text.count)
        let skipping = !parsingSpecialTokens
        for segment in verbatimMatcher.segments(of: text, skippingSpecial: skipping) {
            if let token = segment.token {
                encoder.tokens.append(token)
                continue
            }
            let normal = normalizer.normalize(text[segment.range])
            for part in normalizedMatcher.segments(of: normal, skippingSpecial: skipping) {
                if let token = part.token {
                    encoder.tokens.append(token)
                } else {
                    encoder.append(
                        normal[part.range],
                        beginsText: beginsText && segment.range.lowerBound == 0
                            && part.range.lowerBound == 0)
                }
            }
        }
        return encoder.tokens
    }
}

/// The state of one `encode`: its output, the text as cut, and a memory of pieces.
private struct PieceEncoder {
    /// A piece seen before in this text, and where its tokens are in the output. Nothing is copied
    /// and nothing outlives the call.
    private struct Memory {
        var pieceStart = 0
        var pieceCount = 0
        var tokenStart = 0
        var tokenCount = 0
    }

    /// Longer pieces seldom come twice.
    private static let longestRemembered = 64

    var tokens: [TokenID] = []
    private let tokenizer: Tokenizer
    /// The text after normalisation and prefix spaces, without added tokens.
    private var buffer: [UInt8] = []
    private var memories: [Memory]
    private var merger = PairMerger()

    init(tokenizer: Tokenizer, textLength: Int) {
        self.tokenizer = tokenizer
        var size = 16
        while size < 16_384, size < textLength / 4 { size *= 2 }
        memories = [Memory](repeating: Memory(), count: size)
        tokens.reserveCapacity(textLength / 3)
        buffer.reserveCapacity(textLength)
    }

    mutating func append(_ segment: ArraySlice<UInt8>, beginsText: Bool) {
        var ends: [Int] = []
        var start = buffer.count
        tokenizer.preTokenizer.append(
            segment, beginsText: beginsText, to: &buffer, ends: &ends)
        for end in ends {
            encode(start..<end)
            start = end
        }
    }

    private mutating func encode(_ piece: Range<Int>) {
        guard piece.count <= Self.longestRemembered else {
            merge(piece)
            return
        }
        let slot = PieceHash.hash(buffer.span.extracting(piece)) & (memories.count - 1)
        let memory = memories[slot]
        if memory.pieceCount == piece.count, isEqual(memory.pieceStart, piece) {
            for index in memory.tokenStart..<memory.tokenStart + memory.tokenCount {
                tokens.append(tokens[index])
            }
            return
        }
        let tokenStart = tokens.count
        merge(piece)
        memories[slot] = Memory(
            pieceStart: piece.lowerBound, pieceCount: piece.count, tokenStart: tokenStart,
            tokenCount: tokens.count - tokenStart)
    }

    private func isEqual(_ start: Int, _ piece: Range<Int>) -> Bool {
        for distance in 0..<piece.count
        where buffer[start + distance] != buffer[piece.lowerBound + distance] {
            return false
        }
        return true
    }

    private mutating func merge(_ piece: Range<Int>) {
        tokenizer.pieces.encode(
            piece, of: buffer, vocabulary: tokenizer.vocabulary, with: &merger, into: &tokens)
    }
}
