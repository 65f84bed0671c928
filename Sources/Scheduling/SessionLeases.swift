import Engrams

/// Who may change which session now: one writer at a time, the others in the order they came.
struct SessionLeases {
    private struct Waiter {
        let number: Int
        let continuation: CheckedContinuation<Void, any Error>
    }

    /// A session that is held, with those who wait for it.
    private var lines: [SessionID: [Waiter]] = [:]

    /// How many stand in line behind the one who holds the session.
    func waiting(for session: SessionID) -> Int { lines[session]?.count ?? 0 }

    /// Takes a free session.
    /// - Returns: False when somebody holds it; then `wait`.
    mutating func take(_ session: SessionID) -> Bool {
        guard lines[session] == nil else { return false }
        lines[session] = []
        return true
    }

    /// Stands in line; the continuation is resumed with the session held.
    mutating func wait(
        for session: SessionID, number: Int, continuation: CheckedContinuation<Void, any Error>
    ) {
        lines[session, default: []].append(Waiter(number: number, continuation: continuation))
    }

    /// Gives the session to the next in line.
    mutating func release(_ session: SessionID) {
        guard var line = lines[session] else { return }
        guard !line.isEmpty else {
            lines[session] = nil
            return
        }
        let next = line.removeFirst()
        lines[session] = line
        next.continuation.resume()
    }

    /// Leaves the line; nothing happens to one who has the session already.
    mutating func leave(_ session: SessionID, number: Int) {
        guard let index = lines[session]?.firstIndex(where: { $0.number == number }) else { return }
        lines[session]?.remove(at: index).continuation.resume(throwing: CancellationError())
    }
}
