extension TokenizerSource {
    /// The kinds of tokens, by their numbers in `tokenizer.ggml.token_type`.
    private enum Kind {
        static let unknown = 2
        static let control = 3
        static let userDefined = 4
    }

    private static let maximumArenaBytes = 268_435_456

    /// Reads a tokenizer from a GGUF file's metadata (`tokenizer.ggml.*`).
    ///
    /// - Parameter embeddingRows: how many tokens the model has rows for; nil: for all of them.
    /// - Throws: `ModelFormatError` when keys are missing or damaged, for another `model` than
    ///   "gpt2" and "llama", and for a `pre` that is not known.
    init(gguf metadata: GGUFMetadata, embeddingRows: Int?) throws(ModelFormatError) {
        let key = "tokenizer.ggml.model"
        let model = try metadata.require(key, try metadata.string(key))
        let vocabulary = try Self.vocabulary(metadata)
        try Self.check(
            vocabulary, embeddingRows: embeddingRows ?? Self.maximumTokens, file: metadata.file)
        let kinds = try Self.kinds(metadata, vocabulary)
        self.vocabulary = vocabulary
        addedTokens = Self.addedTokens(kinds, vocabulary)
        addedTokensAreVerbatim = true
        namesBeyondEmbedding = []
        normalizer = .none
        let addsStart: Bool
        switch model {
        case "gpt2":
            style = .byteLevel
            addsLeadingSpace = false
            let family = try PreTokenizer.family(of: metadata)
            preTokenizer = family.preTokenizer
            addsStart = family.addsStart
            pieces = PieceModel(
                letters: BytePairModel.letters(vocabulary, .byteLevel, fallsBack: false),
                merging: .ranked(try Self.merges(metadata, vocabulary)),
                wholePieces: family.ignoresMerges
                    ? BytePairModel.wholePieces(vocabulary, .byteLevel) : nil,
                unknownToken: nil, fusesUnknown: false)
        case "llama":
            style = .sentencePiece
            addsLeadingSpace = try metadata.bool("tokenizer.ggml.add_space_prefix") ?? true
            preTokenizer = PreTokenizer(
                splitsLikeGPT2: false, prefix: addsLeadingSpace ? .everywhereAgain : .never)
            addsStart = true
            let unknown = try Self.token("unknown", metadata, vocabulary)
            pieces = PieceModel(
                letters: try Self.characters(vocabulary, unknown, metadata),
                merging: .scored(try Self.ranks(metadata, vocabulary)), wholePieces: nil,
                unknownToken: unknown.map { Int32($0) }, fusesUnknown: false)
        default:
            throw metadata.unsupported(
                key, quoted(model), supported: "gpt2 (BPE of bytes), llama (SentencePiece's BPE)")
        }
        template = (
            try Self.frame("bos", addsStart, metadata, vocabulary),
            try Self.frame("eos", false, metadata, vocabulary)
        )
    }

    private static func vocabulary(
        _ metadata: GGUFMetadata
    ) throws(ModelFormatError) -> Vocabulary {
        let key = "tokenizer.ggml.tokens"
        let tokens = try metadata.require(key, try metadata.array(key))
        guard tokens.count > 0, tokens.count <= maximumTokens else {
            throw metadata.outOfBounds(key, "\(tokens.count) tokens", "1 to \(maximumTokens)")
        }
        guard tokens.byteCount <= maximumArenaBytes else {
            throw metadata.outOfBounds(
                key, "\(tokens.byteCount) bytes", "at most \(maximumArenaBytes)")
        }
        var vocabulary = Vocabulary(capacity: tokens.count, byteCapacity: tokens.byteCount)
        try tokens.forEachString { (index, bytes) throws(ModelFormatError) in
            // A token without a spelling is there, and nothing becomes it.
            guard !bytes.isEmpty else { return vocabulary.skip(to: index) }
            let spelling = bytes.bindMemory(to: UInt8.self).span
            if case .spellingTaken(let other) = vocabulary.insert(spelling, at: index) {
                throw metadata.malformed(
                    "\(key)[\(index)]",
                    "\(quoted(String(decoding: bytes, as: UTF8.self))) is the token \(other) "
                        + "already")
            }
        }
        return vocabulary
    }

