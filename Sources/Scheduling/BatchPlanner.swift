/// Decides whose slice of work the cortex thread runs next. A pure value: the queue's state in,
/// one decision out.
///
/// - Sessions take turns, and so do the tasks of one session, so nobody waits for a long text.
/// - A slice that decodes (one token of an answer) goes before a slice of longer work (reading a
///   prompt, learning, scoring); but after `decodeBurstMaximum` of them one longer slice runs, so
///   that learning is never starved: a task with longer work runs at least once in
///   (decodeBurstMaximum + 1) · sessions · (tasks of its session) slices.
/// - At most `capacity` requests are let in. A request may have several tasks, or none while it
///   waits for its session.
struct BatchPlanner<Session: Hashable & Sendable>: Sendable {
    enum Slice: Sendable { case decode, bulk }

    let capacity: Int
    let decodeBurstMaximum: Int
    private(set) var admitted = 0
    private var slices: [Int: (session: Session, slice: Slice)] = [:]
    private var decoding = Ring()
    private var bulk = Ring()
    private var decodesSinceBulk = 0

    /// - Precondition: both bounds are positive.
    init(capacity: Int, decodeBurstMaximum: Int) {
        precondition(capacity > 0 && decodeBurstMaximum > 0)
        self.capacity = capacity
        self.decodeBurstMaximum = decodeBurstMaximum
    }

    /// Lets a request in.
    /// - Returns: False when the queue is full.
    mutating func admit() -> Bool {
        guard admitted < capacity else { return false }
        admitted += 1
        return true
    }

    /// A request that was let in is over.
    mutating func leave() {
        precondition(admitted > 0, "a request left that was never let in")
        admitted -= 1
    }

    func contains(_ task: Int) -> Bool { slices[task] != nil }
    var tasks: [Int] { slices.keys.sorted() }

    /// Adds a task behind the others of its session.
    /// - Precondition: `task` is not there yet.
    mutating func add(_ task: Int, of session: Session, slice: Slice) {
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
    /// - Complexity: O(tasks + sessions).
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

    private mutating func insert(_ task: Int, _ session: Session, _ slice: Slice) {
        switch slice {
        case .decode: decoding.add(task, of: session)
        case .bulk: bulk.add(task, of: session)
        }
    }

    private mutating func take(_ task: Int, _ session: Session, _ slice: Slice) {
        switch slice {
        case .decode: decoding.remove(task, of: session)
        case .bulk: bulk.remove(task, of: session)
        }
    }

    /// Sessions in the order of their turns, each with its tasks in theirs.
    private struct Ring: Sendable {
        private var sessions: [Session] = []
        private var tasks: [Session: [Int]] = [:]

        var isEmpty: Bool { sessions.isEmpty }

        mutating func add(_ task: Int, of session: Session) {
            if tasks[session] == nil { sessions.append(session) }
            tasks[session, default: []].append(task)
        }

        mutating func remove(_ task: Int, of session: Session) {
            tasks[session]?.removeAll { $0 == task }
            if tasks[session]?.isEmpty == true {
                tasks[session] = nil
                sessions.removeAll { $0 == session }
            }
        }

        mutating func next() -> Int? {
            guard let session = sessions.first, let task = tasks[session]?.first else { return nil }
            sessions.append(sessions.removeFirst())
            tasks[session]?.removeFirst()
            tasks[session]?.append(task)
            return task
        }
    }
}
