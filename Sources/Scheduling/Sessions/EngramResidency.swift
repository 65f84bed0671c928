import EngramStorage
import Engrams

/// A session in memory: exactly what its journal implies, never more.
struct ResidentSession: Sendable {
    var record: SessionRecord
    /// The total: the user's engram with the session's delta.
    var engram: Engram
    var ledger: SafetyLedger
    /// The event that the stored working state contains; 0 when there is none.
    var snapshotSequence: Int
    var tokensSinceSnapshot: Int
    /// What it takes in memory, approximately.
    var byteCount: Int

    var id: SessionID { record.id }
    var revision: Revision { record.revision }
    var isSnapshotDue: Bool { snapshotSequence < record.sequence }
}

extension SessionRecord {
    /// The number of its last event: it only ever grows, so a revision seen before a reset cannot
    /// come back and pass an `If-Match`.
    var revision: Revision { Revision(rawValue: UInt64(max(0, sequence))) }
}

/// Sessions kept in memory, the least recently used ones dropped first. Dropping loses nothing:
/// every change was in the journal before it was here.
struct EngramResidency: Sendable {
    let byteLimit: Int
    private(set) var byteCount = 0
    private var entries: [SessionID: (session: ResidentSession, lastUse: UInt64)] = [:]
    private var clock: UInt64 = 0

    init(byteLimit: Int) { self.byteLimit = byteLimit }

    var count: Int { entries.count }
    var sessions: [ResidentSession] { entries.values.map(\.session) }

    /// The session, marked as used now.
    mutating func use(_ id: SessionID) -> ResidentSession? {
        clock += 1
        entries[id]?.lastUse = clock
        return entries[id]?.session
    }

    /// Puts a session in or replaces it.
    /// - Returns: What had to go; never `session` itself.
    /// - Complexity: O(n) for each one that goes.
    mutating func keep(_ session: ResidentSession) -> [ResidentSession] {
        remove(session.id)
        clock += 1
        entries[session.id] = (session, clock)
        byteCount += session.byteCount
        var dropped: [ResidentSession] = []
        while byteCount > byteLimit, entries.count > 1,
            let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
        {
            remove(oldest.key)
            dropped.append(oldest.value.session)
        }
        return dropped
    }

    /// Replaces a session's figures in place; nothing happens when it is not there.
    /// - Precondition: its engram is the same.
    mutating func update(_ session: ResidentSession) {
        entries[session.id]?.session = session
    }

    mutating func remove(_ id: SessionID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        byteCount -= entry.session.byteCount
    }
}
