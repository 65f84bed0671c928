/// The regular expressions by which known tokenizers cut a text into pieces, as scanners.
///
/// A general regex engine would be a dependency, slower, and open to texts that make it backtrack
/// for ever. These scanners are linear; a pattern that is not one of them is refused. The patterns
/// are those of the models' own tokenizer.json, not llama.cpp's approximations of them.
enum SplitPattern: Sendable, Equatable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
    /// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, or with fewer digits a piece; Qwen 3.5
    /// counts marks to the letters.
    case llama3(digitsAPiece: Int, joinsMarks: Bool = false)
    /// Words end where small letters go over into capitals: with U for `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}
    /// \p{M}]`, L for `[\p{Ll}\p{Lm}\p{Lo}\p{M}]` and C for `(?i:'s|'t|'re|'ve|'m|'ll|'d)?`,
    /// `[^\r\n\p{L}\p{N}]?U*L+C|[^\r\n\p{L}\p{N}]?U+L*C|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|
    /// \s*[\r\n]+|\s+(?!\S)|\s+`: GPT-4o's. Tekken's has no C and single digits.
    case cased(digitsAPiece: Int, keepsContractions: Bool)
    /// `[!-/:-~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|
    /// \s*[\r\n]+|\s+(?!\S)|\s+`, DeepSeek V3's.
    case deepSeek3
    /// Runs of `\p{N}` stand alone; with `individual`, each of them does.
    case digits(individual: Bool)
    /// Of what a class has, at most so many stand alone together, behind a single white space where
    /// `takesSpace`.
    case runs(of: ScalarClass, atMost: Int = .max, takesSpace: Bool = false)
    /// `[0-9][0-9][0-9]`
    case threeDigits
    /// SentencePiece's words: a piece begins at each "▁".
    case beforeMarks
    /// A piece ends behind each space.
    case afterBlanks

    private static let head = #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?"#
    private static let tail = #"|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let upper = #"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"#
    private static let lower = #"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"#

    private static func cased(contraction: String, digits: String) -> String {
        let lead = #"[^\r\n\p{L}\p{N}]?"#
        return lead + upper + "*" + lower + "+" + contraction + "|" + lead + upper + "+" + lower
            + "*" + contraction + "|" + digits + #"| ?[^\s\p{L}\p{N}]+[\r\n/]*"# + tail
    }

    /// By their sources, as tokenizer.json files have them.
    private static let known: [String: SplitPattern] = [
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#: .gpt2,
        head + #"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"# + tail: .llama3(digitsAPiece: 3),
        head + #"\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"# + tail: .llama3(digitsAPiece: 1),
        head + #"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*"# + tail:
            .llama3(digitsAPiece: 1, joinsMarks: true),
        cased(contraction: "", digits: #"\p{N}"#):
            .cased(digitsAPiece: 1, keepsContractions: false),
        cased(contraction: #"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"#, digits: #"\p{N}{1,3}"#):
            .cased(digitsAPiece: 3, keepsContractions: true),
        ##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|"##
            + "[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*" + tail:
            .deepSeek3,
        #"\p{N}{1,3}"#: .runs(of: .number, atMost: 3),
        #"\p{N}"#: .digits(individual: true),
        #"\p{N}+"#: .digits(individual: false),
        "[一-龥\u{3040}-ゟ゠-ヿ]+": .runs(of: .japanese),
        "[一-龥ࠀ-一가-\u{d7ff}]+": .runs(of: .eastern),
        "[\r\n]": .runs(of: .newline, atMost: 1),
        #"\s?\p{L}+"#: .runs(of: .letter, takesSpace: true),
        #"\s?\p{P}+"#: .runs(of: .punctuation, takesSpace: true),
        "[0-9][0-9][0-9]": .threeDigits,
    ]

    /// The pattern of a `Split` pre-tokenizer; nil when it is none that we know.
    init?(regex source: String) {
        guard let pattern = Self.known[source] else { return nil }
        self = pattern
    }

    /// Whether the pattern matches every text from end to end.
    var leavesNoGaps: Bool {
        switch self {
        case .gpt2, .llama3, .cased: true
        default: false
        }
    }

    /// Cuts the scalars `range` of `run` and appends the end of each piece to `ends`: each match,
    /// and each stretch between matches.
    ///
    /// A regex runs on the piece that an earlier stage made and sees nothing behind its end.
    /// - Complexity: O(range.count).
    func split(_ run: ScalarRun, _ range: Range<Int>, into ends: inout [Int]) {
        var start = range.lowerBound
        var gapStart = start
        while start < range.upperBound {
            guard let end = matchEnd(run, start, range.upperBound) else {
                start += 1
                continue
            }
            if gapStart < start { ends.append(start) }
            ends.append(end)
            start = end
            gapStart = end
        }
        if gapStart < range.upperBound { ends.append(range.upperBound) }
    }

    /// Behind the match that begins at `start`, which is not empty; nil where there is none.
    private func matchEnd(_ run: ScalarRun, _ start: Int, _ end: Int) -> Int? {
        switch self {
        case .gpt2:
            return run.gpt2End(start, end)
        case .llama3(let digits, let joinsMarks):
            return run.llama3End(
                start, end, digitsAPiece: digits, letters: joinsMarks ? [.letter, .mark] : .letter)
        case .cased(let digits, let keepsContractions):
            return run.casedEnd(
                start, end, digitsAPiece: digits, keepsContractions: keepsContractions)
        case .deepSeek3:
            return run.deepSeek3End(start, end)
        case .digits(let individual):
            guard run.has(.number, at: start, before: end) else { return nil }
            return individual ? start + 1 : run.endOfRun(.number, from: start, before: end)
        case .runs(let wanted, let limit, let takesSpace):
            let isLed =
                takesSpace && run.has(.space, at: start, before: end)
                && run.has(wanted, at: start + 1, before: end)
            let body = isLed ? start + 1 : start
            guard run.has(wanted, at: body, before: end) else { return nil }
            let stop = limit < end - body ? body + limit : end
            return run.endOfRun(wanted, from: body, before: stop)
        case .threeDigits:
            let digits: ScalarClass = [.number, .visibleASCII]
            let isMatch =
                start + 3 <= end
                && (start..<start + 3).allSatisfy { run.classes[$0].isSuperset(of: digits) }
            return isMatch ? start + 3 : nil
        case .beforeMarks:
            // A piece is one mark and what follows up to the next.
            var stop = start + 1
            while stop < end, !run.isMark(at: stop) { stop += 1 }
            return stop
        case .afterBlanks:
            var stop = start
            while stop < end, !run.has(.blank, at: stop, before: end) { stop += 1 }
            return min(end, stop + 1)
        }
    }
}
