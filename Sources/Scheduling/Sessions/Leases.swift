import Engrams

/// Who may change what now: one writer at a time, the others in the order they came.
struct Leases {
    /// Whoever holds a session may wait for its user, and nobody the other way round.
    enum Key: Hashable, Sendable {
        case session(SessionID)
        /// Held to make a session of the user's or delete a checkpoint, and to change the user's
        /// past.
        case user(UserID)
    }

    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// What is held, with those who wait for it.
    private var lines: [Key: [Waiter]] = [:]

    /// How many stand in line behind the one who holds it.
    func waiting(for key: Key) -> Int { lines[key]?.count ?? 0 }

    /// Takes what is free.
    /// - Returns: False when somebody holds it; then `wait`.
    mutating func take(_ key: Key) -> Bool {
        guard lines[key] == nil else { return false }
        lines[key] = []
        return true
    }

    /// Stands in line; the continuation is resumed with it held.
    mutating func wait(
        for key: Key, number: Int, continuation: CheckedContinuation<Void, any Error>
    ) {
        lines[key, default: []].append(Waiter(number: number, continuation: continuation))
    }

    /// Gives it to the next in line.
    mutating func release(_ key: Key) {
        guard var line = lines[key] else { return }
        guard !line.isEmpty else {
            lines[key] = nil
            return
        }
        let next = line.removeFirst()
        lines[key] = line
        next.continuation.resume()
    }

    /// Leaves the line; nothing happens to one who has it already.
    mutating func leave(_ key: Key, number: Int) {
        guard let index = lines[key]?.firstIndex(where: { $0.number == number }) else { return }
        lines[key]?.remove(at: index).continuation.resume(throwing: CancellationError())
    }
}
