import Engrams

/// Decides whose slice of work the cortex thread runs next. A pure value: the queue's state in,
/// one decision out.
///
/// - Users share the time that their slices took, by start-time fair queueing (Goyal, Vin and Cheng,
///   1996): the user runs whose next slice begins earliest by a clock on which everybody's slices lie
///   end to end. Who comes after a pause begins now, and so before whoever had more than one slice
///   since; a pause saves up nothing. Sessions of one user take turns, and so do the tasks of one
///   session: nobody waits for a long text, nor for the many requests of somebody else.
/// - A slice that decodes (one token of an answer) goes before a slice of longer work (reading a
///   prompt, learning, scoring); but after `decodeBurstMaximum` tokens one longer slice runs, those
///   that shared a pass counted each, so that learning is never starved: where slices take the same
///   time, a task with longer work runs at least once in (decodeBurstMaximum + 1) · users ·
///   (sessions of its user) · (tasks of its session) slices.
struct BatchPlanner: Sendable {
    enum Slice: Sendable { case decode, bulk }

    let decodeBurstMaximum: Int
    private var slices: [Int: (session: SessionID, slice: Slice)] = [:]
    private var decoding = Ring()
    private var bulk = Ring()
    private var decodesSinceBulk = 0
    /// The newest choice, where it decodes.
    private var decoder: Int?

    /// - Precondition: the bound is positive.
    init(decodeBurstMaximum: Int) {
        precondition(decodeBurstMaximum > 0)
        self.decodeBurstMaximum = decodeBurstMaximum
    }

    func contains(_ task: Int) -> Bool { slices[task] != nil }
    var tasks: [Int] { slices.keys.sorted() }

    /// Adds a task behind the others of its session.
    /// - Returns: Whether its user had none of this kind: one who should not wait for the rest of
    ///   another's slice.
    /// - Precondition: `task` is not there yet.
    @discardableResult
    mutating func add(_ task: Int, of session: SessionID, slice: Slice) -> Bool {
        precondition(slices[task] == nil, "a task has one place")
        slices[task] = (session, slice)
        return insert(task, session, slice)
    }

    /// The task's next slice is of this kind.
    mutating func change(_ task: Int, to slice: Slice) {
        guard let found = slices[task], found.slice != slice else { return }
        take(task, found.session, found.slice)
        slices[task] = (found.session, slice)
        insert(task, found.session, slice)
    }

    mutating func remove(_ task: Int) {
        guard let found = slices.removeValue(forKey: task) else { return }
        take(task, found.session, found.slice)
    }

    /// The task whose slice runs now; nil when there is none.
    /// - Complexity: O(tasks + sessions + users).
    mutating func next() -> Int? {
        let isBulkDue = decodesSinceBulk >= decodeBurstMaximum
        if !bulk.isEmpty, decoding.isEmpty || isBulkDue {
            decodesSinceBulk = 0
            decoder = nil
            return bulk.next()
        }
        // Decoding alone starves nobody: the burst counts from when longer work waits.
        decodesSinceBulk = bulk.isEmpty ? 0 : decodesSinceBulk + 1
        decoder = decoding.next()
        return decoder
    }

    /// What the slice took that ``next()`` chose, or a task's share of it.
    /// - Parameter cost: in any unit, the same for all.
    mutating func charge(_ task: Int, _ cost: Double) {
        guard let found = slices[task] else { return }
        switch found.slice {
        case .decode:
            if let decoder, decoder != task, !bulk.isEmpty { decodesSinceBulk += 1 }
            decoding.charge(found.session.user, cost)
        case .bulk: bulk.charge(found.session.user, cost)
        }
    }

    @discardableResult
    private mutating func insert(_ task: Int, _ session: SessionID, _ slice: Slice) -> Bool {
        switch slice {
        case .decode: decoding.add(task, of: session)
        case .bulk: bulk.add(task, of: session)
        }
    }

    /// Most of one user's tasks that share a pass: all who share wait for each other's steps.
    static let sharersOfUser = 8

    /// The other tasks that may share a task's pass: those that decode, then those of longer work,
    /// users in the order of their turns and a task of each before a second one of any.
    /// - Complexity: O(n log n).
    func others(than task: Int) -> [Int] {
        (decoding.inOrder + bulk.inOrder).filter { $0 != task }
    }

    private mutating func take(_ task: Int, _ session: SessionID, _ slice: Slice) {
        switch slice {
        case .decode: decoding.remove(task, of: session)
        case .bulk: bulk.remove(task, of: session)
        }
    }

    /// Users by when their next slices begin, each with its sessions in the order of their turns,
    /// each with its tasks.
    private struct Ring: Sendable {
        private struct Share: Sendable {
            /// When the user's next slice begins.
            var start: Double
            /// The order in which users came, and the last to run last: it decides between equals.
            var turn: Int
            var sessions: [SessionID] = []
        }

        private var users: [UserID: Share] = [:]
        private var tasks: [SessionID: [Int]] = [:]
        /// When the newest slice began.
        private var now = 0.0
        private var turns = 0
        /// Ends of the newest slices of users who left since, where they are still to come.
        private var ends: [UserID: Double] = [:]

        var isEmpty: Bool { users.isEmpty }

        /// - Returns: Whether the user had no task.
        mutating func add(_ task: Int, of session: SessionID) -> Bool {
            let isNew = users[session.user] == nil
            if isNew {
                turns += 1
                let start = max(now, ends.removeValue(forKey: session.user) ?? now)
                users[session.user] = Share(start: start, turn: turns)
            }
            if tasks[session] == nil { users[session.user]?.sessions.append(session) }
            tasks[session, default: []].append(task)
            return isNew
        }

        mutating func remove(_ task: Int, of session: SessionID) {
            tasks[session]?.removeAll { $0 == task }
            guard tasks[session]?.isEmpty == true else { return }
            tasks[session] = nil
            users[session.user]?.sessions.removeAll { $0 == session }
            guard let share = users[session.user], share.sessions.isEmpty else { return }
            users[session.user] = nil
            ends = ends.filter { $0.value > now }
            if share.start > now { ends[session.user] = share.start }
        }

        mutating func charge(_ user: UserID, _ cost: Double) { users[user]?.start += cost }

        /// By how many come before it in the session's, in the user's and in the users' order.
        var inOrder: [Int] {
            let shares = users.values.sorted { ($0.start, $0.turn) < ($1.start, $1.turn) }
            var ranked: [(rank: Int, task: Int)] = []
            for share in shares {
                for (place, session) in share.sessions.enumerated() {
                    for (index, task) in (tasks[session] ?? []).enumerated() {
                        let rank = place + index * share.sessions.count
                        if rank < BatchPlanner.sharersOfUser { ranked.append((rank, task)) }
                    }
                }
            }
            // Of equal ranks, users stay in their order.
            return ranked.enumerated()
                .sorted { ($0.element.rank, $0.offset) < ($1.element.rank, $1.offset) }
                .map(\.element.task)
        }

        mutating func next() -> Int? {
            let first = users.min {
                ($0.value.start, $0.value.turn) < ($1.value.start, $1.value.turn)
            }
            guard let (user, share) = first, let session = share.sessions.first,
                let task = tasks[session]?.first
            else { return nil }
            now = share.start
            turns += 1
            users[user]?.turn = turns
            users[user]?.sessions.rotate()
            tasks[session]?.rotate()
            return task
        }
    }
}

extension Array {
    /// The first goes last.
    /// - Precondition: There is one.
    fileprivate mutating func rotate() { append(removeFirst()) }
}
