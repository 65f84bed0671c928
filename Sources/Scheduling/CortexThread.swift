import Dispatch
import Engrams
import Foundation
import OuterCortex
import Synchronization

/// Resumable work that lives on the cortex thread alone.
struct CortexWork<Output: Sendable> {
    enum Progress {
        /// There is more of longer work to do, in this slice while it lasts.
        case goesOn
        /// Others have their turn, then there is more to do, of this kind.
        case more(BatchPlanner.Slice)
        case done(Output)
    }

    /// What the next step takes from the frozen core.
    var asks: () -> CoreReading? = { nil }
    /// Does the next step.
    let advance: () throws -> Progress

    init(advance: @escaping () throws -> Progress) { self.advance = advance }
}

/// The one thread that computes. Work of many sessions runs on it slice by slice, in the order of
/// a `BatchPlanner`; nothing numeric runs on Swift's cooperative threads.
///
/// Continuous batching (Yu and others, Orca, 2022): where the work whose turn it is asks for a pass
/// through the frozen core, what others ask for comes along, where it is no longer than its own and
/// up to `rowsMaximum` rows, and these take their steps too. Weights are read once for all of them,
/// whatever engram each has, and the bytes are those that each would have alone.
final class CortexThread: Sendable {
    private typealias Slice = BatchPlanner.Slice
    /// What a step is followed by.
    private enum Next {
        case goesOn
        case waits(Slice)
        case nothing
    }

    /// Work whose step hands the output over itself.
    private struct Begun {
        let asks: () -> CoreReading?
        let step: () throws -> Next
        let fail: @Sendable (any Error) -> Void
    }

    private struct Submission: Sendable {
        let session: SessionID
        let begin: @Sendable (ContextStore) throws -> Begun
        let fail: @Sendable (any Error) -> Void
        let moment = ContinuousClock.now
    }

    private struct State: Sendable {
        var planner: BatchPlanner
        var nextTask = 0
        /// Tasks whose submission is on its way, so that a cancellation can overtake it.
        var announced: Set<Int> = []
        var submissions: [Int: Submission] = [:]
        var cancelled: Set<Int> = []
        /// Users whose contexts are to be forgotten.
        var departed: [UserID] = []
        var isStopping = false
        var load = Load()
        /// What may begin; who waits here is not in the planner.
        var memory: ContextMemory
    }

    private struct Turn {
        var dropped: [Int] = []
        /// Dropped before they began.
        var unbegun: [Submission] = []
        var task: Int?
        var submission: Submission?
        var isStopping = false
        var departed: [UserID] = []
        /// Bytes that no running work may come to need.
        var room = 0
    }

    /// Most rows of a pass that several share, and of one task's while somebody waits. More makes
    /// all wait longer, and reads the weights hardly any faster.
    static let rowsMaximum = 64
    static let rowsOfOne = 32

    private let state: Mutex<State>
    private let arrivals = DispatchSemaphore(value: 0)
    /// Somebody came who has not had a slice yet: the slice that runs ends at its next step.
    private let newcomer: Newcomer
    /// Of a slice of longer work. A step of it cannot be cut: one pass through the core, or one
    /// position under the engram that it is read with.
    private let budget: SliceBudget
    private let makeReader: @Sendable () -> CoreReader?
    private let memory: MemoryBounds

    private final class Newcomer: Sendable {
        let waits = Atomic(false)
    }

    init(
        decodeBurstMaximum: Int, stackBytes: Int,
        budget: SliceBudget = SliceBudget(.milliseconds(10)),
        memory: MemoryBounds = MemoryBounds(),
        makeReader: @escaping @Sendable () -> CoreReader? = { nil }
    ) {
        self.makeReader = makeReader
        self.memory = memory
        let newcomer = Newcomer()
        self.newcomer = newcomer
        self.budget = budget.endingEarly { newcomer.waits.load(ordering: .relaxed) }
        state = Mutex(
            State(
                planner: BatchPlanner(decodeBurstMaximum: decodeBurstMaximum),
                memory: ContextMemory(byteLimit: memory.byteLimit)))
        let thread = Thread { [self] in loop() }
        thread.stackSize = stackBytes
        thread.name = "hebb.cortex"
        thread.start()
    }

    var load: Load { state.withLock { $0.load } }
    /// Tasks that run or wait.
    var taskCount: Int { state.withLock { $0.planner.tasks.count + $0.memory.waitingCount } }

    /// Whether work whose contexts may take so much can ever begin.
    func check(memory bytes: Int) throws(ServiceError) {
        guard bytes <= memory.byteLimit else {
            throw .contextTooLarge(bytes: bytes, limit: memory.byteLimit)
        }
    }

