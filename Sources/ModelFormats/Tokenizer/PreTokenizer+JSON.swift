extension PreTokenizer {
    private static let supported =
        "ByteLevel, alone or at the end of a Sequence after Split and Digits"

    /// Reads the `pre_tokenizer` of a byte-level tokenizer.json.
    init(byteLevel fields: JSONFields?, file: String) throws(ModelFormatError) {
        guard let fields else {
            throw .unsupported(
                file: file, found: "a tokenizer without pre_tokenizer", supported: Self.supported,
                remedy: "Use a model with a byte-level BPE tokenizer.")
        }
        let stages =
            try fields.string("type") == "Sequence" ? fields.objects("pretokenizers") : [fields]
        var sawByteLevel = false
        for stage in stages {
            let type = try stage.require("type", try stage.string("type"))
            guard !sawByteLevel else {
                throw stage.unsupported("type", quoted(type), supported: Self.supported)
            }
            switch type {
            case "ByteLevel":
                sawByteLevel = true
                addsPrefixSpace = try stage.bool("add_prefix_space") ?? true
                splitsLikeGPT2 = try stage.bool("use_regex") ?? true
            case "Digits":
                splits.append(.digits(individual: try stage.bool("individual_digits") ?? false))
            case "Split":
                splits.append(try Self.pattern(of: stage))
            default:
                throw stage.unsupported("type", quoted(type), supported: Self.supported)
            }
        }
        guard sawByteLevel else {
            throw fields.unsupported(
                "type", "no ByteLevel stage", supported: Self.supported)
        }
    }

    /// Reads the `pre_tokenizer` of a SentencePiece-like tokenizer.json: null, Metaspace, or
    /// Gemma's Split behind spaces.
    init(sentencePiece fields: JSONFields?) throws(ModelFormatError) {
        splitsLikeGPT2 = false
        guard let fields else { return }
        let type = try fields.require("type", try fields.string("type"))
        switch type {
        case "Metaspace":
            let replacement = try fields.string("replacement") ?? "▁"
            guard Array(replacement.utf8) == SpellingStyle.space else {
                throw fields.unsupported(
                    "replacement", quoted(replacement), supported: #""▁" (U+2581)"#)
            }
            prefix = try Self.prefix(of: fields)
            if try fields.bool("split") ?? true { splits = [.beforeMarks] }
        case "Split":
            let pattern = try fields.require("pattern", try fields.fields("pattern"))
            let behavior = try fields.string("behavior") ?? ""
            guard try pattern.string("String") == " ", behavior == "MergedWithPrevious" else {
                throw fields.unsupported(
                    "behavior", quoted(behavior),
                    supported: "MergedWithPrevious, of a single space")
            }
            splits = [.afterBlanks]
        default:
            throw fields.unsupported("type", quoted(type), supported: "none, Metaspace, Split")
        }
    }

    /// How a `Metaspace` stage, as pre-tokenizer or decoder, stands to the first space.
    static func prefix(of fields: JSONFields) throws(ModelFormatError) -> Prefix {
        // Older files say it with a boolean.
        let isAdded = try fields.bool("add_prefix_space") ?? true
        let scheme = try fields.string("prepend_scheme") ?? (isAdded ? "always" : "never")
        switch scheme {
        case "always": return .everywhere
        case "first": return .beginning
        case "never": return .never
        default:
            throw fields.unsupported(
                "prepend_scheme", quoted(scheme), supported: "always, first, never")
        }
    }

    private static func pattern(of stage: JSONFields) throws(ModelFormatError) -> SplitPattern {
        let behavior = try stage.string("behavior") ?? ""
        let isInverted = try stage.bool("invert") ?? false
        let pattern = try stage.require("pattern", try stage.fields("pattern"))
        guard let source = try pattern.string("Regex") else {
            throw pattern.unsupported("String", "a fixed string", supported: "Regex")
        }
        guard let known = SplitPattern(regex: source) else {
            throw .unsupported(
                file: stage.file, found: "the Split pattern \(quoted(source, limit: 400))",
                supported: "those of GPT-2, GPT-4o, Llama 3, Qwen 2 to 3.5, Mistral's Tekken, "
                    + "DeepSeek, Falcon",
                remedy: "Use a model of one of these tokenizer families.")
        }
        // A pattern without gaps: "keep the matches only" is the same as "isolate".
        guard
            (behavior == "Isolated" && !isInverted)
                || (behavior == "Removed" && isInverted && known.leavesNoGaps)
        else {
            throw stage.unsupported(
                "behavior", quoted(behavior) + (isInverted ? ", inverted" : ""),
                supported: "Isolated")
        }
        return known
    }
}
