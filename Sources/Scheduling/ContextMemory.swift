import Engrams

/// Which work may begin, by the memory that its contexts may come to need: what has begun always has
/// room to end. A pure value.
///
/// Who finds no room waits. Of those who wait, the next is the user who has the least reserved, then
/// the one who came first; nobody behind overtakes the next, so that small requests do not keep a
/// large one waiting for ever.
struct ContextMemory: Sendable {
    let byteLimit: Int
    private(set) var reserved = 0
    private var shares: [Int: Share] = [:]
    private var users: [UserID: Int] = [:]
    /// In the order in which they came.
    private var waiting: [(task: Int, share: Share)] = []

    private struct Share {
        let user: UserID
        let bytes: Int
    }

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    var waitingCount: Int { waiting.count }

    func isWaiting(_ task: Int) -> Bool { waiting.contains { $0.task == task } }

    /// A task comes; it waits unless it is among those that may begin.
    /// - Returns: Those that may begin now.
    /// - Precondition: `bytes` is within the limit; the task is not there yet.
    mutating func enter(_ task: Int, of user: UserID, bytes: Int) -> [Int] {
        precondition(bytes <= byteLimit && shares[task] == nil)
        // What needs no memory waits for none.
        guard bytes > 0 else { return [task] }
        waiting.append((task, Share(user: user, bytes: bytes)))
        return admit()
    }

    /// A task has ended, or waits no longer.
    /// - Returns: Those that may begin now.
    mutating func leave(_ task: Int) -> [Int] {
        if let share = shares.removeValue(forKey: task) {
            reserved -= share.bytes
            let left = (users[share.user] ?? 0) - share.bytes
            users[share.user] = left == 0 ? nil : left
        } else {
            waiting.removeAll { $0.task == task }
        }
        return admit()
    }

    private mutating func admit() -> [Int] {
        var admitted: [Int] = []
        while let next = waiting.indices.min(by: { held(by: $0) < held(by: $1) }) {
            let (task, share) = waiting[next]
            guard share.bytes <= byteLimit - reserved else { break }
            waiting.remove(at: next)
            shares[task] = share
            reserved += share.bytes
            users[share.user, default: 0] += share.bytes
            admitted.append(task)
        }
        return admitted
    }

    private func held(by index: Int) -> Int { users[waiting[index].share.user] ?? 0 }
}
