public import Engrams
public import ModelFormats

public struct ScoreRequest: Sendable {
    public var text: String
    public var perToken: Bool
    /// Frozen only: the adapted figure then equals the frozen one.
    public var frozenOnly: Bool
    /// Whether names of control tokens in the text are those tokens.
    public var parsesSpecialTokens: Bool
    public init(
        text: String, perToken: Bool = false, frozenOnly: Bool = false,
        parsesSpecialTokens: Bool = true
    ) {
        self.text = text
        self.perToken = perToken
        self.frozenOnly = frozenOnly
        self.parsesSpecialTokens = parsesSpecialTokens
    }
}

public struct TokenScore: Sendable, Equatable, Codable {
    public var token: TokenID
    public var text: String
    /// Surprise of this token, bits.
    public var frozen: Double
    public var adapted: Double
    public init(token: TokenID, text: String, frozen: Double, adapted: Double) {
        self.token = token
        self.text = text
        self.frozen = frozen
        self.adapted = adapted
    }
}

public struct ScoreResult: Sendable {
    public var tokens: Int
    public var bytes: Int
    public var bitsPerByte: BitsPerByte
    public var revision: Revision
    public var perToken: [TokenScore]?
    public init(
        tokens: Int, bytes: Int, bitsPerByte: BitsPerByte, revision: Revision,
        perToken: [TokenScore]?
    ) {
        self.tokens = tokens
        self.bytes = bytes
        self.bitsPerByte = bitsPerByte
        self.revision = revision
        self.perToken = perToken
    }
}

/// Bits per byte of the text under the frozen core and under the personal model.
public struct BitsPerByte: Sendable, Equatable, Codable {
    public var frozen: Double
    public var adapted: Double
    public init(frozen: Double, adapted: Double) {
        self.frozen = frozen
        self.adapted = adapted
    }
}
