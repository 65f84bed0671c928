public import Engrams
public import ModelFormats

/// What a server needs of the personal models it serves: sessions, learning, scoring, generation
/// and the life cycle of engrams. `Scheduler` is the implementation; a server's tests bring a fake.
///
/// Every method throws `ServiceError` alone for failures a client can understand. A call that
/// learns returns only when what it learned is durable.
public protocol PersonalModels: Sendable {
    var model: ModelDescription { get }
    /// The core's hashes, and the constitution that it is served under.
    var seal: CoreSeal { get }
    func health() async -> Health
    func statistics() async -> Statistics

    func createSession(_ request: CreateSession) async throws -> SessionState
    func sessions(of user: UserID?, page: Page) async throws -> Listing<SessionState>
    /// The session; `default` is made by the first request that changes it, and is until then read
    /// as it would be made. Another one that is not there: `.sessionNotFound`. No read writes.
    func session(_ id: SessionID) async throws -> SessionState
    func discard(_ id: SessionID, ifMatch: Revision?) async throws
    /// Deletes a user with everything that there is of them, off the disk too.
    func deleteUser(_ user: UserID) async throws -> DepartureReceipt
    /// What the session's personal model has learned, as people can read it.
    func features(_ id: SessionID, top: Int) async throws -> FeatureReport
    /// How the session's personal model stands against its bounds.
    func safety(_ id: SessionID) async throws -> SafetyReport

    func observe(_ id: SessionID, _ request: ObserveRequest) async throws -> ObserveResult
    func score(_ id: SessionID, _ request: ScoreRequest) async throws -> ScoreResult
    /// Learns from verdicts on answers of `complete`, as the ids that they were asked for with.
    func feedback(_ id: SessionID, _ request: FeedbackRequest) async throws -> FeedbackResult
    func reset(_ id: SessionID, to: ResetTarget, ifMatch: Revision?) async throws -> SessionState

    func checkpoint(_ id: SessionID, name: String?, note: String?, ifMatch: Revision?)
        async throws -> CheckpointState
    func checkpoint(_ checkpoint: CheckpointID, of id: SessionID) async throws -> CheckpointState
    /// Writes a name or a note on a checkpoint; nil leaves one as it is, an empty text removes it.
    func describeCheckpoint(
        _ id: SessionID, checkpoint: CheckpointID, name: String?, note: String?
    ) async throws -> CheckpointState
    func diff(_ id: SessionID, from: DiffSide, to: DiffSide, top: Int) async throws
        -> CheckpointDiff
    func checkpoints(_ id: SessionID, page: Page) async throws -> Listing<CheckpointState>
    func restore(_ id: SessionID, checkpoint: CheckpointID, ifMatch: Revision?) async throws
        -> SessionState
    func deleteCheckpoint(_ id: SessionID, checkpoint: CheckpointID) async throws

    /// - Parameter without: sites that are left out.
    func exportDelta(_ id: SessionID, scope: DeltaScope, without: Set<PlasticSite>) async throws
        -> ExportedDelta
    /// An export of 8 bits a weight, with what it lost.
    func exportRounded(_ id: SessionID, scope: DeltaScope, without: Set<PlasticSite>) async throws
        -> ExportedDelta
    /// What other programs can run of an engram (`AdapterRequest.swift`).
    func exportAdapter(_ id: SessionID, _ request: AdapterRequest) async throws -> ExportedAdapter
    func importDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> SessionState

    /// `importDelta` for an engram of another core of the same shape, measured here.
    func transferDelta(_ id: SessionID, file: [UInt8], ifMatch: Revision?) async throws
        -> TransferResult
    /// Puts a scaled sum of the user's engrams in the session's place, or adds it.
    func merge(_ id: SessionID, _ request: MergeRequest) async throws -> MergeResult

    /// What the session learned from, in order. `page.after` is an event's id.
    /// - Parameter text: whether with the whole text of each, or only with its beginning.
    func events(_ id: SessionID, page: Page, text: Bool) async throws -> Listing<EventState>
    /// One event with its text.
    func event(_ id: SessionID, event: EventID) async throws -> EventState
    /// Makes the user's history what it would be had the event never come. Repeated, it gives the
    /// same receipt.
    func forget(_ id: SessionID, event: EventID, ifMatch: Revision?) async throws
        -> ForgetReceipt

    /// Generates; the stream ends with `.finished`. Ending the iteration early (a client that hangs
    /// up) cancels the generation, and nothing is learned from it.
    func complete(_ id: SessionID, _ request: CompleteRequest) async throws
        -> AsyncThrowingStream<CompletionEvent, any Error>
}

public enum Health: String, Sendable { case loading, ready, draining }

