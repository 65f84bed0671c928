import ModelFormats

/// Which tokens of a text are learned; the others are read, so that those have their context.
struct LearnedTokens {
    /// Of the text behind its opening; nil: all of it.
    private let ranges: [Range<Int>]?
    /// The range that is at hand: positions come in ascending order.
    private var index = 0

    /// - Parameters:
    ///   - ranges: ascending and disjoint, of the text that was given.
    ///   - lead: how many tokens stand before that.
    init(_ ranges: [Range<Int>]?, behind lead: Int) {
        self.ranges = ranges?.map { $0.lowerBound + lead..<$0.upperBound + lead }
    }

    /// - Precondition: `position` is not below that of the call before.
    mutating func hasToken(at position: Int) -> Bool {
        guard let ranges else { return true }
        while index < ranges.count, ranges[index].upperBound <= position { index += 1 }
        return index < ranges.count && ranges[index].contains(position)
    }

    /// UTF-8 bytes of what is learned.
    func bytes(of pass: TextPass, _ tokenizer: Tokenizer) -> Int {
        guard let ranges else { return pass.bytes }
        return ranges.joined().filter(pass.history.indices.contains).reduce(0) {
            $0 + tokenizer.bytes(of: TokenID(rawValue: pass.history[$1])).count
        }
    }
}
