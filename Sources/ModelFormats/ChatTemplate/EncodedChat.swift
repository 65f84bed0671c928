/// A conversation as the tokens that a model reads, with what of them came out of the conversation.
public struct EncodedChat: Sendable, Equatable {
    public struct Span: Sendable, Equatable {
        /// Of `EncodedChat.tokens`. All that these tokens say, spaces at their borders aside, is the
        /// source's; a token that the template had a part in is in no span.
        public var range: Range<Int>
        public var source: RenderedChat.Source
    }

    public var tokens: [TokenID]
    /// Ascending, disjoint, none empty.
    public var spans: [Span]

    public init(tokens: [TokenID], spans: [Span] = []) {
        self.tokens = tokens
        self.spans = spans
    }
}

extension Tokenizer {
    /// The tokens of a rendered conversation: names of control tokens are those tokens where the
    /// template wrote them, and letters in what came out of the conversation, whatever it says.
    ///
    /// Between control tokens the text is cut as a whole, as if it had come in one piece, so that a
    /// conversation without such names has the tokens that transformers gives it.
    /// - Complexity: as `encode`.
    public func encode(_ chat: RenderedChat) -> EncodedChat {
        let text = Array(chat.text.utf8)
        var encoded = EncodedChat(tokens: [])
        var run: [ChatPiece] = []
        func finishRun(_ end: Int) {
            guard let start = run.first?.range.lowerBound, start < end else { return }
            append(run, of: text, to: &encoded)
            run = []
        }
        for piece in ChatPiece.all(of: chat, count: text.count) {
            guard piece.source == nil else {
                run.append(piece)
                continue
            }
            let (start, own) = (piece.range.lowerBound, Array(text[piece.range]))
            for segment in controlMatcher.segments(of: own, skippingSpecial: false) {
                let range = start + segment.range.lowerBound..<start + segment.range.upperBound
                if let token = segment.token {
                    finishRun(range.lowerBound)
                    encoded.tokens.append(token)
                } else {
                    run.append(ChatPiece(range: range, source: nil))
                }
            }
        }
        finishRun(text.count)
        return encoded
    }

    /// Encodes pieces that follow each other without a control token between them.
    private func append(_ pieces: [ChatPiece], of text: [UInt8], to encoded: inout EncodedChat) {
        let range = pieces[0].range.lowerBound..<pieces[pieces.count - 1].range.upperBound
        let tokens = encode(
            valid: Array(text[range]), parsingSpecialTokens: false,
            beginsText: range.lowerBound == 0)
        guard let owners = owners(of: tokens, in: pieces, text) else {
            // Where a border cannot be found again behind the normaliser, it is one of tokens too.
            for piece in pieces where pieces.count > 1 {
                append([piece], of: text, to: &encoded)
            }
            return
        }
        for (token, owner) in zip(tokens, owners) {
            let index = encoded.tokens.count
            encoded.tokens.append(token)
            guard let owner, let source = pieces[owner].source else { continue }
            let last = encoded.spans.indices.last
            if let last, encoded.spans[last].source == source,
                encoded.spans[last].range.upperBound == index
            {
                encoded.spans[last].range = encoded.spans[last].range.lowerBound..<index + 1
            } else {
                encoded.spans.append(.init(range: index..<index + 1, source: source))
            }
        }
    }

    /// Whose each token is: the index of a piece, nil for one that belongs to several.
    /// - Returns: nil where the tokens do not spell the pieces, one after the other.
    private func owners(
        of tokens: [TokenID], in pieces: [ChatPiece], _ text: [UInt8]
    ) -> [Int?]? {
        if pieces.count == 1 { return tokens.map { _ in 0 } }
        let spelled = tokens.flatMap { byteSlice(of: $0) }
        var normal: [UInt8] = []
        var owner: [Int] = []
        for (index, piece) in pieces.enumerated() {
            let part = plainlyNormalized(text[piece.range])
            normal += part
            owner += [Int](repeating: index, count: part.count)
        }
        // What the tokenizer puts before a text of its own accord.
        let prefix = spelled.count - normal.count
        guard prefix == 0 || prefix == 1 && spelled.first == UInt8(ascii: " "),
            spelled.dropFirst(prefix).elementsEqual(normal)
        else { return nil }
        owner = [Int](repeating: owner.first ?? 0, count: prefix) + owner
        var position = 0
        return tokens.map { token in
            let bytes = position..<position + byteSlice(of: token).count
            position = bytes.upperBound
            let said = bytes.filter { !Self.isSpace(spelled[$0]) }
            let owners = Set((said.isEmpty ? Array(bytes) : said).map { owner[$0] })
            return owners.count == 1 ? owners.first : nil
        }
    }

    /// The normal form as tokens spell it: with spaces as spaces, and none put before.
    private func plainlyNormalized(_ text: ArraySlice<UInt8>) -> [UInt8] {
        TextNormalizer(steps: normalizer.steps.filter { $0 == .nfc }).normalize(text)
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (9...13).contains(byte) }
}

/// A stretch of a rendered conversation: what the template wrote, or something out of the request.
private struct ChatPiece {
    let range: Range<Int>
    let source: RenderedChat.Source?

    static func all(of chat: RenderedChat, count: Int) -> [ChatPiece] {
        var pieces: [ChatPiece] = []
        var end = 0
        func template(until start: Int) {
            if end < start { pieces.append(ChatPiece(range: end..<start, source: nil)) }
        }
        for span in chat.spans {
            template(until: span.range.lowerBound)
            pieces.append(ChatPiece(range: span.range, source: span.source))
            end = span.range.upperBound
        }
        template(until: count)
        return pieces
    }
}