/// Counters and gauges for `/metrics`; counts since start.
public struct Statistics: Sendable {
    public var observedTokens = 0
    public var scoredTokens = 0
    public var promptTokens = 0
    public var generatedTokens = 0
    /// Guesses of answers' tokens that were read along, and those of them that came true.
    public var draftedTokens = 0
    public var acceptedTokens = 0
    public var learningEvents = 0
    /// Of these, verdicts on answers.
    public var feedbackEvents = 0
    public var forgottenEvents = 0
    public var refusedCommits = 0
    public var cancelledGenerations = 0
    public var queueDepth = 0
    public var queueCapacity = 0
    public var residentEngrams = 0
    public var residentEngramBytes = 0
    public var sessions = 0
    /// Seconds the cortex thread was busy, since start.
    public var busySeconds = 0.0
    /// Passes through the frozen core, and the tokens that they read: of many users at once.
    public var corePasses = 0
    public var coreRows = 0
    public var contexts = ContextStatistics()
    public var latency = LatencyStatistics()
    public var safety = SafetyStatistics()
    public init() {}
}

public struct Page: Sendable {
    public var limit: Int
    public var after: String?
    public init(limit: Int = 100, after: String? = nil) {
        self.limit = limit
        self.after = after
    }
}

public struct Listing<Item: Sendable>: Sendable {
    public var items: [Item]
    public var hasMore: Bool
    public init(items: [Item], hasMore: Bool) {
        self.items = items
        self.hasMore = hasMore
    }
}

/// What a new session, or a reset one, starts from.
public enum ResetTarget: Sendable, Equatable {
    case head, frozen
    case checkpoint(CheckpointID)
}

/// Which text of a completion, or of a conversation, is learned from.
public enum LearnMode: String, Sendable, Codable, CaseIterable {
    /// What the user said; of a text, the prompt.
    case user
    /// What anybody but the model said.
    case prompt
    /// What the model said.
    case completion
    case both
    case none
}

public struct CreateSession: Sendable {
    public var user: UserID
    public var name: SessionName?
    public var from: ResetTarget
    /// Nil: nothing is set, and what the caller's key says holds.
    public var learn: LearnMode?
    public init(
        user: UserID, name: SessionName?, from: ResetTarget = .head, learn: LearnMode? = nil
    ) {
        self.user = user
        self.name = name
        self.from = from
        self.learn = learn
    }
}

public struct SessionState: Sendable {
    public var id: SessionID
    public var revision: Revision
    /// The checkpoint its delta stands on; nil: the frozen core.
    public var base: CheckpointID?
    /// The user's head when the session was reset elsewhere: what its next checkpoint replaces.
    public var superseded: CheckpointID?
    public var tokensLearned: Int
    public var events: Int
    /// What a request of this caller teaches that does not say.
    public var learn: LearnMode
    /// RFC 3339 strings are the server's matter: seconds since 1970.
    public var created: Double
    public var updated: Double
    public var engram: EngramSummary
    public init(
        id: SessionID, revision: Revision, base: CheckpointID?, superseded: CheckpointID? = nil,
        tokensLearned: Int, events: Int, learn: LearnMode, created: Double, updated: Double,
        engram: EngramSummary
    ) {
        self.id = id
        self.revision = revision
        self.base = base
        self.superseded = superseded
        self.tokensLearned = tokensLearned
        self.events = events
        self.learn = learn
        self.created = created
        self.updated = updated
        self.engram = engram
    }
}

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

/// Bits per byte of the text under the frozen core and under the personal model.
public struct BitsPerByte: Sendable, Equatable, Codable {
    public var frozen: Double
    public var adapted: Double
    public init(frozen: Double, adapted: Double) {
        self.frozen = frozen
        self.adapted = adapted
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

public struct CheckpointState: Sendable {
    public var id: CheckpointID
    public var name: String?
    public var note: String?
    /// Whether the server made it by itself.
    public var isAutomatic: Bool
    public var parent: CheckpointID?
    /// The head that its session had been reset away from: what it has replaced.
    public var superseded: CheckpointID?
    public var revision: Revision
    public var tokensLearned: Int
    public var created: Double
    public var bytes: Int
    /// SHA-256 of the engram file, hexadecimal.
    public var hash: String
    public var isHead: Bool
    /// What was turned down so that it passes the constitution's probes; known when it is made, nil
    /// else.
    public var fit: ProbeFit?
    public init(
        id: CheckpointID, name: String?, note: String? = nil, isAutomatic: Bool = false,
        parent: CheckpointID?, superseded: CheckpointID? = nil, revision: Revision,
        tokensLearned: Int, created: Double, bytes: Int, hash: String, isHead: Bool,
        fit: ProbeFit? = nil
    ) {
        self.id = id
        self.name = name
        self.note = note
        self.isAutomatic = isAutomatic
        self.parent = parent
        self.superseded = superseded
        self.revision = revision
        self.tokensLearned = tokensLearned
        self.created = created
        self.bytes = bytes
        self.hash = hash
        self.isHead = isHead
        self.fit = fit
    }
}

public enum DeltaScope: String, Sendable { case session, user, total }

public struct ExportedDelta: Sendable {
    public var file: [UInt8]
    public var revision: Revision
    public var hash: String
    /// `exact`, or what the file lost, as names and figures.
    public var fidelity: String
    /// How much of it is its owner's words.
    public var ownersWords: OwnersWords
    public init(
        file: [UInt8], revision: Revision, hash: String, fidelity: String = "exact",
        ownersWords: OwnersWords
    ) {
        self.file = file
        self.revision = revision
        self.hash = hash
        self.fidelity = fidelity
        self.ownersWords = ownersWords
    }
}
