/// How the pieces of a text become tokens: byte pair encoding over bytes or over characters, by a
/// list of merges or by the tokens' scores.
struct PieceModel: Sendable {
    /// What merging begins with.
    enum Letters: Sendable {
        /// Bytes: the token of each, -1 where the vocabulary has none.
        case bytes([Int32])
        /// Characters. One that is no token is spelled by the tokens of its bytes, which are -1
        /// where the vocabulary has none.
        case characters(byteTokens: [Int32])
    }

    enum Merging: Sendable {
        case ranked(MergeTable)
        /// `ScoredPairs`, by each token's rank.
        case scored([UInt32])
    }

    let letters: Letters
    let merging: Merging
    /// The tokens by their bytes in a text, where a piece that is one as a whole is not merged
    /// (`ignore_merges`).
    let wholePieces: Vocabulary?
    /// What stands for a letter without a token; nil to leave such letters out, as the reference
    /// does.
    let unknownToken: Int32?
    /// Whether a run of unknown letters is one unknown token.
    let fusesUnknown: Bool

    /// Appends the tokens of a piece, `text[piece]`, to `output`.
    ///
    /// - Complexity: O(n log n) in the piece's bytes.
    func encode(
        _ piece: Range<Int>, of text: [UInt8], vocabulary: Vocabulary,
        with merger: inout PairMerger, into output: inout [TokenID]
    ) {
        precondition(text.count < Int(Int32.max), "a text is limited to 2^31 bytes")
        if let token = wholePieces?.token(text.span.extracting(piece)) {
            output.append(TokenID(rawValue: token))
            return
        }
        merger.begin()
        switch merging {
        case .ranked(let table):
            appendLetters(of: piece, of: text, vocabulary, to: &merger)
            merger.merge(by: table)
            merger.visit { output.append(TokenID(rawValue: $0.token)) }
        case .scored(let ranks):
            appendCharacters(of: piece, of: text, vocabulary, to: &merger)
            merger.merge(by: ScoredPairs(vocabulary: vocabulary, ranks: ranks, text: text))
            merger.visit { symbol in
                let start = Int(symbol.start)
                spell(symbol.token, text[start..<start + Int(symbol.count)], into: &output)
            }
        }
    }

    /// Every letter has a token, or the unknown one, or is left out.
    private func appendLetters(
        of piece: Range<Int>, of text: [UInt8], _ vocabulary: Vocabulary,
        to merger: inout PairMerger
    ) {
        var lastIsUnknown = false
        func append(_ token: Int32, _ start: Int) {
            guard token < 0 else {
                merger.append(token: token, start: start)
                lastIsUnknown = false
                return
            }
            guard let unknownToken else { return }
            if !(lastIsUnknown && fusesUnknown) {
                merger.append(token: unknownToken, start: start)
            }
            lastIsUnknown = true
        }
        switch letters {
        case .bytes(let tokens):
            for offset in piece { append(tokens[Int(text[offset])], offset) }
        case .characters(let byteTokens):
            forEachCharacter(of: piece, of: text) { character in
                if let token = vocabulary.token(text.span.extracting(character)) {
                    append(token, character.lowerBound)
                } else if character.allSatisfy({ byteTokens[Int(text[$0])] >= 0 }) {
                    for offset in character { append(byteTokens[Int(text[offset])], offset) }
                } else {
                    append(-1, character.lowerBound)
                }
            }
        }
    }

    private func appendCharacters(
        of piece: Range<Int>, of text: [UInt8], _ vocabulary: Vocabulary,
        to merger: inout PairMerger
    ) {
        forEachCharacter(of: piece, of: text) { character in
            merger.append(
                token: vocabulary.token(text.span.extracting(character)) ?? -1,
                start: character.lowerBound, count: character.count)
        }
    }

    private func forEachCharacter(
        of piece: Range<Int>, of text: [UInt8], _ body: (Range<Int>) -> Void
    ) {
        var offset = piece.lowerBound
        while offset < piece.upperBound {
            let length = ValidUTF8.scalar(in: text, at: offset).length
            body(offset..<offset + length)
            offset += length
        }
    }

    /// A symbol's token, or the tokens of its bytes.
    private func spell(_ token: Int32, _ bytes: ArraySlice<UInt8>, into output: inout [TokenID]) {
        guard token < 0, case .characters(let byteTokens) = letters else {
            output.append(TokenID(rawValue: token))
            return
        }
        for byte in bytes {
            let token = byteTokens[Int(byte)]
            if token >= 0 {
                output.append(TokenID(rawValue: token))
            } else if let unknownToken {
                output.append(TokenID(rawValue: unknownToken))
            }
        }
    }
}
