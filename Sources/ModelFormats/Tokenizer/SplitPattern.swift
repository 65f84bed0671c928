/// The regular expressions by which known tokenizers cut a text into pieces, as scanners.
///
/// A general regex engine would be a dependency, slower, and open to texts that make it backtrack
/// for ever. These scanners are linear; a pattern that is not one of them is refused.
enum SplitPattern: Sendable, Equatable {
    /// `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
    case gpt2
    /// `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|
    /// ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`, or with fewer digits a piece.
    case llama3(digitsAPiece: Int)
    /// Runs of `\p{N}` stand alone; with `individual`, each of them does.
    case digits(individual: Bool)

    private static let gpt2Source =
        #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#
    private static let llama3Source =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"#
        + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#
    private static let qwen2Source =
        #"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"#
        + #" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"#

    /// The pattern of a `Split` pre-tokenizer; nil when it is none that we know.
    init?(regex source: String) {
        switch source {
        case Self.gpt2Source: self = .gpt2
        case Self.llama3Source: self = .llama3(digitsAPiece: 3)
        case Self.qwen2Source: self = .llama3(digitsAPiece: 1)
        default: return nil
        }
    }

    /// Cuts the scalars `range` of `run` and appends the end of each piece to `ends`.
    ///
    /// A regex runs on the piece that an earlier stage made and sees nothing behind its end.
    /// - Complexity: O(range.count).
    func split(_ run: ScalarRun, _ range: Range<Int>, into ends: inout [Int]) {
        var start = range.lowerBound
        while start < range.upperBound {
            let end =
                switch self {
                case .gpt2: Self.gpt2End(run, start, range.upperBound)
                case .llama3(let digits):
                    Self.llama3End(run, start, range.upperBound, digitsAPiece: digits)
                case .digits(let individual):
                    Self.digitsEnd(run, start, range.upperBound, individual: individual)
                }
            ends.append(end)
            start = end
        }
    }

    // MARK: The patterns. Each function tries the alternatives in the regex's order; they cover
    // every scalar, so a piece is never empty and there are no gaps.

    private static func gpt2End(_ run: ScalarRun, _ start: Int, _ end: Int) -> Int {
        if let stop = contractionEnd(run, start, end, ignoringCase: false) { return stop }
        let body = run.has(.blank, at: start, before: end) ? start + 1 : start
        if run.has(.letter, at: body, before: end) {
            return run.endOfRun(.letter, from: body, before: end)
        }
        if run.has(.number, at: body, before: end) {
            return run.endOfRun(.number, from: body, before: end)
        }
        if run.isOther(at: body, before: end) { return othersEnd(run, body, end) }
        return spacesEnd(run, start, end)
    }

    private static func llama3End(
        _ run: ScalarRun, _ start: Int, _ end: Int, digitsAPiece: Int
    ) -> Int {
        if let stop = contractionEnd(run, start, end, ignoringCase: true) { return stop }
        let mayLead = !run.has([.newline, .letter, .number], at: start, before: end)
        let word = mayLead ? start + 1 : start
        if run.has(.letter, at: word, before: end) {
            return run.endOfRun(.letter, from: word, before: end)
        }
        if run.has(.number, at: start, before: end) {
            return run.endOfRun(.number, from: start, before: min(end, start + digitsAPiece))
        }
        let body = run.has(.blank, at: start, before: end) ? start + 1 : start
        if run.isOther(at: body, before: end) {
            return run.endOfRun(.newline, from: othersEnd(run, body, end), before: end)
        }
        // \s*[\r\n]+ ends behind the last line break of the run of white space.
        let stop = run.endOfRun(.space, from: start, before: end)
        if let last = (start..<stop).last(where: { run.has(.newline, at: $0, before: stop) }) {
            return last + 1
        }
        return spacesEnd(run, start, end)
    }

    private static func digitsEnd(
        _ run: ScalarRun, _ start: Int, _ end: Int, individual: Bool
    ) -> Int {
        if run.has(.number, at: start, before: end) {
            return individual ? start + 1 : run.endOfRun(.number, from: start, before: end)
        }
        var stop = start
        while stop < end, !run.has(.number, at: stop, before: end) { stop += 1 }
        return stop
    }

    private static func othersEnd(_ run: ScalarRun, _ start: Int, _ end: Int) -> Int {
        var stop = start
        while run.isOther(at: stop, before: end) { stop += 1 }
        return stop
    }

    /// `\s+(?!\S)|\s+`: the whole run at the end of the text; elsewhere all but its last scalar,
    /// unless that is the only one.
    private static func spacesEnd(_ run: ScalarRun, _ start: Int, _ end: Int) -> Int {
        let stop = run.endOfRun(.space, from: start, before: end)
        return stop == end || stop == start + 1 ? stop : stop - 1
    }

    /// Behind `'s`, `'t`, `'m`, `'d`, `'re`, `'ve` or `'ll`; nil when none of them is here.
    ///
    /// Under Unicode's simple case folding only "s" has a partner outside of ASCII: "ſ", U+017F.
    private static func contractionEnd(
        _ run: ScalarRun, _ start: Int, _ end: Int, ignoringCase: Bool
    ) -> Int? {
        guard run.has(.apostrophe, at: start, before: end) else { return nil }
        func letter(_ index: Int) -> UInt8? {
            guard index < end else { return nil }
            let offset = run.starts[index]
            let byte = run.bytes[offset]
            guard ignoringCase else { return byte }
            if byte == 0xc5 { return run.bytes[offset + 1] == 0xbf ? UInt8(ascii: "s") : nil }
            return byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
        }
        switch (letter(start + 1), letter(start + 2)) {
        case (UInt8(ascii: "s"), _), (UInt8(ascii: "t"), _), (UInt8(ascii: "m"), _),
            (UInt8(ascii: "d"), _):
            return start + 2
        case (UInt8(ascii: "r"), UInt8(ascii: "e")), (UInt8(ascii: "v"), UInt8(ascii: "e")),
            (UInt8(ascii: "l"), UInt8(ascii: "l")):
            return start + 3
        default:
            return nil
        }
    }
}
