import EngramStorage
public import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// What learning a text came to, before it is written.
struct Lesson: Sendable {
    var tokens: Int
    var bytes: Int
    var bitsPerByte: BitsPerByte
    var adaptation: Adaptation
    /// One for each token that somebody else wrote: those that the model generated itself would
    /// certify what they cannot.
    var gains: [TokenGain]
    /// Tokens that the learning gate let through.
    var learnedTokens: Int
    /// The engram after it.
    var engram: Engram
}

extension Scheduler {
    /// Learns a text. The answer is given when the event is on disk; a request with the same
    /// idempotency key as an earlier one gets that one's answer.
    public func observe(_ id: SessionID, _ request: ObserveRequest) async throws -> ObserveResult {
        try await serveWriter(of: id) {
            try RequestContext.current.requireLearningQuota()
            if let reward = request.reward, !(-1...1).contains(reward) {
                throw ServiceError.invalidParameter(
                    name: "reward", reason: "must be between -1 and 1")
            }
            try Self.checkIdempotencyKey(request.idempotencyKey)
            let content = try await encoded(request.content, for: id.user)
            let tokens = content.tokens
            let talk =
                request.content.isConversation
                ? ConversationRecord(content, learning: request.learn, onlyNew: false) : nil
            try requirePredictions(tokens)
            guard talk?.learned.isEmpty != true else { throw ServiceError.emptyText }
            let session = try await resident(id)
            let hash = try await atDesk(for: id.user, .ofText(bytes: tokens.count)) {
                Self.hash(of: request)
            }
            if let answer = try await earlierAnswer(
                ObserveResult.self, of: id, key: request.idempotencyKey, hash: hash)
            {
                return answer
            }
            try requireMatch(request.ifMatch, session.revision)
            let lesson = try await learn(
                tokens, only: talk?.learned, said: ConversationRecord.said(in: talk, of: .observe),
                reward: request.reward, on: session.engram, for: id,
                sparing: configuration.journal.spared)
            var change = SessionChange(
                .observe, engram: lesson.engram, base: session.record.base)
            change.tokens = tokens.map(\.rawValue)
            change.learnedTokens = lesson.learnedTokens
            change.reward = request.reward
            change.conversation = talk
            let ledger = try await ledger(of: session, after: lesson)
            change.ledger = ledger
            var result = ObserveResult(
                event: change.event, tokens: lesson.tokens, bytes: lesson.bytes,
                bitsPerByte: lesson.bitsPerByte, revision: session.revision.next,
                adaptation: lesson.adaptation,
                certificate: CertificateBrief(ledger.certificate), replayed: false)
            // For a repeated request, and for whoever looks at the journal.
            change.answer = Array(try JSONEncoder().encode(result))
            if request.idempotencyKey != nil {
                change.idempotencyKey = request.idempotencyKey
                change.requestHash = hash
            }
            let learned = try await commit(change, to: session)
            count(lesson)
            RequestContext.current.spend(tokens: lesson.tokens, learned: lesson.tokens)
            result.revision = await checkpointIfDue(learned).revision
            return result
        }
    }

    func count(_ lesson: Lesson) {
        counts.observedTokens += lesson.tokens
        counts.learningEvents += 1
        let frozen = lesson.gains.reduce(0) { $0 + Double($1.frozenLoss) }
        let gain = lesson.gains.reduce(0) { $0 + Double($1.gain) }
        counts.safety.observedFrozenBits += frozen / log(2)
        counts.safety.observedAdaptedBits += (frozen - gain) / log(2)
    }

    /// Measures a text under the session's engram as it is now; never learns.
    public func score(_ id: SessionID, _ request: ScoreRequest) async throws -> ScoreResult {
        try await serveQueued(for: id) {
            // First of all: who comes beside a writer sees the engram as it is now.
            let session = try await present(id)
            let tokens = try await encoded(
                .text(request.text), parsingSpecialTokens: request.parsesSpecialTokens,
                for: id.user
            ).tokens
            try requirePredictions(tokens)
            let engram = request.frozenOnly ? cortex.emptyEngram() : session.engram
            let memory = cortex.contextBytes(tokens: tokens.count, with: engram)
            let scoring = try await thread.run(for: id, memory: memory) { [cortex] in
                cortex.startScoring(tokens, with: engram)
            } output: {
                $0.result
            }
            counts.scoredTokens += scoring.tokens
            RequestContext.current.spend(tokens: scoring.tokens)
            var perToken: [TokenScore]?
            if request.perToken {
                perToken = try await atDesk(for: id.user) { [self] in
                    scoring.perToken.map {
                        TokenScore(
                            token: $0.token, text: text(of: $0.token), frozen: $0.frozen,
                            adapted: request.frozenOnly ? $0.frozen : $0.adapted)
                    }
                }
            }
            var bits = BitsPerByte(scoring.bits, bytes: scoring.bytes)
            if request.frozenOnly { bits.adapted = bits.frozen }
            return ScoreResult(
                tokens: scoring.tokens, bytes: scoring.bytes, bitsPerByte: bits,
                revision: session.revision, perToken: perToken)
        }
    }

