/// The parts of a tokenizer.json, read and checked, from which a `Tokenizer` is made.
struct TokenizerSource {
    static let maximumBytes = 134_217_728
    static let maximumTokens = 4_194_304
    static let maximumAddedTokens = 65_536
    static let maximumAddedTokenBytes = 4_096

    let model: BytePairModel
    let addedTokens: [AddedToken]
    /// Added tokens that the embedding has no row for; in none of the other tables.
    let namesBeyondEmbedding: [String]
    let normalizer: TextNormalizer
    let preTokenizer: PreTokenizer
    let template: (prefix: [TokenID], suffix: [TokenID])
    /// Every token's spelling by its id, added tokens included; nil where an id is not in use.
    let names: [String?]
    let tokensByName: [ExactString: Int32]

    /// `names` as they are decoded: an added token that is looked for in the normalised text
    /// stands for its normalised content.
    var spellings: [String?] {
        var spellings = names
        for token in addedTokens where token.isNormalized {
            let bytes = normalizer.normalize(Array(token.content.utf8)[...])
            spellings[token.id.index] = String(decoding: bytes, as: UTF8.self)
        }
        return spellings
    }

    init(json: [UInt8], embeddingRows: Int?, name: String) throws(ModelFormatError) {
        guard json.count <= Self.maximumBytes else {
            throw .outOfBounds(
                file: name, location: "the file's size", found: "\(json.count) bytes",
                allowed: "at most \(Self.maximumBytes) bytes", remedy: "Check the file.")
        }
        let root = try JSONFields(bytes: json, file: name)
        normalizer = try TextNormalizer(root.fields("normalizer"))
        preTokenizer = try PreTokenizer(root.fields("pre_tokenizer"), file: name)
        try Self.checkDecoder(root.fields("decoder"), in: root)
        let model = try BytePairModel(root.require("model", root.fields("model")))
        self.model = model
        let rows = embeddingRows ?? Self.maximumTokens
        try Self.check(model, embeddingRows: rows, file: name)
        var names = model.names
        var tokensByName = model.tokensByName
        (addedTokens, namesBeyondEmbedding) = try Self.addedTokens(
            root, embeddingRows: rows, &names, &tokensByName)
        self.names = names
        self.tokensByName = tokensByName
        template = try Self.template(root.fields("post_processor"), names.count)
    }

    /// Throws for a token that a text may become and that the model has no row for.
    private static func check(
        _ model: BytePairModel, embeddingRows: Int, file: String
    ) throws(ModelFormatError) {
        // Names end with one: that of the largest index.
        guard model.names.count > embeddingRows, let name = model.names.last ?? nil else { return }
        throw .outOfBounds(
            file: file, location: "the index of token \(quoted(name))",
            found: "\(model.names.count - 1)",
            allowed: "0 to \(embeddingRows - 1): the embedding has \(embeddingRows) rows "
                + "(vocab_size in config.json)",
            remedy: "Tokenizer and weights are of two models, or tokens were added without "
                + "resizing the embedding: fetch both again.")
    }

    private static func checkDecoder(
        _ decoder: JSONFields?, in root: JSONFields
    ) throws(ModelFormatError) {
        guard let decoder else {
            throw root.unsupported("decoder", "null", supported: "ByteLevel")
        }
        let type = try decoder.string("type") ?? ""
        let stages = type == "Sequence" ? try decoder.objects("decoders") : [decoder]
        for stage in stages {
            let type = try stage.string("type") ?? ""
            guard type == "ByteLevel" else {
                throw stage.unsupported("type", quoted(type), supported: "ByteLevel")
            }
        }
    }

    /// Reads `added_tokens` and enters them into the vocabulary. An added token whose text is in
    /// the vocabulary must have the same id there, and no id may mean two texts. Those beyond the
    /// embedding are left out: fine-tuned models often have a `<pad>` there, which no text needs.
    private static func addedTokens(
        _ root: JSONFields, embeddingRows: Int, _ names: inout [String?],
        _ tokensByName: inout [ExactString: Int32]
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
            while names.count <= id { names.append(nil) }
            let key = ExactString(content)
            let known = names[id].map(ExactString.init)
            guard known == nil || known == key,
                tokensByName.updateValue(Int32(id), forKey: key) ?? Int32(id) == Int32(id)
            else {
                throw .malformed(
                    file: root.file, location: entry.path + "id",
                    problem: "\(id) and \(quoted(content)) are not each other's only partners",
                    remedy: "Save the tokenizer again with a current version of its program.")
            }
            names[id] = content
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
