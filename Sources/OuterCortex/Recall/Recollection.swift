public import ModelFormats

/// Something that was remembered for an answer.
public struct Recollection: Sendable, Equatable {
    /// What was said, in its tokens.
    public var tokens: [TokenID]
    /// Its share of what was asked for, in 0...1; the rest is other sayings', or nothing's.
    public var weight: Double
    /// Its place in the order in which things were said to this engram.
    public var moment: Int

    public init(tokens: [TokenID], weight: Double, moment: Int) {
        self.tokens = tokens
        self.weight = weight
        self.moment = moment
    }
}
