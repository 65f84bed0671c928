/// A BPE tokenizer, over bytes (GPT-2 and its kin) or SentencePiece-like (Llama 2, Gemma), read from
/// a Hugging Face `tokenizer.json` or from the metadata of a GGUF file.
///
/// Token for token equal to the `tokenizers` package and to llama.cpp. Immutable and thread-safe; a
/// copy shares its tables.
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

    /// Whether `encode` puts a space of its own before a text, as Llama 2's does. `decode` says it;
    /// where the tokens are a whole text, its first space is none of the text.
    public let addsLeadingSpace: Bool

    let preTokenizer: PreTokenizer
    let normalizer: TextNormalizer
    /// The added tokens that are looked for in the text as written.
    let verbatimMatcher: AddedTokenMatcher
    /// The added tokens that are looked for in the normalised text.
    let normalizedMatcher: AddedTokenMatcher
    /// The control tokens, by their names as written.
    let controlMatcher: AddedTokenMatcher
    let pieces: PieceModel
    let vocabulary: Vocabulary

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
        try self.init(TokenizerSource(json: json, embeddingRows: embeddingRows, name: name))
    }

    init(_ source: TokenizerSource) {
        let normalizer = source.normalizer
        self.normalizer = normalizer
        preTokenizer = source.preTokenizer
        sequencePrefix = source.template.prefix
        sequenceSuffix = source.template.suffix
        addsLeadingSpace = source.addsLeadingSpace
        specialTokens = Set(source.addedTokens.filter(\.isSpecial).map(\.id))
        namesBeyondEmbedding = source.namesBeyondEmbedding
        verbatimMatcher = AddedTokenMatcher(source.addedTokens.filter { !$0.isNormalized }) {
            Array($0.utf8)
        }
        normalizedMatcher = AddedTokenMatcher(source.addedTokens.filter(\.isNormalized)) {
            normalizer.normalize(Array($0.utf8)[...])
        }
        controlMatcher = AddedTokenMatcher(source.addedTokens.filter(\.isSpecial)) {
            Array($0.utf8)
        }
        pieces = source.pieces
        vocabulary = source.vocabulary
        vocabularySize = source.vocabulary.count
        (tokenBytes, tokenStarts) = Self.bytes(source)
    }

    /// What each token adds to a text. An added token that is looked for in the normalised text
    /// stands for its normalised content.
    private static func bytes(_ source: TokenizerSource) -> (bytes: [UInt8], starts: [Int]) {
        var contents: [TokenID: [UInt8]] = [:]
        for token in source.addedTokens where token.isNormalized {
            contents[token.id] = source.normalizer.normalize(Array(token.content.utf8)[...])
        }
        let count = source.vocabulary.count
        var isVerbatim = [Bool](repeating: false, count: count)
        if source.addedTokensAreVerbatim {
            for token in source.addedTokens { isVerbatim[token.id.index] = true }
        }
        var bytes: [UInt8] = []
        var starts = [0]
        starts.reserveCapacity(count + 1)
        for index in 0..<count {
            if let spelling = contents[TokenID(index)]?[...] ?? source.vocabulary[index] {
                if isVerbatim[index] {
                    bytes.append(contentsOf: spelling)
                } else {
                    source.style.append(spelling, to: &bytes)
                }
            }
            starts.append(bytes.count)
        }
        return (bytes, starts)
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

    /// The token of this name as the vocabulary spells it ("<|endoftext|>", "Ġthe").
    public func token(named name: String) -> TokenID? {
        vocabulary.token(name).map { TokenID(rawValue: $0) }
    }

    func byteSlice(of token: TokenID) -> ArraySlice<UInt8> {
        guard token.index >= 0, token.index < vocabularySize else { return [] }
        return tokenBytes[tokenStarts[token.index]..<tokenStarts[token.index + 1]]
    }
}
