import Dispatch
import Synchronization

/// A bounded number of connections, each on a queue of its own: who waits for a server waits there,
/// and never on a task's thread.
final class ConnectionPool: Sendable {
    /// Calls that may wait for a connection. With each taking a millisecond or two, the last of
    /// them waits for a second.
    private static let waiting = 1024

    private typealias Job = @Sendable (Slot?) -> Void

    private struct State {
        var idle: [Slot]
        var jobs: [Job] = []
        var isClosed = false
    }

    private let state: Mutex<State>
    private let size: Int

    /// Connects when it is needed, and again when a connection is lost.
    init(_ location: String, size: Int) {
        self.size = size
        state = Mutex(State(idle: (0..<size).map { Slot(location, number: $0) }))
    }

    /// - Throws: what `body` throws, `.busy` when too many wait already, `.closed`.
    func run<Value: Sendable>(
        _ body: @escaping @Sendable (Slot) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let result: Result<Value, StorageError> = await withCheckedContinuation { continuation in
            enqueue { slot in
                guard let slot else {
                    continuation.resume(returning: .failure(.closed))
                    return
                }
                do throws(StorageError) {
                    continuation.resume(returning: .success(try body(slot)))
                } catch {
                    continuation.resume(returning: .failure(error))
                }
            } orRefuse: {
                continuation.resume(returning: .failure(.busy))
            }
        }
        return try result.get()
    }

    private func enqueue(_ job: @escaping Job, orRefuse refuse: () -> Void) {
        enum Outcome {
            case start(Slot)
            case wait, refuse, close
        }
        let outcome = state.withLock { state -> Outcome in
            if state.isClosed { return .close }
            if let slot = state.idle.popLast() { return .start(slot) }
            guard state.jobs.count < Self.waiting else { return .refuse }
            state.jobs.append(job)
            return .wait
        }
        switch outcome {
        case .start(let slot): start(job, on: slot)
        case .wait: break
        case .refuse: refuse()
        case .close: job(nil)
        }
    }

    private func start(_ job: @escaping Job, on slot: Slot) {
        slot.queue.async { [self] in
            job(slot)
            let next = state.withLock { state -> Job? in
                guard state.jobs.isEmpty else { return state.jobs.removeFirst() }
                state.idle.append(slot)
                return nil
            }
            if let next { start(next, on: slot) }
        }
    }

    /// Waits for what runs and what waits, and closes every connection.
    func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return }
        // Whatever is idle now is taken; the others come when they have done what was asked.
        var closed = 0
        while closed < size {
            let slots = state.withLock { state in
                defer { state.idle = [] }
                return state.idle
            }
            for slot in slots {
                await withCheckedContinuation { continuation in
                    slot.queue.async {
                        slot.disconnect()
                        continuation.resume()
                    }
                }
            }
            closed += slots.count
            if closed < size { try? await Task.sleep(for: .milliseconds(2)) }
        }
    }

    /// Invariant: all but `queue` is touched on that queue alone.
    final class Slot: @unchecked Sendable {
        let queue: DispatchQueue
        private let location: String
        private var connection: PostgreSQLConnection?

        fileprivate init(_ location: String, number: Int) {
            self.location = location
            queue = DispatchQueue(label: "hebb.postgresql.\(number)")
        }

        func disconnect() { connection = nil }

        /// The connection after `first`, which is done on a new one when the old one is found to be
        /// dead: a server that was restarted is not noticed before.
        func connected(
            _ first: (PostgreSQLConnection) throws -> Void
        ) throws -> PostgreSQLConnection {
            if let connection {
                do {
                    try first(connection)
                    return connection
                } catch {
                    self.connection = nil
                    guard !connection.isAlive else { throw error }
                }
            }
            let new = try PostgreSQLConnection(location)
            try first(new)
            connection = new
            return new
        }
    }
}
