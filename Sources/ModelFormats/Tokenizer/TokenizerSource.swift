/// The parts of a tokenizer, read and checked, from which a `Tokenizer` is made.
struct TokenizerSource {
    static let maximumBytes = 134_217_728
    static let maximumTokens = 4_194_304
    static let maximumAddedTokens = 65_536
    static let maximumAddedTokenBytes = 4_096

    let vocabulary: Vocabulary
    let pieces: PieceModel
    let style: SpellingStyle
    let addedTokens: [AddedToken]
    /// Added tokens that the embedding has no row for; not in the vocabulary.
    let namesBeyondEmbedding: [String]
    let normalizer: TextNormalizer
    let preTokenizer: PreTokenizer
    let template: (prefix: [TokenID], suffix: [TokenID])
    /// Whether a text gets a space of the tokenizer's own before it.
    let addsLeadingSpace: Bool
    /// Whether added tokens stand for their spelling as it is, or for what their spelling means.
    let addedTokensAreVerbatim: Bool

    init(json: [UInt8], embeddingRows: Int?, name: String) throws(ModelFormatError) {
        guard json.count <= Self.maximumBytes else {
            throw .outOfBounds(
                file: name, location: "the file's size", found: "\(json.count) bytes",
                allowed: "at most \(Self.maximumBytes) bytes", remedy: "Check the file.")
        }
        let root = try JSONFields(bytes: json, file: name)
        normalizer = try TextNormalizer(root.fields("normalizer"))
        let decoder = try root.fields("decoder")
        let decoding = try Self.decoding(decoder)
        style = decoding?.style ?? .byteLevel
        preTokenizer =
            switch style {
            case .byteLevel:
                try PreTokenizer(byteLevel: root.fields("pre_tokenizer"), file: name)
            case .sentencePiece: try PreTokenizer(sentencePiece: root.fields("pre_tokenizer"))
            }
        guard let decoding else {
            throw root.unsupported("decoder", "null", supported: Self.decoders)
        }
        addsLeadingSpace = decoding.stripsSpace
        addedTokensAreVerbatim = false
        let model = try BytePairModel(root.require("model", root.fields("model")), style: style)
        pieces = model.pieces
        let rows = embeddingRows ?? Self.maximumTokens
        var vocabulary = model.vocabulary
        try Self.check(vocabulary, embeddingRows: rows, file: name)
        (addedTokens, namesBeyondEmbedding) = try Self.addedTokens(
            root, embeddingRows: rows, &vocabulary)
        self.vocabulary = vocabulary
        template = try Self.template(root.fields("post_processor"), vocabulary.count)
    }

    /// Throws for a token that a text may become and that the model has no row for.
    static func check(
        _ vocabulary: Vocabulary, embeddingRows: Int, file: String
    ) throws(ModelFormatError) {
        // The last index is in use.
        guard vocabulary.count > embeddingRows else { return }
        let last = vocabulary.count - 1
        throw .outOfBounds(
            file: file,
            location: "the index of token \(quoted(vocabulary.name(of: last) ?? ""))",
            found: "\(last)",
            allowed: "0 to \(embeddingRows - 1): the embedding has \(embeddingRows) rows "
                + "(vocab_size in config.json)",
            remedy: "Tokenizer and weights are of two models, or tokens were added without "
                + "resizing the embedding: fetch both again.")
    }

    private static let decoders =
        "ByteLevel; Metaspace; a Sequence of Replace, ByteFallback, Fuse and Strip, as Llama 2 and "
        + "Gemma have it"

    /// How the `decoder` reads spellings, and whether it drops a text's first space; nil where there
    /// is none.
    private static func decoding(
        _ decoder: JSONFields?
    ) throws(ModelFormatError) -> (style: SpellingStyle, stripsSpace: Bool)? {
        guard let decoder else { return nil }
        let isSequence = try decoder.string("type") == "Sequence"
        var style: SpellingStyle?
        var stripsSpace = false
        for stage in isSequence ? try decoder.objects("decoders") : [decoder] {
            let type = try stage.string("type") ?? ""
            func refusal(_ key: String) -> ModelFormatError {
                stage.unsupported(key, quoted(type), supported: decoders)
            }
            let before = style
            switch type {
            case "ByteLevel": style = .byteLevel
            case "Metaspace":
                style = .sentencePiece
                stripsSpace = try PreTokenizer.prefix(of: stage) != .never
            case "Replace":
                let pattern = try stage.fields("pattern")?.string("String") ?? ""
                guard Array(pattern.utf8) == SpellingStyle.space,
                    try stage.string("content") == " "
                else { throw refusal("pattern") }
                style = .sentencePiece
            case "ByteFallback", "Fuse": style = .sentencePiece
            case "Strip":
                guard try stage.string("content") == " ",
                    try stage.integer("start", in: 0...1) == 1,
                    try stage.integer("stop", in: 0...0) == 0
                else { throw refusal("content") }
                style = .sentencePiece
                stripsSpace = true
            default: throw refusal("type")
            }
            guard before == nil || before == style else { throw refusal("type") }
        }
        return style.map { ($0, stripsSpace) }
    }

