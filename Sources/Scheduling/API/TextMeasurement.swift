/// How well some texts are predicted, of the frozen core and of an engram.
public struct TextMeasurement: Sendable, Equatable, Codable {
    public var tokens: Int
    /// UTF-8 bytes.
    public var bytes: Int
    public var bitsPerByte: BitsPerByte
    public init(tokens: Int, bytes: Int, bitsPerByte: BitsPerByte) {
        self.tokens = tokens
        self.bytes = bytes
        self.bitsPerByte = bitsPerByte
    }
}
