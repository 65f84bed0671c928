/// Who may write to a user now, among the servers that share a store.
///
/// A server that stops (is killed, paused, cut off) loses its users when their leases run out, and
/// another one goes on from what is stored. `token` only grows, from lease to lease: a write carries
/// the one that its server was given, in its own transaction, and is refused once there is another.
/// So a server that wakes up late writes nothing, however late, and whatever its clock says: the
/// only clock is the store's.
struct Lease: Sendable, Equatable {
    /// The server, by an identifier of its run.
    var holder: String
    /// Never given twice.
    var token: Int
    /// Seconds since 1970, on the store's clock.
    var expires: Double

    /// What becomes of a user's lease when a server wants to write.
    ///
    /// - Parameters:
    ///   - current: nil: nobody has had one, or the user is gone.
    ///   - server: who wants to write.
    ///   - known: the token that the server was given last; nil: none, or it does not know.
    ///   - now: on the store's clock.
    ///   - seconds: how long a lease lasts after the last write.
    ///   - next: a token that was never given.
    static func decide(
        _ current: Lease?, for server: String, knowing known: Int?, now: Double, seconds: Double,
        next: () throws -> Int
    ) rethrows -> LeaseDecision {
        guard let current else {
            return .granted(Lease(holder: server, token: try next(), expires: now + seconds))
        }
        if let known, current.holder != server || current.token != known { return .lost }
        if current.holder == server {
            // To write it again with every event would double the writes.
            let isFresh = current.expires - now >= seconds / 2
            let expires = isFresh ? current.expires : now + seconds
            return .granted(Lease(holder: server, token: current.token, expires: expires))
        }
        guard current.expires <= now else {
            return .refused(holder: current.holder, until: current.expires)
        }
        return .granted(Lease(holder: server, token: try next(), expires: now + seconds))
    }
}

enum LeaseDecision: Sendable, Equatable {
    /// The server may write, and this is the lease from now on; often it is the one that was.
    case granted(Lease)
    /// Another has the user.
    case refused(holder: String, until: Double)
    /// Another has had the user since. What the server knows of them is out of date.
    case lost
}
