public import Engrams

/// A store that lives as long as its process, with the promises of the durable one save
/// durability. For tests and for servers that must leave no trace on a disk.
public actor InMemoryStore: EngramStore {
    private struct Session {
        var record: SessionRecord
        var events: [EventRecord] = []
        var snapshot: SnapshotRecord?
    }

    private struct User {
        var record: UserRecord
        /// In the order they were made.
        var checkpoints: [JournalEntry.NewCheckpoint] = []

        func checkpoint(_ id: CheckpointID) -> JournalEntry.NewCheckpoint? {
            checkpoints.first { $0.record.id == id }
        }
    }

    private var users: [UserID: User] = [:]
    private var sessions: [SessionID: Session] = [:]
    private var isClosed = false

    public init() {}

    public func user(_ id: UserID) throws(StorageError) -> UserRecord? {
        try requireOpen()
        return users[id]?.record
    }

    public func session(_ id: SessionID) throws(StorageError) -> SessionRecord? {
        try requireOpen()
        return sessions[id]?.record
    }

    public func sessions(of user: UserID?, after: SessionID?, limit: Int) throws(StorageError)
        -> [SessionRecord]
    {
        try requireOpen()
        let key = { (id: SessionID) in (id.user.rawValue, id.name.rawValue) }
        return
            sessions.values.lazy.map(\.record)
            .filter { user == nil || $0.id.user == user }
            .filter { record in after.map { key($0) < key(record.id) } ?? true }
            .sorted { key($0.id) < key($1.id) }
            .prefix(limit).map { $0 }
    }

    public func sessionCount() throws(StorageError) -> Int {
        try requireOpen()
        return sessions.count
    }

    public func createSession(_ record: SessionRecord, engram: [UInt8]?) throws(StorageError) {
        try requireOpen()
        guard sessions[record.id] == nil else { throw .sessionExists(record.id) }
        let user = record.id.user
        for checkpoint in [record.base, record.origin] {
            try requireCheckpoint(checkpoint, of: user)
        }
        if users[user] == nil {
            users[user] = User(
                record: UserRecord(id: user, head: nil, created: record.created))
        }
        sessions[record.id] = Session(record: record)
        sessions[record.id]?.snapshot = engram.map { SnapshotRecord(sequence: 0, engram: $0) }
    }

    public func discardSession(_ id: SessionID) throws(StorageError) {
        try requireOpen()
        guard sessions.removeValue(forKey: id) != nil else { throw .sessionNotFound(id) }
    }

    public func append(_ entry: JournalEntry) throws(StorageError) {
        try requireOpen()
        let id = entry.session.id
        guard var session = sessions[id], var user = users[id.user] else {
            throw .sessionNotFound(id)
        }
        let next = session.record.sequence + 1
        guard entry.event.sequence == next else {
            throw .sequenceGap(expected: next, found: entry.event.sequence)
        }
        if let key = entry.event.idempotencyKey,
            let earlier = session.events.first(where: { $0.idempotencyKey == key })
        {
            throw .idempotencyKeyExists(earlier.id)
        }
        for other in sessions.values where other.events.contains(where: { $0.id == entry.event.id })
        {
            throw .eventExists(entry.event.id)
        }
        if let checkpoint = entry.checkpoint {
            let new = checkpoint.record.id
            guard user.checkpoint(new) == nil else { throw .checkpointExists(new) }
            user.checkpoints.append(checkpoint)
        }
        if let move = entry.head {
            guard user.record.head == move.expected else {
                throw .headMoved(expected: move.expected, found: user.record.head)
            }
            if let new = move.new, user.checkpoint(new) == nil { throw .checkpointNotFound(new) }
            user.record.head = move.new
        }
        if let base = entry.session.base, user.checkpoint(base) == nil {
            throw .checkpointNotFound(base)
        }
        let kept = session.record
        session.record = entry.session
        session.record.created = kept.created
        session.record.origin = kept.origin
        session.events.append(entry.event)
        if let snapshot = entry.snapshot { session.snapshot = snapshot }
        sessions[id] = session
        users[id.user] = user
    }

    public func events(of session: SessionID, after sequence: Int, limit: Int) throws(StorageError)
        -> [EventRecord]
    {
        try requireOpen()
        let events = sessions[session]?.events ?? []
        return Array(events.lazy.filter { $0.sequence > sequence }.prefix(limit))
    }

    public func event(of session: SessionID, idempotencyKey: String) throws(StorageError)
        -> EventRecord?
    {
        try requireOpen()
        return sessions[session]?.events.first { $0.idempotencyKey == idempotencyKey }
    }

    public func snapshot(of session: SessionID) throws(StorageError) -> SnapshotRecord? {
        try requireOpen()
        return sessions[session]?.snapshot
    }

    public func keep(_ snapshot: SnapshotRecord, of session: SessionID) throws(StorageError) {
        try requireOpen()
        guard let found = sessions[session] else { return }
        guard snapshot.sequence <= found.record.sequence else {
            throw .sequenceGap(expected: found.record.sequence, found: snapshot.sequence)
        }
        if snapshot.sequence >= found.snapshot?.sequence ?? 0 {
            sessions[session]?.snapshot = snapshot
        }
    }

    public func checkpoint(_ id: CheckpointID, of user: UserID) throws(StorageError)
        -> CheckpointRecord?
    {
        try requireOpen()
        return users[user]?.checkpoint(id)?.record
    }

    public func engram(of checkpoint: CheckpointID, of user: UserID) throws(StorageError)
        -> [UInt8]?
    {
        try requireOpen()
        return users[user]?.checkpoint(checkpoint)?.engram
    }

    public func checkpoints(of user: UserID, after: CheckpointID?, limit: Int) throws(StorageError)
        -> [CheckpointRecord]
    {
        try requireOpen()
        let all = users[user]?.checkpoints.map(\.record) ?? []
        guard let after else { return Array(all.prefix(limit)) }
        guard let index = all.firstIndex(where: { $0.id == after }) else {
            throw .checkpointNotFound(after)
        }
        return Array(all[(index + 1)...].prefix(limit))
    }

    public func deleteCheckpoint(_ id: CheckpointID, of user: UserID) throws(StorageError) {
        try requireOpen()
        guard let owner = users[user], owner.checkpoint(id) != nil else {
            throw .checkpointNotFound(id)
        }
        let isUsed = sessions.values.contains { $0.record.id.user == user && $0.record.base == id }
        guard owner.record.head != id, !isUsed else { throw .checkpointInUse(id) }
        users[user]?.checkpoints.removeAll { $0.record.id == id }
    }

    public func describeCheckpoint(
        _ id: CheckpointID, of user: UserID, name: String?, note: String?
    ) throws(StorageError) -> CheckpointRecord {
        try requireOpen()
        guard let index = users[user]?.checkpoints.firstIndex(where: { $0.record.id == id }),
            var record = users[user]?.checkpoints[index].record
        else { throw .checkpointNotFound(id) }
        if let name { record.name = name.isEmpty ? nil : name }
        if let note { record.note = note.isEmpty ? nil : note }
        users[user]?.checkpoints[index].record = record
        return record
    }

    public func pruneCheckpoints(of user: UserID, keeping count: Int) throws(StorageError) -> Int {
        try requireOpen()
        let prunable = (users[user]?.checkpoints ?? []).map(\.record).filter {
            $0.isAutomatic && $0.name == nil && $0.note == nil
        }
        var pruned = 0
        for record in prunable.dropLast(max(0, count)) {
            do {
                try deleteCheckpoint(record.id, of: user)
                pruned += 1
            } catch {
                guard case .checkpointInUse = error else { throw error }
            }
        }
        return pruned
    }

    public func close() { isClosed = true }

    private func requireOpen() throws(StorageError) {
        if isClosed { throw .closed }
    }

    private func requireCheckpoint(_ id: CheckpointID?, of user: UserID) throws(StorageError) {
        if let id, users[user]?.checkpoint(id) == nil { throw .checkpointNotFound(id) }
    }
}
