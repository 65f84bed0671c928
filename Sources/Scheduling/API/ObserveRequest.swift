public import Engrams
public import ModelFormats

public enum ObservedContent: Sendable, Equatable {
    case text(String)
    case tokens([TokenID])
    /// For cores with a chat template.
    case conversation(Conversation)
}

public struct ObserveRequest: Sendable {
    public var content: ObservedContent
    /// Whose messages of a conversation are learned.
    public var learn: LearnMode
    /// Scales the third factor, in -1...1; nil is plain prediction-error learning (1).
    public var reward: Float?
    public var idempotencyKey: String?
    public var ifMatch: Revision?
    public init(
        content: ObservedContent, learn: LearnMode = .both, reward: Float? = nil,
        idempotencyKey: String? = nil, ifMatch: Revision? = nil
    ) {
        self.content = content
        self.learn = learn
        self.reward = reward
        self.idempotencyKey = idempotencyKey
        self.ifMatch = ifMatch
    }
}

public struct ObserveResult: Sendable, Equatable, Codable {
    public var event: EventID
    public var tokens: Int
    public var bytes: Int
    /// `adapted` is prequential: each token is predicted before it is learned.
    public var bitsPerByte: BitsPerByte
    public var revision: Revision
    public var adaptation: Adaptation
    /// After this text; nil in an answer that was stored before there were any.
    public var certificate: CertificateBrief?
    /// True when this is the stored answer of an earlier request with the same idempotency key.
    public var replayed: Bool
    public init(
        event: EventID, tokens: Int, bytes: Int, bitsPerByte: BitsPerByte, revision: Revision,
        adaptation: Adaptation, certificate: CertificateBrief? = nil, replayed: Bool
    ) {
        self.event = event
        self.tokens = tokens
        self.bytes = bytes
        self.bitsPerByte = bitsPerByte
        self.revision = revision
        self.adaptation = adaptation
        self.certificate = certificate
        self.replayed = replayed
    }
}
