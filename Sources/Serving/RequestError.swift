import Scheduling

/// Why a request was turned away before it reached a personal model. Carries names, numbers and
/// limits, never a value that may be a user's text.
enum RequestError: Error, Equatable {
    case malformedJSON(reason: String, offset: Int)
    /// `parameter` is nil where the body itself has the wrong type.
    case wrongType(parameter: String?, expected: String, found: String)
    case outOfRange(parameter: String, found: String, allowed: String)
    case missing(parameter: String)
    /// A name that nothing has where every name counts. `nearest` is what may have been meant.
    case unknown(parameter: String, nearest: String?, known: [String])
    /// Known, and it would change the answer, but this server does not have it.
    case unsupported(parameter: String, reason: String)
    /// Understood, and refused for what it asks for (422).
    case notAvailable(parameter: String, reason: String)
    case invalidHeader(name: String, reason: String)
    case modelNotFound(served: String)
    case pathNotFound
    case methodNotAllowed(allowed: [String])
    case bodyTooLarge(limit: Int)
    /// It takes more memory, read or answered, than there is for all requests together.
    case bodyTooCostly(bytes: Int, limit: Int)
    /// The memory for requests is taken by others.
    case memoryBusy
    /// A head that two readers could understand differently.
    case malformedRequest(reason: String)
    /// A page of another site, or another host name, asks a server that trusts its callers.
    case foreignCaller
    /// A server with keys was reached by a name that it was not given.
    case unknownHost
    /// A page of an origin that was not allowed asks a server with keys.
    case foreignOrigin
    case keyMissing
    /// A key that is none of this server's, or none at all.
    case keyWrong
    case adminOnly
    /// What a personal model would say of it is known already.
    case refused(ServiceError)
    case deadlinePassed
    case shuttingDown
}