    /// Reads `added_tokens` and enters them into the vocabulary. An added token whose text is in
    /// the vocabulary must have the same id there, and no id may mean two texts. Those beyond the
    /// embedding are left out: fine-tuned models often have a `<pad>` there, which no text needs.
    private static func addedTokens(
        _ root: JSONFields, embeddingRows: Int, _ vocabulary: inout Vocabulary
    ) throws(ModelFormatError) -> (tokens: [AddedToken], beyondEmbedding: [String]) {
        var tokens: [AddedToken] = []
        var beyond: [String] = []
        let entries = try root.objects("added_tokens")
        guard entries.count <= maximumAddedTokens else {
            throw .outOfBounds(
                file: root.file, location: "added_tokens", found: "\(entries.count)",
                allowed: "at most \(maximumAddedTokens)", remedy: "Check the file.")
        }
        for entry in entries {
            let content = try entry.require("content", try entry.string("content"))
            guard content.utf8.count <= maximumAddedTokenBytes else {
                throw .outOfBounds(
                    file: root.file, location: entry.path + "content",
                    found: "\(content.utf8.count) bytes",
                    allowed: "at most \(maximumAddedTokenBytes)", remedy: "Check the file.")
            }
            let id = try entry.require("id", try entry.integer("id", in: 0...maximumTokens - 1))
            guard id < embeddingRows else {
                beyond.append(content)
                continue
            }
            let isSpecial = try entry.bool("special") ?? false
            tokens.append(
                AddedToken(
                    id: TokenID(id), content: content, isSpecial: isSpecial,
                    stripsLeft: try entry.bool("lstrip") ?? false,
                    stripsRight: try entry.bool("rstrip") ?? false,
                    isSingleWord: try entry.bool("single_word") ?? false,
                    isNormalized: try entry.bool("normalized") ?? !isSpecial))
            guard case .done = vocabulary.insert(Array(content.utf8).span, at: id) else {
                throw .malformed(
                    file: root.file, location: entry.path + "id",
                    problem: "\(id) and \(quoted(content)) are not each other's only partners",
                    remedy: "Save the tokenizer again with a current version of its program.")
            }
        }
        return (tokens, beyond)
    }

    /// What the post-processor puts around a single text.
    private static func template(
        _ processor: JSONFields?, _ vocabularySize: Int
    ) throws(ModelFormatError) -> (prefix: [TokenID], suffix: [TokenID]) {
        guard let processor else { return ([], []) }
        let type = try processor.string("type") ?? ""
        switch type {
        case "ByteLevel":
            return ([], [])
        case "Sequence":
            var result: (prefix: [TokenID], suffix: [TokenID]) = ([], [])
            for stage in try processor.objects("processors") {
                let inner = try template(stage, vocabularySize)
                if inner.prefix.isEmpty && inner.suffix.isEmpty { continue }
                // The reference takes what a first one made for a pair of texts.
                guard result.prefix.isEmpty && result.suffix.isEmpty else {
                    throw processor.unsupported(
                        "processors", "several templates", supported: "one")
                }
                result = inner
            }
            return result
        case "TemplateProcessing":
            return try singleTemplate(processor, vocabularySize)
        default:
            throw processor.unsupported(
                "type", quoted(type), supported: "ByteLevel, TemplateProcessing, Sequence")
        }
    }

    private static func singleTemplate(
        _ processor: JSONFields, _ vocabularySize: Int
    ) throws(ModelFormatError) -> (prefix: [TokenID], suffix: [TokenID]) {
        let special = try processor.fields("special_tokens")
        var prefix: [TokenID] = []
        var suffix: [TokenID] = []
        var sawText = false
        for part in try processor.objects("single") {
            if part["Sequence"] != nil {
                guard !sawText else {
                    throw processor.unsupported(
                        "single", "the text several times", supported: "the text once")
                }
                sawText = true
                continue
            }
            let token = try part.require("SpecialToken", try part.fields("SpecialToken"))
            let name = try token.require("id", try token.string("id"))
            let entry = try processor.require(
                "special_tokens[\(quoted(name))]", try special?.fields(name))
            for value in try entry.array("ids") ?? [] {
                guard let id = value.integerValue, id >= 0, id < vocabularySize else {
                    throw entry.wrongType("ids", value, expected: "a list of tokens' indices")
                }
                if sawText { suffix.append(TokenID(id)) } else { prefix.append(TokenID(id)) }
            }
        }
        guard sawText else {
            throw processor.unsupported(
                "single", "a template without the text", supported: "the text once")
        }
        return (prefix, suffix)
    }
}
