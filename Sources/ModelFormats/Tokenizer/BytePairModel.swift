/// The `model` of a tokenizer.json: a BPE vocabulary with its merges.
struct BytePairModel {
    let vocabulary: Vocabulary
    let pieces: PieceModel

    /// - Parameter style: whether the vocabulary spells bytes (`SpellingStyle.byteLevel`) or
    ///   characters.
    init(_ fields: JSONFields, style: SpellingStyle) throws(ModelFormatError) {
        // Very old files have no type; only BPE has merges.
        let type = try fields.string("type") ?? "BPE"
        guard type == "BPE" else {
            throw fields.unsupported("type", quoted(type), supported: "BPE")
        }
        let fallsBack = try Self.options(fields, style)
        let names = try fields.require("vocab", try fields.fields("vocab"))
        let vocabulary = try Self.vocabulary(names)
        self.vocabulary = vocabulary
        var unknownToken: Int32?
        if let name = try fields.string("unk_token") {
            unknownToken = try fields.require("vocab[\(quoted(name))]", vocabulary.token(name))
        }
        pieces = PieceModel(
            letters: Self.letters(vocabulary, style, fallsBack: fallsBack),
            merging: .ranked(try Self.merges(fields, vocabulary)),
            wholePieces: try fields.bool("ignore_merges") ?? false
                ? Self.wholePieces(vocabulary, style) : nil,
            unknownToken: unknownToken, fusesUnknown: try fields.bool("fuse_unk") ?? false)
    }

    /// Refuses what we do not do; whether characters fall back to bytes.
    private static func options(
        _ fields: JSONFields, _ style: SpellingStyle
    ) throws(ModelFormatError) -> Bool {
        for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
            let text = try fields.string(key) ?? ""
            guard text.isEmpty else {
                throw fields.unsupported(key, quoted(text), supported: "none")
            }
        }
        if let dropout = try fields.number("dropout", in: 0...1), dropout != 0 {
            throw fields.unsupported("dropout", "\(dropout)", supported: "none")
        }
        let fallsBack = try fields.bool("byte_fallback") ?? false
        guard !fallsBack || style == .sentencePiece else {
            throw fields.unsupported(
                "byte_fallback", "true, and ByteLevel stages beside it", supported: "one of them")
        }
        return fallsBack
    }

    /// The letters that merging begins with.
    static func letters(
        _ vocabulary: Vocabulary, _ style: SpellingStyle, fallsBack: Bool
    ) -> PieceModel.Letters {
        switch style {
        case .byteLevel:
            .bytes(ByteAlphabet.letters.map { vocabulary.token(String($0)) ?? -1 })
        case .sentencePiece:
            .characters(
                byteTokens: (0...255).map { (byte: UInt8) in
                    guard fallsBack else { return -1 }
                    return vocabulary.token(SpellingStyle.spelling(of: byte)) ?? -1
                })
        }
    }

    /// The tokens by the pieces that they are: those that spell bytes by what they spell.
    static func wholePieces(_ vocabulary: Vocabulary, _ style: SpellingStyle) -> Vocabulary {
        guard style == .byteLevel else { return vocabulary }
        var pieces = Vocabulary(capacity: vocabulary.count)
        var piece: [UInt8] = []
        for index in 0..<vocabulary.count {
            piece.removeAll(keepingCapacity: true)
            guard let spelling = vocabulary[index], ByteAlphabet.append(spelling, to: &piece)
            else { continue }
            // Two spellings of one piece do not exist: each letter has one byte.
            _ = pieces.insert(piece.span, at: index)
        }
        return pieces
    }

    private static func vocabulary(_ fields: JSONFields) throws(ModelFormatError) -> Vocabulary {
        let members = fields.object.members
        guard !members.isEmpty, members.count <= TokenizerSource.maximumTokens else {
            throw .outOfBounds(
                file: fields.file, location: fields.path, found: "\(members.count) tokens",
                allowed: "1 to \(TokenizerSource.maximumTokens)", remedy: "Check the file.")
        }
        var vocabulary = Vocabulary(capacity: members.count)
        for (name, value) in members {
            guard let id = value.integerValue, id >= 0, id < TokenizerSource.maximumTokens else {
                throw fields.wrongType(
                    quoted(name), value,
                    expected: "an index of 0 to \(TokenizerSource.maximumTokens - 1)")
            }
            // No two members of an object have one name.
            guard case .done = vocabulary.insert(Array(name.utf8).span, at: id) else {
                throw .malformed(
                    file: fields.file, location: fields.path + quoted(name),
                    problem: "the index \(id) belongs to "
                        + quoted(vocabulary.name(of: id) ?? "") + " already",
                    remedy: "Save the tokenizer again.")
            }
        }
        return vocabulary
    }

    /// Both forms of a merge: `"a b"` and `["a", "b"]`. Its rank is its place.
    private static func merges(
        _ fields: JSONFields, _ vocabulary: Vocabulary
    ) throws(ModelFormatError) -> MergeTable {
        let list = try fields.array("merges") ?? []
        guard list.count <= TokenizerSource.maximumTokens else {
            throw .outOfBounds(
                file: fields.file, location: "\(fields.path)merges", found: "\(list.count)",
                allowed: "at most \(TokenizerSource.maximumTokens)", remedy: "Check the file.")
        }
        var table = MergeTable(capacity: list.count)
        for (rank, value) in list.enumerated() {
            guard let (left, right) = pair(value) else {
                throw fields.wrongType(
                    "merges[\(rank)]", value, expected: "two tokens, as \"a b\" or [\"a\", \"b\"]")
            }
            guard table.insert(left.span, right.span, rank: rank, of: vocabulary) else {
                throw .missing(
                    file: fields.file,
                    item: "a token of \(fields.path)merges[\(rank)] ("
                        + quoted(String(decoding: left, as: UTF8.self)) + ", "
                        + quoted(String(decoding: right, as: UTF8.self)) + " or both together)",
                    remedy: "vocab and merges do not belong together: fetch the tokenizer again.")
            }
        }
        return table
    }

    private static func pair(_ value: JSONValue) -> ([UInt8], [UInt8])? {
        switch value {
        case .string(let text):
            let parts = text.utf8.split(
                separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            guard parts.count == 2 else { return nil }
            return (Array(parts[0]), Array(parts[1]))
        case .array(let parts):
            guard parts.count == 2, let left = parts[0].stringValue,
                let right = parts[1].stringValue
            else { return nil }
            return (Array(left.utf8), Array(right.utf8))
        default:
            return nil
        }
    }
}
