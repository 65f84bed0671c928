import Engrams

/// A store of which another keeps the records, and sees nothing of what they say.
final class SealedStore: EngramStore {
    let store: any EngramStore
    private let seal: RowSeal

    init(_ store: any EngramStore, under seal: RowSeal) {
        self.store = store
        self.seal = seal
    }

    /// What cannot be sealed or opened.
    private func under<Value>(_ body: (RowSeal) throws -> Value) throws(StorageError) -> Value {
        do {
            return try body(seal)
        } catch {
            throw error as? StorageError ?? .failed(code: 0)
        }
    }

    func user(_ id: UserID) async throws(StorageError) -> UserRecord? { try await store.user(id) }

    func deleteUser(_ id: UserID) async throws(StorageError) -> UserDeletion {
        var deletion = try await store.deleteUser(id)
        deletion.bytes = max(0, deletion.bytes - deletion.values * RowSeal.overhead)
        return deletion
    }

    // MARK: - Sessions

    func session(_ id: SessionID) async throws(StorageError) -> SessionRecord? {
        let record = try await store.session(id)
        return try under { try record.map($0.opened) }
    }

    func sessions(of user: UserID?, after: SessionID?, limit: Int) async throws(StorageError)
        -> [SessionRecord]
    {
        let records = try await store.sessions(of: user, after: after, limit: limit)
        return try under { try records.map($0.opened) }
    }

    func sessionCount() async throws(StorageError) -> Int { try await store.sessionCount() }

    func overview() async throws(StorageError) -> StoreOverview { try await store.overview() }

    func createSession(_ record: SessionRecord, engram: [UInt8]?) async throws(StorageError) {
        try record.requireStorable()
        let sealed = try under { seal in
            try (
                seal.sealed(record),
                engram.map {
                    try seal.sealed(SnapshotRecord(sequence: 0, engram: $0), of: record.id).engram
                }
            )
        }
        try await store.createSession(sealed.0, engram: sealed.1)
    }

    func discardSession(_ id: SessionID) async throws(StorageError) {
        try await store.discardSession(id)
    }

    // MARK: - The journal

    func append(_ entry: JournalEntry) async throws(StorageError) {
        try entry.requireStorable()
        try await store.append(try under { try $0.sealed(entry) })
    }

    func events(of session: SessionID, after sequence: Int, limit: Int) async throws(StorageError)
        -> [EventRecord]
    {
        let events = try await store.events(of: session, after: sequence, limit: limit)
        return try under { try events.map($0.opened) }
    }

    func event(of session: SessionID, idempotencyKey: String) async throws(StorageError)
        -> EventRecord?
    {
        let event = try await store.event(of: session, idempotencyKey: idempotencyKey)
        return try under { try event.map($0.opened) }
    }

    func event(_ id: EventID, of session: SessionID) async throws(StorageError) -> EventRecord? {
        let event = try await store.event(id, of: session)
        return try under { try event.map($0.opened) }
    }

    func isSpent(idempotencyKey: String, of session: SessionID) async throws(StorageError) -> Bool {
        try await store.isSpent(idempotencyKey: idempotencyKey, of: session)
    }

    func stored(_ session: SessionID) async throws(StorageError) -> StoredSession? {
        guard var stored = try await store.stored(session) else { return nil }
        try under { seal in
            stored.record = try seal.opened(stored.record)
            stored.snapshot = try stored.snapshot.map { try seal.opened($0, of: session) }
            stored.events = try stored.events.map(seal.opened)
        }
        return stored
    }

    func snapshot(of session: SessionID) async throws(StorageError) -> SnapshotRecord? {
        let snapshot = try await store.snapshot(of: session)
        return try under { seal in try snapshot.map { try seal.opened($0, of: session) } }
    }

    func keep(_ snapshot: SnapshotRecord, of session: SessionID) async throws(StorageError) {
        try snapshot.requireStorable()
        try await store.keep(try under { try $0.sealed(snapshot, of: session) }, of: session)
    }

    // MARK: - Checkpoints

    func checkpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError)
        -> CheckpointRecord?
    {
        let record = try await store.checkpoint(id, of: user)
        return try under { try record.map($0.opened) }
    }

    func engram(of checkpoint: CheckpointID, of user: UserID) async throws(StorageError)
        -> [UInt8]?
    {
        let engram = try await store.engram(of: checkpoint, of: user)
        return try under { seal in
            try engram.map { try seal.opened(engram: $0, of: checkpoint, user) }
        }
    }

    func checkpoints(of user: UserID, after: CheckpointID?, limit: Int) async throws(StorageError)
        -> [CheckpointRecord]
    {
        let records = try await store.checkpoints(of: user, after: after, limit: limit)
        return try under { try records.map($0.opened) }
    }

    func describeCheckpoint(_ id: CheckpointID, of user: UserID, name: String?, note: String?)
        async throws(StorageError) -> CheckpointRecord
    {
        try CheckpointRecord.requireStorable(name: name, note: note)
        let texts = try under { seal in
            // An empty one says that there shall be none.
            try [("name", name), ("note", note)].map { column, text in
                try text.map {
                    $0.isEmpty ? $0 : try seal.sealed(text: $0, of: id, user, column)
                }
            }
        }
        let record = try await store.describeCheckpoint(
            id, of: user, name: texts[0], note: texts[1])
        return try under { try $0.opened(record) }
    }

    func pruneCheckpoints(of user: UserID, keeping count: Int) async throws(StorageError) -> Int {
        try await store.pruneCheckpoints(of: user, keeping: count)
    }

    func deleteCheckpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError) {
        try await store.deleteCheckpoint(id, of: user)
    }

    // MARK: - The past

    func history(of user: UserID) async throws(StorageError) -> UserHistory {
        let history = try await store.history(of: user)
        return try under { try $0.opened(history) }
    }

    func rewrite(_ rewrite: HistoryRewrite) async throws(StorageError) {
        try rewrite.requireStorable()
        let places = try await places(of: rewrite)
        let sealed = try under { seal in
            var sealed = rewrite
            sealed.entries = try rewrite.entries.map(seal.sealed)
            sealed.checkpoints = try rewrite.checkpoints.map(seal.sealed)
            for (index, event) in rewrite.events.enumerated() {
                guard let payload = event.payload else { continue }
                guard let place = places[event.id] else {
                    throw StorageError.eventNotFound(event.id)
                }
                sealed.events[index].payload = try seal.sealed(
                    payload, of: event.id, in: place.session, place.sequence)
            }
            return sealed
        }
        try await store.rewrite(sealed)
    }

    /// Where the events stand that get a new payload. They stay there, or go with their session, and
    /// the rewrite with them.
    private func places(of rewrite: HistoryRewrite) async throws(StorageError)
        -> [EventID: (session: SessionID, sequence: Int)]
    {
        let revised = Set(rewrite.events.filter { $0.payload != nil }.map(\.id))
        guard !revised.isEmpty, let user = rewrite.entries.first?.session.id.user else {
            return [:]
        }
        var places: [EventID: (session: SessionID, sequence: Int)] = [:]
        for session in try await store.history(of: user).sessions {
            for (index, event) in session.events.enumerated() where revised.contains(event.id) {
                places[event.id] = (session.record.id, index + 1)
            }
        }
        return places
    }

    func erase() async throws(StorageError) { try await store.erase() }

    func close() async { await store.close() }
}