    /// Each token's kind. The tokens that end a turn or frame a text are control tokens, and so are
    /// those that look like some, whatever the file says: a text from people must not speak them.
    private static func kinds(
        _ metadata: GGUFMetadata, _ vocabulary: Vocabulary
    ) throws(ModelFormatError) -> [Int] {
        let key = "tokenizer.ggml.token_type"
        var kinds =
            try metadata.array(key)?.integers(atMost: maximumTokens)
            ?? [Int](repeating: 1, count: vocabulary.count)
        try requireEach(vocabulary, kinds.count, key, metadata)
        for name in ["bos", "eos", "eot", "eom", "seperator", "padding", "mask"] {
            if let token = try token(name, metadata, vocabulary) { kinds[token] = Kind.control }
        }
        if let token = try token("unknown", metadata, vocabulary) { kinds[token] = Kind.unknown }
        for (index, kind) in kinds.enumerated() where kind == Kind.userDefined {
            if let spelling = vocabulary[index], looksLikeControl(spelling) {
                kinds[index] = Kind.control
            }
        }
        return kinds
    }

    /// "<|im_end|>", "<｜User｜>", "<end_of_turn>" and their kind.
    private static func looksLikeControl(_ spelling: ArraySlice<UInt8>) -> Bool {
        let frames: [(StaticString, StaticString)] = [("<|", "|>"), ("<｜", "｜>")]
        let isFramed = frames.contains { head, tail in
            let (head, tail) = (Array("\(head)".utf8), Array("\(tail)".utf8))
            return spelling.count >= head.count + tail.count && spelling.starts(with: head)
                && spelling.suffix(tail.count).elementsEqual(tail)
        }
        return isFramed
            || ["<end_of_turn>", "<start_of_turn>"].contains { spelling.elementsEqual($0.utf8) }
    }

    /// Names of tokens at which a model stops speaking; converters often leave all but one out of the
    /// keys. llama.cpp goes by such names too.
    private static let turnEnds: Set<String> = [
        "<|im_end|>", "<|eot_id|>", "<|eom_id|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
        "<|end_of_text|>", "</s>", "<EOT>", "<｜end▁of▁sentence｜>", "<end_of_utterance>",
    ]

    /// The control tokens at which a model stops speaking, by their names. To Gemma "</s>" is HTML.
    static func turnEnds(_ metadata: GGUFMetadata) throws(ModelFormatError) -> [TokenID] {
        guard let tokens = try metadata.array("tokenizer.ggml.tokens"),
            tokens.count <= maximumTokens
        else { return [] }
        let kinds = try metadata.array("tokenizer.ggml.token_type")?
            .integers(atMost: maximumTokens)
        var found: [TokenID] = []
        try tokens.forEachString { (index, bytes) throws(ModelFormatError) in
            guard bytes.count > 3, bytes[0] == UInt8(ascii: "<"), bytes.count < 32 else { return }
            let isControl = kinds.map { index < $0.count && $0[index] == Kind.control } ?? false
            if turnEnds.contains(String(decoding: bytes, as: UTF8.self)),
                isControl || looksLikeControl(Array(bytes)[...])
            {
                found.append(TokenID(index))
            }
        }
        return found
    }

    private static func addedTokens(_ kinds: [Int], _ vocabulary: Vocabulary) -> [AddedToken] {
        kinds.indices.compactMap { index in
            let kind = kinds[index]
            // What is no UTF-8 is in no text.
            guard [Kind.unknown, Kind.control, Kind.userDefined].contains(kind),
                let spelling = vocabulary[index],
                let content = String(validating: spelling, as: UTF8.self)
            else { return nil }
            return AddedToken(
                id: TokenID(index), content: content, isSpecial: kind != Kind.userDefined,
                stripsLeft: false, stripsRight: false, isSingleWord: false, isNormalized: false)
        }
    }

