import Engrams

/// Who may come in, and who may wait: bounded numbers of requests, shared so that nobody's flood
/// keeps others out. A pure value.
///
/// A request that works, or waits for its turn to, holds a *place*. One that waits for another
/// writer of its session stands in a *line* and holds no place meanwhile. Both are shared by the
/// same rule:
///
/// - A user's first request is let in unless as many users are in as there are places.
/// - Another one is let in while the user holds fewer than `weight` times what is free. One flood
///   so leaves a quarter free, and several come to equal shares as their requests end.
/// - Within what a user may still come to hold, the user's sessions share in the same way.
struct Admission: Sendable {
    enum Refusal: Error, Equatable {
        /// Nothing is free.
        case full
        /// The user holds too many; how many.
        case user(requests: Int)
        /// The session does.
        case session(requests: Int)
    }

    /// How many times what is left free somebody may hold.
    private static let weight = 3

    private var places: Pool
    private var lines: Pool
    /// How long the requests of a session that has some in stay, seconds: a running mean.
    private var stays: [SessionID: Double] = [:]

    /// - Parameter capacity: how many places there are, and how many may stand in lines. First
    ///   requests of users may make it up to twice as many of either.
    /// - Precondition: It is positive.
    init(capacity: Int) {
        precondition(capacity > 0)
        places = Pool(capacity: capacity)
        lines = Pool(capacity: capacity)
    }

    /// Requests that are in, those in lines included.
    var count: Int { places.count + lines.count }

    /// How many requests of a session stand in lines.
    func waiting(of session: SessionID) -> Int { lines.held(by: session) }

    /// Gives a request a place.
    mutating func enter(_ session: SessionID) throws(Refusal) {
        if let refusal = places.refusal(of: session) { throw refusal }
        places.take(session)
    }

    /// A request is over, and gives its place back.
    /// - Parameter staySeconds: since it came in.
    mutating func leave(_ session: SessionID, staySeconds: Double) {
        places.giveBack(session)
        if places.held(by: session) + lines.held(by: session) == 0 {
            stays[session] = nil
        } else {
            let mean = stays[session] ?? staySeconds
            stays[session] = mean + (staySeconds - mean) / 8
        }
    }

    /// A request changes its place for one in a line. Refused, it keeps its place.
    mutating func lineUp(_ session: SessionID) throws(Refusal) {
        if let refusal = lines.refusal(of: session) { throw refusal }
        lines.take(session)
        places.giveBack(session)
    }

    /// It is this request's turn, or it gives up: it has a place again. There is always one, since
    /// whoever held the session gives one back; until that has happened there may be one too many.
    mutating func stepForward(_ session: SessionID) {
        places.take(session)
        lines.giveBack(session)
    }

    /// When a request that was refused may hope for room: when the next of those is over that keep
    /// it out, going by how long they stayed lately. Whole seconds, 1...60.
    func retryAfterSeconds(_ refusal: Refusal, of session: SessionID) -> Int {
        guard let stay = stays[session] else { return 1 }
        let rivals =
            switch refusal {
            case .full: count
            case .user(let requests), .session(let requests): requests
            }
        return Int(min(60, max(1, (stay / Double(max(1, rivals))).rounded(.up))))
    }

    /// So many of something, and who holds them.
    private struct Pool: Sendable {
        let capacity: Int
        private(set) var count = 0
        private var users: [UserID: Int] = [:]
        private var sessions: [SessionID: Int] = [:]

        init(capacity: Int) { self.capacity = capacity }

        func held(by session: SessionID) -> Int { sessions[session] ?? 0 }

        /// Why the session's next request gets none; nil: it gets one.
        func refusal(of session: SessionID) -> Refusal? {
            guard let mine = users[session.user] else {
                return users.count < capacity ? nil : .full
            }
            guard count < capacity else { return .full }
            let left = weight * (capacity - count) - mine
            guard left > 0 else { return .user(requests: mine) }
            let held = held(by: session)
            return held < weight * left ? nil : .session(requests: held)
        }

        mutating func take(_ session: SessionID) {
            count += 1
            users[session.user, default: 0] += 1
            sessions[session, default: 0] += 1
        }

        /// - Precondition: The session holds one.
        mutating func giveBack(_ session: SessionID) {
            guard let held = sessions[session], let mine = users[session.user] else {
                preconditionFailure("a request gave back what it does not hold")
            }
            count -= 1
            users[session.user] = mine == 1 ? nil : mine - 1
            sessions[session] = held == 1 ? nil : held - 1
        }
    }
}