    /// Learns a text on a copy of an engram. Live learning and recovery both come here, and only
    /// what is passed in matters, so both get the same bytes.
    /// - Parameters:
    ///   - ranges: which tokens are learned; nil: all.
    ///   - said: the user's words, which alone are remembered as sayings; nil: all.
    ///   - spared: sites that do not learn.
    func learn(
        _ tokens: [TokenID], only ranges: [Range<Int>]?, said: [Range<Int>]?, reward: Float?,
        on engram: Engram, for id: SessionID,
        sparing spared: Set<PlasticSite> = []
    ) async throws -> Lesson {
        let memory = cortex.contextBytes(tokens: tokens.count, with: engram)
        do {
            return try await thread.run(for: id, memory: memory) { [cortex] in
                cortex.startObserving(
                    tokens, only: ranges, from: engram, reward: reward ?? 1, said: said,
                    sparing: spared)
            } output: { [cortex] task in
                let observation = task.result
                var learned = engram
                try learned.commit(observation.proposal, within: cortex.zone)
                return Lesson(
                    tokens: observation.tokens, bytes: observation.bytes,
                    bitsPerByte: BitsPerByte(observation.bits, bytes: observation.bytes),
                    adaptation: observation.adaptation,
                    gains: observation.gains,
                    learnedTokens: observation.learnedTokens, engram: learned)
            }
        } catch let error as EngramError {
            counts.refusedCommits += 1
            throw error
        }
    }

    /// The content as tokens, within the bounds.
    /// - Parameter parsingSpecialTokens: whether names of control tokens in a text are those tokens.
    ///   Never where it will be learned from: what somebody wrote teaches the letters.
    /// - Parameter isPrompt: whether an answer is to follow it.
    /// - Returns: with spans for a conversation.
    func encoded(
        _ content: ObservedContent, parsingSpecialTokens: Bool = false, isPrompt: Bool = false,
        for user: UserID
    ) async throws -> EncodedChat {
        let limit = configuration.textBytesMaximum
        let tokens: [TokenID]
        switch content {
        case .conversation(let conversation):
            return try await encoded(conversation, isPrompt: isPrompt, for: user)
        case .text(let text):
            let bytes = text.utf8.count
            guard bytes <= limit else {
                throw ServiceError.textTooLarge(bytes: bytes, limit: limit)
            }
            tokens = try await atDesk(for: user, .ofText(bytes: bytes)) { [cortex] in
                cortex.tokenizer.encode(text, parsingSpecialTokens: parsingSpecialTokens)
            }
        case .tokens(let given):
            guard given.count <= limit else {
                throw ServiceError.textTooLarge(bytes: given.count, limit: limit)
            }
            let vocabulary = model.vocabularySize
            if let wrong = given.first(where: { !(0..<vocabulary).contains($0.index) }) {
                throw ServiceError.tokenOutOfRange(
                    found: wrong.index, vocabularySize: vocabulary)
            }
            tokens = given
        }
        return EncodedChat(tokens: tokens)
    }

    /// Throws for a text without a token to predict.
    private func requirePredictions(_ tokens: [TokenID]) throws(ServiceError) {
        guard cortex.hasPredictions(tokens) else { throw .emptyText }
    }

    nonisolated func text(of token: TokenID) -> String {
        String(decoding: cortex.tokenizer.bytes(of: token), as: UTF8.self)
    }

    /// - Complexity: O(text), so this is for the desk.
    private static func hash(of request: ObserveRequest) -> String {
        var bytes: [UInt8]
        switch request.content {
        case .text(let text): bytes = Array("text:".utf8) + Array(text.utf8)
        case .tokens(let tokens):
            bytes = Array("tokens:\(tokens.map(\.description).joined(separator: ","))".utf8)
        case .conversation(let conversation):
            bytes = Array("conversation:\(request.learn):\(conversation.key)".utf8)
        }
        bytes += Array(":\(request.reward.map { String($0.bitPattern) } ?? "")".utf8)
        return ContentDigest.of(bytes)
    }
}

extension BitsPerByte {
    init(_ bits: TextBits, bytes: Int) {
        let bytes = Double(max(1, bytes))
        self.init(frozen: bits.frozen / bytes, adapted: bits.adapted / bytes)
    }
}
