import Dispatch
import Engrams
import Foundation
import OuterCortex
import Synchronization

/// Resumable work that lives on the cortex thread alone.
struct CortexWork<Output: Sendable> {
    enum Progress {
        /// There is more to do, of this kind.
        case more(BatchPlanner.Slice)
        case done(Output)
    }

    /// Does a bounded slice.
    let advance: () throws -> Progress
}

/// The one thread that computes. Work of many sessions runs on it slice by slice, in the order of
/// a `BatchPlanner`; nothing numeric runs on Swift's cooperative threads.
final class CortexThread: Sendable {
    private typealias Slice = BatchPlanner.Slice
    /// Does a slice, and hands the output over itself. Nil: it was the last.
    private typealias Step = () throws -> Slice?

    private struct Submission: Sendable {
        let begin: @Sendable () throws -> sending Step
        let fail: @Sendable (any Error) -> Void
    }

    private struct State: Sendable {
        var planner: BatchPlanner
        var nextTask = 0
        /// Tasks whose submission is on its way, so that a cancellation can overtake it.
        var announced: Set<Int> = []
        var submissions: [Int: Submission] = [:]
        var cancelled: Set<Int> = []
        var isStopping = false
        var busy = Duration.zero
    }

    private struct Turn {
        var dropped: [Int] = []
        /// Dropped before they began.
        var unbegun: [Submission] = []
        var task: Int?
        var submission: Submission?
        var isStopping = false
    }

    private let state: Mutex<State>
    private let arrivals = DispatchSemaphore(value: 0)
    /// Somebody came who has not had a slice yet: the slice that runs ends at its next step.
    private let newcomer: Newcomer
    /// Of a slice of longer work. A step of it cannot be cut: one forward pass of
    /// `FrozenReader.sliceLength` tokens, or one position under the engram that it is read with.
    let budget: SliceBudget

    private final class Newcomer: Sendable {
        let waits = Atomic(false)
    }

    init(
        decodeBurstMaximum: Int, stackBytes: Int,
        budget: SliceBudget = SliceBudget(.milliseconds(10))
    ) {
        let newcomer = Newcomer()
        self.newcomer = newcomer
        self.budget = budget.endingEarly { newcomer.waits.load(ordering: .relaxed) }
        state = Mutex(State(planner: BatchPlanner(decodeBurstMaximum: decodeBurstMaximum)))
        let thread = Thread { [self] in loop() }
        thread.stackSize = stackBytes
        thread.name = "hebb.cortex"
        thread.start()
    }

    var busySeconds: Double {
        let (seconds, attoseconds) = state.withLock { $0.busy }.components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }

    /// Runs work to its end. When the calling task is cancelled, the work stops before its next
    /// slice and this throws `CancellationError`.
    ///
    /// - Parameter begin: makes the work, on the cortex thread.
    func run<Output: Sendable>(
        for session: SessionID,
        begin: @escaping @Sendable () throws -> CortexWork<Output>
    ) async throws -> Output {
        let task = state.withLock { state in
            state.nextTask += 1
            state.announced.insert(state.nextTask)
            return state.nextTask
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let submission = Submission(
                    begin: {
                        let work = try begin()
                        return {
                            switch try work.advance() {
                            case .more(let slice): return slice
                            case .done(let output):
                                continuation.resume(returning: output)
                                return nil
                            }
                        }
                    },
                    fail: { continuation.resume(throwing: $0) })
                submit(submission, as: task, for: session)
            }
        } onCancel: {
            cancel(task)
        }
    }

    /// Runs a task to its end, in slices of at most the thread's budget.
    ///
    /// - Parameters:
    ///   - begin: makes the task, on the cortex thread.
    ///   - output: what is wanted of the finished task; runs there too.
    func run<Work: CortexTask & SendableMetatype, Output: Sendable>(
        for session: SessionID, _ begin: @escaping @Sendable () throws -> Work,
        output: @escaping @Sendable (Work) throws -> Output
    ) async throws -> Output {
        try await run(for: session) { [budget] in
            let task = try begin()
            return CortexWork {
                task.advance(within: budget) ? .done(try output(task)) : .more(.bulk)
            }
        }
    }

    /// Work that has not ended fails with `.draining`, and the thread ends.
    func stop() {
        state.withLock { $0.isStopping = true }
        arrivals.signal()
    }

    private func submit(_ submission: Submission, as task: Int, for session: SessionID) {
        let refusal = state.withLock { state -> (any Error)? in
            state.announced.remove(task)
            if state.cancelled.remove(task) != nil { return CancellationError() }
            if state.isStopping { return ServiceError.draining }
            state.submissions[task] = submission
            if state.planner.add(task, of: session, slice: .bulk) {
                newcomer.waits.store(true, ordering: .relaxed)
            }
            return nil
        }
        if let refusal { submission.fail(refusal) } else { arrivals.signal() }
    }

    private func cancel(_ task: Int) {
        state.withLock { state in
            if state.announced.contains(task) || state.planner.contains(task) {
                state.cancelled.insert(task)
            }
        }
        arrivals.signal()
    }

    // MARK: - On the thread

    private func loop() {
        // Work that has begun is touched by this thread only, so it needs no lock.
        var begun: [Int: (step: Step, fail: @Sendable (any Error) -> Void)] = [:]
        while true {
            let turn = state.withLock { state in
                newcomer.waits.store(false, ordering: .relaxed)
                return Self.turn(&state)
            }
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
            let start = budget.now()
            var slice: Slice?
            do {
                if let submission = turn.submission {
                    begun[task] = (try submission.begin(), submission.fail)
                }
                slice = try begun[task]?.step()
            } catch {
                (begun[task]?.fail ?? turn.submission?.fail)?(error)
            }
            if slice == nil { begun[task] = nil }
            let elapsed = budget.now() - start
            state.withLock { state in
                state.busy += elapsed
                state.planner.charge(task, elapsed / .seconds(1))
                if let slice {
                    state.planner.change(task, to: slice)
                } else {
                    state.planner.remove(task)
                    state.cancelled.remove(task)
                }
            }
        }
        for (_, work) in begun { work.fail(ServiceError.draining) }
        let left = state.withLock { state in
            defer { state.submissions = [:] }
            return state.submissions
        }
        for (_, submission) in left { submission.fail(ServiceError.draining) }
    }

    private static func turn(_ state: inout State) -> Turn {
        var turn = Turn()
        for task in state.cancelled.sorted() where state.planner.contains(task) {
            state.cancelled.remove(task)
            state.planner.remove(task)
            if let submission = state.submissions.removeValue(forKey: task) {
                turn.unbegun.append(submission)
            } else {
                turn.dropped.append(task)
            }
        }
        turn.isStopping = state.isStopping
        guard !turn.isStopping, let task = state.planner.next() else { return turn }
        turn.task = task
        turn.submission = state.submissions.removeValue(forKey: task)
        return turn
    }
}