    private static func merges(
        _ metadata: GGUFMetadata, _ vocabulary: Vocabulary
    ) throws(ModelFormatError) -> MergeTable {
        let key = "tokenizer.ggml.merges"
        let merges = try metadata.require(key, try metadata.array(key))
        guard merges.count <= maximumTokens else {
            throw metadata.outOfBounds(key, "\(merges.count)", "at most \(maximumTokens)")
        }
        var table = MergeTable(capacity: merges.count)
        try merges.forEachString { (rank, bytes) throws(ModelFormatError) in
            let merge = bytes.bindMemory(to: UInt8.self)
            // A token may begin with a space, but then it has more.
            let gap = merge.dropFirst().firstIndex(of: UInt8(ascii: " ")) ?? 0
            let all = merge.span
            guard gap > 0,
                table.insert(
                    all.extracting(0..<gap), all.extracting(gap + 1..<all.count), rank: rank,
                    of: vocabulary)
            else {
                throw metadata.malformed(
                    "\(key)[\(rank)]",
                    "\(quoted(String(decoding: bytes, as: UTF8.self))) is not two tokens with a "
                        + "space between them that are a token together")
            }
        }
        return table
    }

    /// The order in which tokens are merged to: by descending scores.
    private static func ranks(
        _ metadata: GGUFMetadata, _ vocabulary: Vocabulary
    ) throws(ModelFormatError) -> [UInt32] {
        let key = "tokenizer.ggml.scores"
        let scores = try metadata.require(key, try metadata.array(key))
            .floats(atMost: maximumTokens)
        try requireEach(vocabulary, scores.count, key, metadata)
        if let index = scores.firstIndex(where: \.isNaN) {
            throw metadata.malformed("\(key)[\(index)]", "a score that is no number")
        }
        return scores.map { score in
            // IEEE numbers, zero without its sign, as integers of the same order.
            let bits = (score + 0).bitPattern
            let ascending = bits >> 31 == 1 ? ~bits : bits | 1 << 31
            return ~ascending
        }
    }

    /// A list beside the vocabulary has an element for each token.
    private static func requireEach(
        _ vocabulary: Vocabulary, _ count: Int, _ key: String, _ metadata: GGUFMetadata
    ) throws(ModelFormatError) {
        guard count == vocabulary.count else {
            throw metadata.outOfBounds(
                key, "\(count) elements", "\(vocabulary.count), one a token")
        }
    }

    /// The tokens of bytes, for characters that are no tokens.
    private static func characters(
        _ vocabulary: Vocabulary, _ unknown: Int?, _ metadata: GGUFMetadata
    ) throws(ModelFormatError) -> PieceModel.Letters {
        let tokens = (0...255).map { (byte: UInt8) in
            vocabulary.token(SpellingStyle.spelling(of: byte))
                ?? vocabulary.token([byte].span) ?? -1
        }
        if let byte = tokens.firstIndex(of: -1), unknown == nil {
            throw metadata.malformed(
                "tokenizer.ggml.tokens",
                "there is no token for the byte \(byte) and no unknown token")
        }
        return .characters(byteTokens: tokens)
    }

    /// The token that a key such as `tokenizer.ggml.bos_token_id` names.
    private static func token(
        _ name: String, _ metadata: GGUFMetadata, _ vocabulary: Vocabulary
    ) throws(ModelFormatError) -> Int? {
        try metadata.integer(
            "tokenizer.ggml.\(name)_token_id", in: 0...vocabulary.count - 1)
    }

    /// What goes before or behind a text.
    private static func frame(
        _ name: String, _ isDefault: Bool, _ metadata: GGUFMetadata, _ vocabulary: Vocabulary
    ) throws(ModelFormatError) -> [TokenID] {
        let isWanted = try metadata.bool("tokenizer.ggml.add_\(name)_token") ?? isDefault
        guard isWanted, let token = try token(name, metadata, vocabulary) else { return [] }
        return [TokenID(token)]
    }
}
