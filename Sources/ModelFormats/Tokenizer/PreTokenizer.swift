/// Cuts a text into the pieces inside which byte pairs are merged.
///
/// The stages of a byte-level `pre_tokenizer`: splits, then the `ByteLevel` stage, which may put a
/// space before each piece and may split once more by GPT-2's pattern.
struct PreTokenizer: Sendable, Equatable {
    /// The stages before `ByteLevel`, in order.
    var splits: [SplitPattern] = []
    /// `add_prefix_space`: a piece that does not begin with a space gets one.
    var addsPrefixSpace = false
    /// `use_regex`: split by GPT-2's pattern after that.
    var splitsLikeGPT2 = true

    /// Appends the text to cut to `buffer` and the end of every piece, in bytes of `buffer`, to
    /// `ends`. The first piece begins where `buffer` ended before.
    ///
    /// - Parameter segment: valid UTF-8.
    /// - Complexity: O(segment.count · stages).
    func append(_ segment: ArraySlice<UInt8>, to buffer: inout [UInt8], ends: inout [Int]) {
        guard addsPrefixSpace else {
            let start = buffer.count
            buffer.append(contentsOf: segment)
            Self.split(buffer, from: start, by: splitsLikeGPT2 ? splits + [.gpt2] : splits, &ends)
            return
        }
        let text = Array(segment)
        var pieceEnds: [Int] = []
        Self.split(text, from: 0, by: splits, &pieceEnds)
        var pieceStart = 0
        for pieceEnd in pieceEnds {
            let start = buffer.count
            if text[pieceStart] != UInt8(ascii: " ") { buffer.append(UInt8(ascii: " ")) }
            buffer.append(contentsOf: text[pieceStart..<pieceEnd])
            Self.split(buffer, from: start, by: splitsLikeGPT2 ? [.gpt2] : [], &ends)
            pieceStart = pieceEnd
        }
    }

    private static func split(
        _ bytes: [UInt8], from start: Int, by patterns: [SplitPattern], _ ends: inout [Int]
    ) {
        guard start < bytes.count else { return }
        guard !patterns.isEmpty else {
            ends.append(bytes.count)
            return
        }
        let run = ScalarRun(bytes, from: start)
        var bounds = [run.count]
        for pattern in patterns {
            var next: [Int] = []
            next.reserveCapacity(bounds.count)
            var lower = 0
            for upper in bounds {
                pattern.split(run, lower..<upper, into: &next)
                lower = upper
            }
            bounds = next
        }
        for bound in bounds { ends.append(run.starts[bound]) }
    }
}

extension PreTokenizer {
    private static let supported =
        "ByteLevel, alone or at the end of a Sequence after Split and Digits"

    /// Reads the `pre_tokenizer` of a tokenizer.json.
    init(_ fields: JSONFields?, file: String) throws(ModelFormatError) {
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

    private static func pattern(of stage: JSONFields) throws(ModelFormatError) -> SplitPattern {
        let behavior = try stage.string("behavior") ?? ""
        let isInverted = try stage.bool("invert") ?? false
        // The known patterns leave no gaps, so "keep the matches only" is the same as "isolate".
        guard (behavior == "Isolated" && !isInverted) || (behavior == "Removed" && isInverted)
        else {
            throw stage.unsupported(
                "behavior", quoted(behavior) + (isInverted ? ", inverted" : ""),
                supported: "Isolated")
        }
        let pattern = try stage.require("pattern", try stage.fields("pattern"))
        guard let source = try pattern.string("Regex") else {
            throw pattern.unsupported("String", "a fixed string", supported: "Regex")
        }
        guard let known = SplitPattern(regex: source) else {
            throw .unsupported(
                file: stage.file, found: "the Split pattern \(quoted(source, limit: 400))",
                supported: "those of GPT-2, Llama 3, Qwen 2 and 3",
                remedy: "Use a model of one of these tokenizer families.")
        }
        return known
    }
}
