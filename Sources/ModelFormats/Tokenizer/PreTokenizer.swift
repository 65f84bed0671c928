/// Cuts a text into the pieces inside which byte pairs are merged.
///
/// Of a byte-level tokenizer: splits, then the `ByteLevel` stage, which may put a space before each
/// piece and may split once more by GPT-2's pattern. Of a SentencePiece-like one: spaces become
/// "▁", and there may be one before the text.
struct PreTokenizer: Sendable, Equatable {
    /// Whether a SentencePiece-like tokenizer puts "▁" before a stretch of text.
    enum Prefix: Sendable {
        case never
        /// Before the beginning of a text, unless it begins with one.
        case beginning
        /// Before each stretch between added tokens, unless it begins with one.
        case everywhere
        /// Before each stretch between added tokens, whatever it begins with.
        case everywhereAgain
    }

    /// The stages before `ByteLevel`, in order.
    var splits: [SplitPattern] = []
    /// `add_prefix_space`: a piece that does not begin with a space gets one.
    var addsPrefixSpace = false
    /// `use_regex`: split by GPT-2's pattern after that.
    var splitsLikeGPT2 = true
    /// Not nil where spaces become "▁" before all else.
    var prefix: Prefix?

    /// Appends the text to cut to `buffer` and the end of every piece, in bytes of `buffer`, to
    /// `ends`. The first piece begins where `buffer` ended before.
    ///
    /// - Parameters:
    ///   - segment: valid UTF-8.
    ///   - beginsText: whether nothing of the text is before it.
    /// - Complexity: O(segment.count · stages).
    func append(
        _ segment: ArraySlice<UInt8>, beginsText: Bool, to buffer: inout [UInt8],
        ends: inout [Int]
    ) {
        let patterns = splitsLikeGPT2 ? splits + [.gpt2] : splits
        let start = buffer.count
        if let prefix {
            let marked = TextNormalizer.replaced(
                Array(segment), [UInt8(ascii: " ")], by: SpellingStyle.space)
            let isThere = marked.starts(with: SpellingStyle.space)
            let isWanted =
                switch prefix {
                case .never: false
                case .beginning: beginsText && !isThere
                case .everywhere: !isThere
                case .everywhereAgain: true
                }
            if isWanted, !marked.isEmpty { buffer.append(contentsOf: SpellingStyle.space) }
            buffer.append(contentsOf: marked)
            Self.split(buffer, from: start, by: patterns, &ends)
            return
        }
        guard addsPrefixSpace else {
            buffer.append(contentsOf: segment)
            Self.split(buffer, from: start, by: patterns, &ends)
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
