import Engrams

/// Decides whose slice of work the cortex thread runs next. A pure value: the queue's state in,
/// one decision out.
///
/// - Users take turns, so do the sessions of one user, and so do the tasks of one session: nobody
///   waits for a long text, nor for the many requests of somebody else.
/// - A slice that decodes (one token of an answer) goes before a slice of longer work (reading a
///   prompt, learning, scoring); but after `decodeBurstMaximum` of them one longer slice runs, so
///   that learning is never starved: a task with longer work runs at least once in
///   (decodeBurstMaximum + 1) · users · (sessions of its user) · (tasks of its session) slices.
struct BatchPlanner: Sendable {
    enum Slice: Sendable { case decode, bulk }

    let decodeBurstMaximum: Int
    private var slices: [Int: (session: SessionID, slice: Slice)] = [:]
    private var decoding = Ring()
    private var bulk = Ring()
    private var decodesSinceBulk = 0

    /// - Precondition: the bound is positive.
    init(decodeBurstMaximum: Int) {
        precondition(decodeBurstMaximum > 0)
        self.decodeBurstMaximum = decodeBurstMaximum
    }

    func contains(_ task: Int) -> Bool { slices[task] != nil }
    var tasks: [Int] { slices.keys.sorted() }

    /// Adds a task behind the others of its session.
    /// - Precondition: `task` is not there yet.
    mutating func add(_ task: Int, of session: SessionID, slice: Slice) {
        precondition(slices[task] == nil, "a task has one place")
        slices[task] = (session, slice)
        insert(task, session, slice)
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
            return bulk.next()
        }
        // Decoding alone starves nobody: the burst counts from when longer work waits.
        decodesSinceBulk = bulk.isEmpty ? 0 : decodesSinceBulk + 1
        return decoding.next()
    }

    private mutating func insert(_ task: Int, _ session: SessionID, _ slice: Slice) {
        switch slice {
        case .decode: decoding.add(task, of: session)
        case .bulk: bulk.add(task, of: session)
        }
    }

    private mutating func take(_ task: Int, _ session: SessionID, _ slice: Slice) {
        switch slice {
        case .decode: decoding.remove(task, of: session)
        case .bulk: bulk.remove(task, of: session)
        }
    }

    /// Users in the order of their turns, each with its sessions in theirs, each with its tasks.
    private struct Ring: Sendable {
        private var users: [UserID] = []
        private var sessions: [UserID: [SessionID]] = [:]
        private var tasks: [SessionID: [Int]] = [:]

        var isEmpty: Bool { users.isEmpty }

        mutating func add(_ task: Int, of session: SessionID) {
            if tasks[session] == nil {
                if sessions[session.user] == nil { users.append(session.user) }
                sessions[session.user, default: []].append(session)
            }
            tasks[session, default: []].append(task)
        }

        mutating func remove(_ task: Int, of session: SessionID) {
            tasks[session]?.removeAll { $0 == task }
            guard tasks[session]?.isEmpty == true else { return }
            tasks[session] = nil
            sessions[session.user]?.removeAll { $0 == session }
            guard sessions[session.user]?.isEmpty == true else { return }
            sessions[session.user] = nil
            users.removeAll { $0 == session.user }
        }

        mutating func next() -> Int? {
            guard let user = users.first, let session = sessions[user]?.first,
                let task = tasks[session]?.first
            else { return nil }
            users.rotate()
            sessions[user]?.rotate()
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
