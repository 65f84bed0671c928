/// A byte-level BPE tokenizer, read from a Hugging Face `tokenizer.json`.
///
/// Token for token equal to the `tokenizers` package for the families of GPT-2, Llama 3, Qwen 2
/// and 3, and SmolLM. Immutable and thread-safe; a copy shares its tables.
public struct Tokenizer: Sendable {
    /// Rows that an embedding needs: the largest token plus one.
    public let vocabularySize: Int
    /// Control tokens such as `<|endoftext|>`: left out of decoded text, and read from a text only
    /// where the caller allows it.
    public let specialTokens: Set<TokenID>
    /// Added tokens for which the embedding has no row, in the file's order. Such a token can
    /// neither be read nor made: its name in a text is text.
    public let namesBeyondEmbedding: [String]
    /// What the file's post-processor puts before a text. `encode` does not: the caller decides.
    public let sequencePrefix: [TokenID]
    /// What the file's post-processor puts behind a text. `encode` does not, and no prompt gets it:
    /// what is to be continued has not ended.
    public let sequenceSuffix: [TokenID]

    let preTokenizer: PreTokenizer
    let normalizer: TextNormalizer
    /// The added tokens that are looked for in the text as written.
    let verbatimMatcher: AddedTokenMatcher
    /// The added tokens that are looked for in the normalised text.
    let normalizedMatcher: AddedTokenMatcher
    let merges: MergeTable
    /// The token of each byte's letter; -1 where the vocabulary has none.
    let letterTokens: [Int32]
    /// `ignore_merges`: a piece that is a token as a whole is not merged.
    let wholePieces: PieceTable?
    /// What stands for a byte without a letter; nil to leave such bytes out, as the reference does.
    let unknownToken: Int32?
    /// Whether a run of unknown bytes is one unknown token.
    let fusesUnknown: Bool

    private let tokensByName: [ExactString: Int32]
    /// All tokens' bytes, one after the other.
    private let tokenBytes: [UInt8]
    /// Where each token's bytes begin, and the end of the last.
    private let tokenStarts: [Int]

    /// Reads `tokenizer.json` of a model's folder.
    ///
    /// - Parameter embeddingRows: how many tokens the model has rows for; nil: for all of them.
    /// - Throws: `ModelFormatError` when the file is damaged, the tokenizer is of another kind, or
    ///   its vocabulary goes beyond the embedding.
    public init(folder: String, embeddingRows: Int? = nil) throws(ModelFormatError) {
        let path = FolderPath.join(folder, "tokenizer.json")
        guard FolderPath.isFile(path) else {
            throw .missing(
                file: folder, item: "tokenizer.json",
                remedy: "Save the tokenizer with a fast tokenizer's save_pretrained.")
        }
        try self.init(
            json: ByteStorage.contents(of: path, limit: TokenizerSource.maximumBytes),
            embeddingRows: embeddingRows, name: path)
    }

    /// - Parameters:
    ///   - json: the content of a tokenizer.json.
    ///   - embeddingRows: how many tokens the model has rows for; nil: for all of them.
    ///   - name: what errors call the file.
    public init(
        json: [UInt8], embeddingRows: Int? = nil, name: String = "tokenizer.json"
    ) throws(ModelFormatError) {
        let source = try TokenizerSource(json: json, embeddingRows: embeddingRows, name: name)
        let model = source.model
        let normalizer = source.normalizer
        self.normalizer = normalizer
        preTokenizer = source.preTokenizer
        sequencePrefix = source.template.prefix
        sequenceSuffix = source.template.suffix
        specialTokens = Set(source.addedTokens.filter(\.isSpecial).map(\.id))
        namesBeyondEmbedding = source.namesBeyondEmbedding
        verbatimMatcher = AddedTokenMatcher(source.addedTokens.filter { !$0.isNormalized }) {
            Array($0.utf8)
        }
        normalizedMatcher = AddedTokenMatcher(source.addedTokens.filter(\.isNormalized)) {
            normalizer.normalize(Array($0.utf8)[...])
        }
        merges = model.merges
        letterTokens = model.letterTokens
        unknownToken = model.unknownToken
        fusesUnknown = model.fusesUnknown
        wholePieces = model.ignoresMerges ? PieceTable(model.names) : nil
        tokensByName = source.tokensByName
        vocabularySize = source.names.count
        var bytes: [UInt8] = []
        var starts = [0]
        for name in source.spellings {
            bytes.append(
                contentsOf: name.map { ByteAlphabet.bytes(of: $0) ?? Array($0.utf8) } ?? [])
            starts.append(bytes.count)
        }
        tokenBytes = bytes
        tokenStarts = starts
    }

    /// What stands before a text of which every token is to be predicted, the first one too: what
    /// the post-processor puts there, or else the model's start token (or one that ends a text,
    /// where it has no other). Empty where none of these is named.
    public func opening(for config: ModelConfig) -> [TokenID] {
        guard sequencePrefix.isEmpty else { return sequencePrefix }
        return (config.startOfText ?? config.endOfText.first).map { [$0] } ?? []
    }

    /// The bytes that a token adds to a text: whole characters or parts of one.
    ///
    /// Empty for an id that the vocabulary does not have.
    public func bytes(of token: TokenID) -> [UInt8] {
        Array(byteSlice(of: token))
    }

    /// The token of this name as tokenizer.json spells it ("<|endoftext|>", "Ġthe").
    public func token(named name: String) -> TokenID? {
        tokensByName[ExactString(name)].map { TokenID(rawValue: $0) }
    }

    func byteSlice(of token: TokenID) -> ArraySlice<UInt8> {
        guard token.index >= 0, token.index < vocabularySize else { return [] }
        return tokenBytes[tokenStarts[token.index]..<tokenStarts[token.index + 1]]
    }
}
