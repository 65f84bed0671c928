public import Engrams

/// Why a request to a personal model was not carried out. Carries numbers and ids, never a text.
/// `Serving` maps each case to a status and OpenAI's error shape in one place.
public enum ServiceError: Error, Sendable, Equatable {
    /// Nobody of that name is on record, or was deleted since the request came.
    case userNotFound(UserID)
    case sessionNotFound(SessionID)
    case sessionExists(SessionID)
    /// The user has as many sessions as one may have.
    case sessionQuota(limit: Int)
    case checkpointNotFound(CheckpointID)
    /// A checkpoint that a user's head or a session stands on cannot be deleted.
    case checkpointInUse(CheckpointID)
    /// The session has no such event.
    case eventNotFound(EventID)
    /// Not an event that can be forgotten. `advice` is a sentence that says what to do instead.
    case notForgettable(EventID, kind: String, advice: String)
    /// Something that the event led to could not be made again without it; nothing changed.
    /// `reason` is a clause that says what and why.
    case cannotForget(EventID, reason: String)
    /// It is forgotten, but what it taught may still stand in unused parts of the store's files.
    case notErased(EventID, reason: String)
    /// The user is deleted, but something of them may still stand in unused parts of the store's
    /// files.
    case userNotErased(UserID, reason: String)
    /// The session gave no such answer lately enough to be remembered; `remembered` is how many
    /// completions a server keeps.
    case completionNotFound(AnswerID, remembered: Int)
    case revisionConflict(expected: Revision, found: Revision)
    /// The same idempotency key came with another text.
    case idempotencyKeyReused
    /// What the request with this key taught has been forgotten since, or discarded with its
    /// session: it is not learned again.
    case idempotencyKeySpent
    /// The request with this key was carried out, and its answer was not kept (`JournalKind.deltas`).
    case answerNotKept(EventID)
    case emptyText
    /// The core has no chat template. `fault` is a sentence that says why what it has is none.
    case chatUnavailable(model: String, fault: String?)
    /// The core's chat template does not take these messages; `reason` is its own sentence.
    case conversationRefused(reason: String)
    case textTooLarge(bytes: Int, limit: Int)
    case contextExceeded(promptTokens: Int, maxTokens: Int, contextLength: Int)
    /// A request's contexts may take more memory than the server has for all together.
    case contextTooLarge(bytes: Int, limit: Int)
    case tokenOutOfRange(found: Int, vocabularySize: Int)
    case invalidParameter(name: String, reason: String)
    /// Understood but refused by the safe zone or the core's identity; nothing changed. `reason` is
    /// a whole sentence, as an `EngramError` describes itself.
    case refused(reason: String)
    /// The engram would break the constitution; nothing changed.
    case probeFailed(ProbeReading)
    case queueFull(capacity: Int, retryAfterSeconds: Int)
    /// A user or a session (`of`, its id) has so many requests in that others might find no room.
    case shareFull(of: String, requests: Int, retryAfterSeconds: Int)
    /// What an event was learned from was not kept (`JournalKind.deltas`), so that nothing can be
    /// learned again without it, or from it.
    case contentNotKept(EventID)
    /// A key has used up something of its quota.
    case quotaExceeded(Quota.Limit, allowed: Int, retryAfterSeconds: Int)
    case keyNotFound(String)
    /// There is no admin's key, and a user's would be the only one.
    case firstKeyMustBeAdmin
    /// The only admin's key cannot be revoked while there are others.
    case lastAdminKey
    case keyLimit(Int)
    case loading
    case draining
    /// The store could not make it durable for now (read-only, busy, a failing disk): nothing
    /// changed.
    case storage(reason: String)
    /// The same, because there is no space left.
    case storageFull(reason: String)
    /// What is stored cannot be read, now or later; nothing changed.
    case storageDamaged(reason: String)
}