    /// Forgets the contexts that a user's conversations left, before anything else begins.
    func forget(_ user: UserID) {
        state.withLock { $0.departed.append(user) }
        arrivals.signal()
    }

    /// Runs work to its end. When the calling task is cancelled, the work stops before its next
    /// slice and this throws `CancellationError`.
    ///
    /// - Parameters:
    ///   - bytes: the most that its contexts may take; it waits until that is there.
    ///   - begin: makes the work, on the cortex thread.
    /// - Throws: `ServiceError.contextTooLarge`, and what the work throws.
    func run<Output: Sendable>(
        for session: SessionID, memory bytes: Int = 0,
        begin: @escaping @Sendable () throws -> CortexWork<Output>
    ) async throws -> Output {
        try await run(for: session, memory: bytes) { _ in try begin() }
    }

    /// The same, for work that looks for its beginning among contexts, and leaves one.
    func run<Output: Sendable>(
        for session: SessionID, memory bytes: Int,
        continuing begin: @escaping @Sendable (ContextStore) throws -> CortexWork<Output>
    ) async throws -> Output {
        try check(memory: bytes)
        let task = state.withLock { state in
            state.nextTask += 1
            state.announced.insert(state.nextTask)
            return state.nextTask
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let fail: @Sendable (any Error) -> Void = { continuation.resume(throwing: $0) }
                let submission = Submission(
                    session: session,
                    begin: { contexts in
                        let work = try begin(contexts)
                        return Begun(
                            asks: work.asks,
                            step: {
                                switch try work.advance() {
                                case .goesOn: return .goesOn
                                case .more(let slice): return .waits(slice)
                                case .done(let output):
                                    continuation.resume(returning: output)
                                    return .nothing
                                }
                            }, fail: fail)
                    },
                    fail: fail)
                submit(submission, as: task, memory: bytes)
            }
        } onCancel: {
            cancel(task)
        }
    }

    /// Runs a task to its end.
    ///
    /// - Parameters:
    ///   - begin: makes the task, on the cortex thread.
    ///   - output: what is wanted of the finished task; runs there too.
    func run<Work: CortexTask & SendableMetatype, Output: Sendable>(
        for session: SessionID, memory bytes: Int = 0,
        _ begin: @escaping @Sendable () throws -> Work,
        output: @escaping @Sendable (Work) throws -> Output
    ) async throws -> Output {
        try await run(for: session, memory: bytes) {
            let task = try begin()
            var work = CortexWork { task.advance() ? .done(try output(task)) : .goesOn }
            work.asks = { task.asks }
            return work
        }
    }

    /// Work that has not ended fails with `.draining`, and the thread ends.
    func stop() {
        state.withLock { $0.isStopping = true }
        arrivals.signal()
    }

    private func submit(_ submission: Submission, as task: Int, memory bytes: Int) {
        let refusal = state.withLock { state -> (any Error)? in
            state.announced.remove(task)
            if state.cancelled.remove(task) != nil { return CancellationError() }
            if state.isStopping { return ServiceError.draining }
            state.submissions[task] = submission
            let user = submission.session.user
            if Self.plan(state.memory.enter(task, of: user, bytes: bytes), &state) {
                newcomer.waits.store(true, ordering: .relaxed)
            }
            return nil
        }
        if let refusal { submission.fail(refusal) } else { arrivals.signal() }
    }

    private func cancel(_ task: Int) {
        state.withLock { state in
            if state.announced.contains(task) || state.planner.contains(task)
                || state.memory.isWaiting(task)
            {
                state.cancelled.insert(task)
            }
        }
        arrivals.signal()
    }

    /// Tasks that may begin have their turns from now on.
    /// - Returns: Whether some user had none.
    @discardableResult
    private static func plan(_ tasks: [Int], _ state: inout State) -> Bool {
        tasks.reduce(false) { isNew, task in
            guard let session = state.submissions[task]?.session else { return isNew }
            return state.planner.add(task, of: session, slice: .bulk) || isNew
        }
    }

    // MARK: - On the thread

    private func loop() {
        // Work that has begun is touched by this thread only, so it needs no lock.
        var begun: [Int: Begun] = [:]
        var reader = makeReader()
        let contexts = ContextStore(isShared: memory.sharesContexts)
        while true {
            let turn = state.withLock { state in
                newcomer.waits.store(false, ordering: .relaxed)
                state.load.note(contexts, state.memory)
                return Self.turn(&state)
            }
            turn.departed.forEach(contexts.forget)
            contexts.room = turn.room
            for task in turn.dropped { begun.removeValue(forKey: task)?.fail(CancellationError()) }
            for submission in turn.unbegun { submission.fail(CancellationError()) }
            if turn.isStopping {
                turn.submission?.fail(ServiceError.draining)
                break
            }
            guard let task = turn.task else {
                arrivals.wait()
                continue
            }
            run(task, turn.submission, contexts, &begun, &reader)
        }
        for (_, work) in begun { work.fail(ServiceError.draining) }
        let left = state.withLock { state in
            defer { state.submissions = [:] }
            return state.submissions
        }
        for (_, submission) in left { submission.fail(ServiceError.draining) }
    }

    /// One slice of a task, with steps of those that it shares its passes with.
    private func run(
        _ task: Int, _ submission: Submission?, _ contexts: ContextStore,
        _ begun: inout [Int: Begun], _ reader: inout CoreReader?
    ) {
        if let submission {
            let wait = (ContinuousClock.now - submission.moment) / .seconds(1)
            state.withLock { $0.load.latency.queue.add(wait) }
            do {
                begun[task] = try submission.begin(contexts)
            } catch {
                submission.fail(error)
                settle(task, .nothing, .zero)
                return
            }
        }
        budget.spend {
            let start = budget.now()
            let sharers = read(for: task, begun, &reader)
            let outcomes = ([task] + sharers).map { (task: $0, next: step($0, &begun)) }
            let share = (budget.now() - start) / outcomes.count
            for (sharer, next) in outcomes { settle(sharer, next, share) }
            if case .goesOn = outcomes[0].next { return true }
            return false
        }
    }

    /// Has the core read what a task asks for, with what fits of what others do.
    /// - Returns: Those others.
    private func read(
        for task: Int, _ begun: [Int: Begun], _ reader: inout CoreReader?
    ) -> [Int] {
        guard reader != nil, let first = begun[task]?.asks(), !first.isDone else { return [] }
        let others = state.withLock { $0.planner.others(than: task) }
        if !others.isEmpty { first.shorten(to: Self.rowsOfOne) }
        let decodes = first.neededCount == 1
        var readings = [first]
        var sharers: [Int] = []
        var rows = first.count
        for other in others where rows < Self.rowsMaximum {
            guard let reading = begun[other]?.asks(), !reading.isDone else { continue }
            if decodes, reading.neededCount == 1 {
                // A pass that several share has rows enough: guesses would only cost.
                rows -= first.count - first.neededCount
                first.dropDrafts()
                reading.dropDrafts()
            } else if !decodes {
                reading.shorten(to: min(first.count, Self.rowsMaximum - rows))
            }
            guard reading.count <= first.count, rows + reading.count <= Self.rowsMaximum
            else { continue }
            rows += reading.count
            readings.append(reading)
            sharers.append(other)
        }
        reader?.read(readings)
        state.withLock { state in
            state.load.passes += 1
            state.load.rows += rows
            state.load.latency.batch.add(Double(readings.count))
        }
        return sharers
    }

    private func step(_ task: Int, _ begun: inout [Int: Begun]) -> Next {
        guard let work = begun[task] else { return .nothing }
        var next = Next.nothing
        do { next = try work.step() } catch { work.fail(error) }
        if case .nothing = next { begun[task] = nil }
        return next
    }

    private func settle(_ task: Int, _ next: Next, _ elapsed: Duration) {
        state.withLock { state in
            state.load.busy += elapsed
            state.planner.charge(task, elapsed / .seconds(1))
            switch next {
            case .goesOn: state.planner.change(task, to: .bulk)
            case .waits(let slice): state.planner.change(task, to: slice)
            case .nothing:
                state.planner.remove(task)
                state.cancelled.remove(task)
                Self.plan(state.memory.leave(task), &state)
            }
        }
    }

    private static func turn(_ state: inout State) -> Turn {
        var turn = Turn()
        let waits = state.memory
        for task in state.cancelled.sorted()
        where state.planner.contains(task) || waits.isWaiting(task) {
            state.cancelled.remove(task)
            state.planner.remove(task)
            if let submission = state.submissions.removeValue(forKey: task) {
                turn.unbegun.append(submission)
            } else {
                turn.dropped.append(task)
            }
            Self.plan(state.memory.leave(task), &state)
        }
        swap(&turn.departed, &state.departed)
        turn.room = state.memory.byteLimit - state.memory.reserved
        turn.isStopping = state.isStopping
        guard !turn.isStopping, let task = state.planner.next() else { return turn }
        turn.task = task
        turn.submission = state.submissions.removeValue(forKey: task)
        return turn
    }
}
