import EngramStorage
import Engrams
import Foundation

/// By what a request is known again that may be sent twice.
struct RequestMark: Sendable {
    var key: String
    /// Of all that makes another request of it.
    var hash: String

    /// - Returns: nil without a key.
    init?(_ key: String?, hash: String) {
        guard let key else { return nil }
        self.key = key
        self.hash = hash
    }

    static func check(_ key: String?) throws(ServiceError) {
        guard let key else { return }
        // Beyond ASCII one text has several spellings, and two texts may look like one.
        guard (1...255).contains(key.utf8.count),
            key.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
        else {
            throw .invalidParameter(
                name: "Idempotency-Key", reason: "must be of 1 to 255 printable ASCII characters")
        }
    }
}

/// An answer that is kept with its event, and says when it is given again.
protocol RepeatableAnswer: Codable, Sendable {
    var revision: Revision { get set }
    var replayed: Bool { get set }
}

extension ObserveResult: RepeatableAnswer {}
extension FeedbackResult: RepeatableAnswer {}

extension Journal {
    /// The stored answer of the session's earlier request; nil when there is none. What was
    /// forgotten since is not learned again by a late repetition.
    func earlierAnswer<Answer: RepeatableAnswer>(
        _ type: Answer.Type, to request: RequestMark?, of id: SessionID
    ) async throws -> Answer? {
        guard let request else { return nil }
        guard let event = try await store.event(of: id, idempotencyKey: request.key) else {
            guard try await !store.isSpent(idempotencyKey: request.key, of: id) else {
                throw ServiceError.idempotencyKeySpent
            }
            return nil
        }
        guard event.requestHash == request.hash else { throw ServiceError.idempotencyKeyReused }
        guard let answer = event.answer else { throw ServiceError.answerNotKept(event.id) }
        var result = try await engine.offload(for: id.user) {
            try JSONDecoder().decode(type, from: Data(answer))
        }
        if try await madeCheckpoint(event) { result.revision = result.revision.next }
        result.replayed = true
        return result
    }

    /// Whether the request that brought an event consolidated it, too: after the answer had been
    /// stored, but before it was given.
    private func madeCheckpoint(_ event: EventRecord) async throws -> Bool {
        let next = try await store.events(of: event.session, after: event.sequence, limit: 1)
        guard let next = next.first, next.kind == .checkpoint, let target = next.target else {
            return false
        }
        // One that is not there any more was pruned: those are automatic.
        return try await store.checkpoint(target, of: event.session.user)?.isAutomatic ?? true
    }
}
