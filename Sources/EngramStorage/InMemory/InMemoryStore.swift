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
        /// In the order they were made, with the deleted ones.
        var checkpoints: [Checkpoint] = []

        /// Unless it has been deleted.
        func checkpoint(_ id: CheckpointID) -> JournalEntry.NewCheckpoint? {
            checkpoints.first { $0.content.record.id == id && !$0.isDeleted }?.content
        }

        func index(of id: CheckpointID) -> Int? {
            checkpoints.firstIndex { $0.content.record.id == id }
        }
    }

    private struct Checkpoint {
        var content: JournalEntry.NewCheckpoint
        var isDeleted = false
        var hasUnknownSources = false

        var history: CheckpointHistory {
            CheckpointHistory(
                record: content.record, isDeleted: isDeleted,
                hasUnknownSources: hasUnknownSources)
        }
    }

    private var users: [UserID: User] = [:]
    private var sessions: [SessionID: Session] = [:]
    /// Of what was forgotten or discarded, by the session's name.
    private var spentKeys: [SessionID: Set<String>] = [:]
    /// Access keys, by their ids.
    var keys: [String: AccessKeyRecord] = [:]
    private var isClosed = false

    public init() {}

    public func user(_ id: UserID) throws(StorageError) -> UserRecord? {
        try requireOpen()
        return users[id]?.record
    }

    public func deleteUser(_ id: UserID) throws(StorageError) -> UserDeletion {
        try requireOpen()
        let user = users.removeValue(forKey: id)
        let hasKeys = keys.values.contains { $0.user == id }
        guard user != nil || hasKeys else { throw .userNotFound(id) }
        keys = keys.filter { $0.value.user != id }
        let gone = sessions.values.filter { $0.record.id.user == id }
        for session in gone { sessions[session.record.id] = nil }
        spentKeys = spentKeys.filter { $0.key.user != id }
        let checkpoints = (user?.checkpoints ?? []).filter { !$0.isDeleted }
        let events = gone.flatMap(\.events)
        return UserDeletion(
            sessions: gone.count, checkpoints: checkpoints.count, events: events.count,
            values: checkpoints.count + gone.count { $0.snapshot != nil }
                + events.reduce(0) { $0 + $1.valueCount },
            bytes: checkpoints.reduce(0) { $0 + $1.content.engram.count }
                + gone.reduce(0) { $0 + ($1.snapshot?.engram.count ?? 0) }
                + events.reduce(0) { $0 + $1.byteCount })
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

    public func overview() throws(StorageError) -> StoreOverview {
        try requireOpen()
        let lessons = sessions.values.flatMap(\.events).filter { $0.kind.bringsContent }
        return StoreOverview(
            sessions: sessions.count, learningEvents: lessons.count,
            eventsWithContent: lessons.count { $0.keepsContent })
    }

    public func createSession(_ record: SessionRecord, engram: [UInt8]?) throws(StorageError) {
        try requireOpen()
        try record.requireStorable()
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
        guard let gone = sessions.removeValue(forKey: id) else { throw .sessionNotFound(id) }
        spentKeys[id, default: []].formUnion(gone.events.compactMap(\.idempotencyKey))
        let hasMerged = gone.events.contains { $0.kind == .merge }
        for index in users[id.user]?.checkpoints.indices ?? 0..<0 {
            guard let record = users[id.user]?.checkpoints[index].content.record,
                record.session == id.name, record.sequence != nil
            else { continue }
            users[id.user]?.checkpoints[index].content.record.sequence = nil
            users[id.user]?.checkpoints[index].hasUnknownSources = hasMerged
        }
    }

    public func append(_ entry: JournalEntry) throws(StorageError) {
        try requireOpen()
        try entry.requireStorable()
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
            guard user.index(of: new) == nil else { throw .checkpointExists(new) }
            user.checkpoints.append(Checkpoint(content: checkpoint))
            user.record.checkpointsMade += 1
        }
        if let move = entry.head {
            guard user.record.head == move.expected else {
                throw .headMoved(expected: move.expected, found: user.record.head)
            }
            if let new = move.new, user.checkpoint(new) == nil { throw .checkpointNotFound(new) }
            user.record.head = move.new
        }
        for id in [entry.session.base, entry.session.superseded] {
            if let id, user.checkpoint(id) == nil { throw .checkpointNotFound(id) }
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

    public func event(_ id: EventID, of session: SessionID) throws(StorageError) -> EventRecord? {
        try requireOpen()
        return sessions[session]?.events.first { $0.id == id }
    }

    public func isSpent(idempotencyKey: String, of session: SessionID) throws(StorageError)
        -> Bool
    {
        try requireOpen()
        return spentKeys[session]?.contains(idempotencyKey) ?? false
    }

    public func stored(_ session: SessionID) throws(StorageError) -> StoredSession? {
        try requireOpen()
        return sessions[session].map { found in
            let start = found.snapshot?.sequence ?? 0
            return StoredSession(
                record: found.record, snapshot: found.snapshot,
                events: found.events.filter { $0.sequence > start })
        }
    }

    public func snapshot(of session: SessionID) throws(StorageError) -> SnapshotRecord? {
        try requireOpen()
        return sessions[session]?.snapshot
    }

    public func keep(_ snapshot: SnapshotRecord, of session: SessionID) throws(StorageError) {
        try requireOpen()
        try snapshot.requireStorable()
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
        let all = users[user]?.checkpoints ?? []
        var start = 0
        if let after {
            guard let index = users[user]?.index(of: after) else {
                throw .checkpointNotFound(after)
            }
            start = index + 1
        }
        return all[start...].lazy.filter { !$0.isDeleted }.prefix(limit).map(\.content.record)
    }

    public func deleteCheckpoint(_ id: CheckpointID, of user: UserID) throws(StorageError) {
        try requireOpen()
        guard let owner = users[user], owner.checkpoint(id) != nil else {
            throw .checkpointNotFound(id)
        }
        let isUsed = sessions.values.contains {
            $0.record.id.user == user && [$0.record.base, $0.record.superseded].contains(id)
        }
        guard owner.record.head != id, !isUsed else { throw .checkpointInUse(id) }
        takeAway(id, of: user)
    }

    private func takeAway(_ id: CheckpointID, of user: UserID) {
        guard let index = users[user]?.index(of: id) else { return }
        users[user]?.checkpoints[index].isDeleted = true
        users[user]?.checkpoints[index].content.engram = []
        users[user]?.checkpoints[index].content.record.name = nil
        users[user]?.checkpoints[index].content.record.note = nil
    }

    // MARK: - The past

    public func history(of user: UserID) throws(StorageError) -> UserHistory {
        try requireOpen()
        return UserHistory(
            sessions: sessions.values.filter { $0.record.id.user == user }
                .sorted { $0.record.id.name.rawValue < $1.record.id.name.rawValue }
                .map { session in
                    SessionHistory(
                        record: session.record, snapshotSequence: session.snapshot?.sequence,
                        events: session.events.map(EventOutline.init(_:)))
                },
            checkpoints: users[user]?.checkpoints.map(\.history) ?? [])
    }

    public func rewrite(_ rewrite: HistoryRewrite) throws(StorageError) {
        try rewrite.requireStorable()
        // One actor and no suspension: who fails half-way puts back what was there.
        let (users, sessions) = (users, sessions)
        do {
            for entry in rewrite.entries { try append(entry) }
            for checkpoint in rewrite.checkpoints { try replace(checkpoint) }
            for event in rewrite.events {
                try change(event.id) {
                    $0.tokenCount = event.tokenCount
                    $0.payload = event.payload
                }
            }
            var spent: (session: SessionID, key: String)?
            try change(rewrite.forgotten) { event in
                if let key = event.idempotencyKey { spent = (event.session, key) }
                event.forget(by: rewrite.forgottenBy)
            }
            if let spent { spentKeys[spent.session, default: []].insert(spent.key) }
        } catch {
            (self.users, self.sessions) = (users, sessions)
            throw error
        }
    }

    public func erase() throws(StorageError) { try requireOpen() }

    private func replace(_ checkpoint: JournalEntry.NewCheckpoint) throws(StorageError) {
        let record = checkpoint.record
        guard let user = users[record.user], let index = user.index(of: record.id) else {
            throw .checkpointNotFound(record.id)
        }
        if user.checkpoints[index].isDeleted {
            users[record.user]?.checkpoints[index].content.record.base = record.base
            users[record.user]?.checkpoints[index].content.record.superseded = record.superseded
        } else {
            users[record.user]?.checkpoints[index].content = checkpoint
        }
    }

    private func change(_ id: EventID, _ body: (inout EventRecord) -> Void) throws(StorageError) {
        for (session, found) in sessions {
            guard let index = found.events.firstIndex(where: { $0.id == id }) else { continue }
            if var event = sessions[session]?.events[index] {
                body(&event)
                sessions[session]?.events[index] = event
            }
            return
        }
        throw .eventNotFound(id)
    }

    public func describeCheckpoint(
        _ id: CheckpointID, of user: UserID, name: String?, note: String?
    ) throws(StorageError) -> CheckpointRecord {
        try requireOpen()
        try CheckpointRecord.requireStorable(name: name, note: note)
        guard let index = users[user]?.index(of: id),
            var record = users[user]?.checkpoint(id)?.record
        else { throw .checkpointNotFound(id) }
        if let name { record.name = name.isEmpty ? nil : name }
        if let note { record.note = note.isEmpty ? nil : note }
        users[user]?.checkpoints[index].content.record = record
        return record
    }

    public func pruneCheckpoints(of user: UserID, keeping count: Int) throws(StorageError) -> Int {
        let expendable = RetentionPolicy(kept: count).expendable(
            in: try history(of: user), head: users[user]?.record.head)
        for id in expendable { takeAway(id, of: user) }
        return expendable.count
    }

    public func close() { isClosed = true }

    func requireOpen() throws(StorageError) {
        if isClosed { throw .closed }
    }

    private func requireCheckpoint(_ id: CheckpointID?, of user: UserID) throws(StorageError) {
        if let id, users[user]?.checkpoint(id) == nil { throw .checkpointNotFound(id) }
    }
}
