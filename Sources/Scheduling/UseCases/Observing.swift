import EngramStorage
import Engrams
import Foundation
import ModelFormats
import OuterCortex

/// Learns texts that somebody shows.
struct Observing {
    let engine: Engine
    let host: SessionHost
    let journal: Journal
    let checkpoints: Checkpointing
}

@SchedulerActor
extension Observing {
    /// Learns a text. The answer is given when the event is on disk; a request with the same
    /// idempotency key as an earlier one gets that one's answer.
    func observe(_ id: SessionID, _ request: ObserveRequest) async throws -> ObserveResult {
        try RequestContext.current.requireLearningQuota()
        if let reward = request.reward, !(-1...1).contains(reward) {
            throw ServiceError.invalidParameter(
                name: "reward", reason: "must be between -1 and 1")
        }
        try RequestMark.check(request.idempotencyKey)
        let content = try await engine.encoded(request.content, for: id.user)
        var text = TaughtText(tokens: content.tokens.map(\.rawValue), reward: request.reward)
        if request.content.isConversation {
            text.conversation = ConversationRecord(
                content, learning: request.learn, onlyNew: false)
        }
        try engine.requirePredictions(content.tokens)
        guard text.conversation?.learned.isEmpty != true else { throw ServiceError.emptyText }
        let session = try await host.resident(id)
        let hash = try await engine.offload(for: id.user, .ofText(bytes: text.tokens.count)) {
            Self.hash(of: request)
        }
        let mark = RequestMark(request.idempotencyKey, hash: hash)
        if let answer = try await journal.earlierAnswer(ObserveResult.self, to: mark, of: id) {
            return answer
        }
        try session.requireMatch(request.ifMatch)
        let learned = try await engine.learn(
            text, on: session.engram, for: id, sparing: engine.configuration.journal.spared)
        var change = SessionChange(
            .text(text), engram: learned.engram, base: session.record.base)
        change.learnedTokens = learned.learnedTokens
        let ledger = try await engine.ledger(of: session, after: learned)
        change.ledger = ledger
        var result = ObserveResult(
            event: change.event, tokens: learned.tokens, bytes: learned.bytes,
            bitsPerByte: learned.bitsPerByte, revision: session.revision.next,
            adaptation: learned.adaptation,
            certificate: CertificateBrief(ledger.certificate), replayed: false)
        change.answer = Array(try JSONEncoder().encode(result))
        change.request = mark
        let written = try await journal.commit(change, to: session)
        engine.count(learned)
        RequestContext.current.spend(tokens: learned.tokens, learned: learned.tokens)
        result.revision = await checkpoints.checkpointIfDue(written).revision
        return result
    }

    /// - Complexity: O(text).
    private nonisolated static func hash(of request: ObserveRequest) -> String {
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

extension Engine {
    /// The session's ledger with a text in it. The certificate takes a fraction of a microsecond a
    /// token, so a long text is worked through in the queue for such.
    func ledger(
        of session: ResidentSession, after learned: LearnedText
    ) async throws -> SafetyLedger {
        try await offload(for: session.id.user, .ofText(bytes: learned.bytes)) {
            [ledger = session.ledger] in
            var ledger = ledger
            ledger.add(learned)
            return ledger
        }
    }

    /// Counts a text that has been learned.
    func count(_ learned: LearnedText) {
        let frozen = learned.gains.reduce(0) { $0 + Double($1.frozenLoss) }
        let gain = learned.gains.reduce(0) { $0 + Double($1.gain) }
        count {
            $0.observedTokens += learned.tokens
            $0.learningEvents += 1
            $0.safety.observedFrozenBits += frozen / log(2)
            $0.safety.observedAdaptedBits += (frozen - gain) / log(2)
        }
    }
}

extension ResidentSession {
    func requireMatch(_ expected: Revision?) throws(ServiceError) {
        if let expected, expected != revision {
            throw .revisionConflict(expected: expected, found: revision)
        }
    }
}
