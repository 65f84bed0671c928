public import Engrams

/// Who asks, under which name, and until when: one value that goes with a request from its socket
/// to the journal, as a task-local of the tasks that serve it.
///
/// `mayAct(for:)` is the one rule of who reaches what. `Serving` asks it of the names in a path,
/// before it reads a body; `Scheduler` asks it again of every session and user that it is called
/// for, whatever route came there.
public struct RequestContext: Sendable {
    public enum Caller: Sendable {
        /// Whoever reaches a server without keys, or runs a command on its folder: trusted.
        case local
        /// Nobody yet: a request without a key, to what needs none.
        case anybody
        case key(AccessKey)
    }

    /// The request's name in answers and logs.
    public let id: String
    public let caller: Caller
    /// After it nobody waits for the answer any more.
    public let deadline: ContinuousClock.Instant?
    private let ring: KeyRing?

    @TaskLocal public static var current = RequestContext()

    /// - Parameter ring: counts what a key's request uses.
    public init(
        id: String = "", caller: Caller = .local, deadline: ContinuousClock.Instant? = nil,
        ring: KeyRing? = nil
    ) {
        self.id = id
        self.caller = caller
        self.deadline = deadline
        self.ring = ring
    }

    public var key: AccessKey? {
        if case .key(let key) = caller { key } else { nil }
    }

    /// Whose model a request means that names nobody, where no key says who it is.
    public static let anonymous = UserID(rawValue: "anonymous")!

    /// The user that a request means which names none.
    public var user: UserID { key?.user ?? Self.anonymous }

    public var isAdmin: Bool {
        switch caller {
        case .local: true
        case .anybody: false
        case .key(let key): key.role == .admin
        }
    }

    public func mayAct(for user: UserID) -> Bool { isAdmin || key?.user == user }

    /// - Throws: `.sessionNotFound`, as for one that is not there: names cannot be probed.
    public func requireAccess(to session: SessionID) throws(ServiceError) {
        guard mayAct(for: session.user) else { throw .sessionNotFound(session) }
    }

    /// Whom a listing may show who asked for one user's, or with nil for all.
    /// - Throws: `.userNotFound`.
    func scope(of user: UserID?) throws(ServiceError) -> UserID? {
        if let user, !mayAct(for: user) { throw .userNotFound(user) }
        return user ?? (isAdmin ? nil : self.user)
    }

    /// - Throws: `.quotaExceeded` for a key that may learn no more today.
    func requireLearningQuota() throws(ServiceError) {
        if let key { try ring?.requireQuota(of: key.id, for: [.learnedTokens]) }
    }

    /// Counts tokens against the key's quotas.
    func spend(tokens: Int = 0, learned: Int = 0) {
        guard let key else { return }
        ring?.spend(Usage(tokens: tokens, learnedTokens: learned), of: key.id)
    }
}
