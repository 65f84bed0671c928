/// The index of a token in a model's vocabulary: a row of its embedding.
public struct TokenID: RawRepresentable, Hashable, Comparable, Sendable, Codable {
    public let rawValue: Int32

    public init(rawValue: Int32) {
        self.rawValue = rawValue
    }

    /// - Precondition: `index` is in `0...Int32.max`.
    public init(_ index: Int) {
        precondition(index >= 0 && index <= Int(Int32.max), "a token's index is in 0...2147483647")
        rawValue = Int32(index)
    }

    /// The row of the embedding. Negative only if the value was made from a negative `rawValue`.
    public var index: Int { Int(rawValue) }

    public static func < (left: TokenID, right: TokenID) -> Bool {
        left.rawValue < right.rawValue
    }
}

extension TokenID: CustomStringConvertible {
    public var description: String { String(rawValue) }
}
