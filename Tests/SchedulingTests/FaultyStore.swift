import EngramStorage
import Engrams
import Synchronization

/// A store whose disk fails when told to.
final class FaultyStore: EngramStore {
    private let store = InMemoryStore()
    private let failure = Mutex<StorageError?>(nil)
    private let erasure = Mutex<StorageError?>(nil)
    private let room = Mutex(Int.max)
    private let refusedEntries = Mutex(0)
    private let loadedSessions = Mutex(0)

    /// Of a nearly full disk, bytes: entries with more engrams than that are refused.
    func leaveRoom(for bytes: Int) { room.withLock { $0 = bytes } }

    /// How many entries found no room, and how often a session was read to be made again.
    var refusals: Int { refusedEntries.withLock { $0 } }
    var loads: Int { loadedSessions.withLock { $0 } }

    /// What the next writes throw; nil: they succeed again.
    func fail(with error: StorageError?) { failure.withLock { $0 = error } }

    /// What erasing throws, after writes that succeed.
    func failErasing(with error: StorageError?) { erasure.withLock { $0 = error } }

    private func check() throws(StorageError) {
        if let error = failure.withLock({ $0 }) { throw error }
    }

    func accessKeys() async throws(StorageError) -> [AccessKeyRecord] {
        try await store.accessKeys()
    }
    func addAccessKey(_ key: AccessKeyRecord) async throws(StorageError) {
        try check()
        try await store.addAccessKey(key)
    }
    func changeAccessKey(_ id: String, of user: UserID, settings: [UInt8])
        async throws(StorageError)
    {
        try check()
        try await store.changeAccessKey(id, of: user, settings: settings)
    }
    func deleteAccessKey(_ id: String, of user: UserID) async throws(StorageError) {
        try check()
        try await store.deleteAccessKey(id, of: user)
    }
    func noteUse(of keys: [AccessKeyUse]) async throws(StorageError) {
        try check()
        try await store.noteUse(of: keys)
    }

    func user(_ id: UserID) async throws(StorageError) -> UserRecord? { try await store.user(id) }
    func deleteUser(_ id: UserID) async throws(StorageError) -> UserDeletion {
        try check()
        return try await store.deleteUser(id)
    }
    func session(_ id: SessionID) async throws(StorageError) -> SessionRecord? {
        try await store.session(id)
    }
    func sessions(of user: UserID?, after: SessionID?, limit: Int) async throws(StorageError)
        -> [SessionRecord]
    {
        try await store.sessions(of: user, after: after, limit: limit)
    }
    func overview() async throws(StorageError) -> StoreOverview {
        try check()
        return try await store.overview()
    }
    func sessionCount() async throws(StorageError) -> Int { try await store.sessionCount() }
    func createSession(_ record: SessionRecord, engram: [UInt8]?) async throws(StorageError) {
        try check()
        try await store.createSession(record, engram: engram)
    }
    func discardSession(_ id: SessionID) async throws(StorageError) {
        try check()
        try await store.discardSession(id)
    }
    func append(_ entry: JournalEntry) async throws(StorageError) {
        try check()
        let bytes = (entry.snapshot?.engram.count ?? 0) + (entry.checkpoint?.engram.count ?? 0)
        if bytes > room.withLock({ $0 }) {
            refusedEntries.withLock { $0 += 1 }
            throw .diskFull
        }
        try await store.append(entry)
    }
    func events(of session: SessionID, after sequence: Int, limit: Int) async throws(StorageError)
        -> [EventRecord]
    {
        try await store.events(of: session, after: sequence, limit: limit)
    }
    func event(of session: SessionID, idempotencyKey: String) async throws(StorageError)
        -> EventRecord?
    {
        try await store.event(of: session, idempotencyKey: idempotencyKey)
    }
    func event(_ id: EventID, of session: SessionID) async throws(StorageError) -> EventRecord? {
        try await store.event(id, of: session)
    }
    func isSpent(idempotencyKey: String, of session: SessionID) async throws(StorageError) -> Bool {
        try await store.isSpent(idempotencyKey: idempotencyKey, of: session)
    }
    func stored(_ session: SessionID) async throws(StorageError) -> StoredSession? {
        loadedSessions.withLock { $0 += 1 }
        return try await store.stored(session)
    }
    func history(of user: UserID) async throws(StorageError) -> UserHistory {
        try await store.history(of: user)
    }
    func rewrite(_ rewrite: HistoryRewrite) async throws(StorageError) {
        try check()
        try await store.rewrite(rewrite)
    }
    func erase() async throws(StorageError) {
        if let error = erasure.withLock({ $0 }) { throw error }
        try await store.erase()
    }
    func snapshot(of session: SessionID) async throws(StorageError) -> SnapshotRecord? {
        try await store.snapshot(of: session)
    }
    func keep(_ snapshot: SnapshotRecord, of session: SessionID) async throws(StorageError) {
        try check()
        try await store.keep(snapshot, of: session)
    }
    func checkpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError)
        -> CheckpointRecord?
    {
        try await store.checkpoint(id, of: user)
    }
    func engram(of checkpoint: CheckpointID, of user: UserID) async throws(StorageError)
        -> [UInt8]?
    {
        try await store.engram(of: checkpoint, of: user)
    }
    func checkpoints(of user: UserID, after: CheckpointID?, limit: Int) async throws(StorageError)
        -> [CheckpointRecord]
    {
        try await store.checkpoints(of: user, after: after, limit: limit)
    }
    func deleteCheckpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError) {
        try check()
        try await store.deleteCheckpoint(id, of: user)
    }
    func describeCheckpoint(_ id: CheckpointID, of user: UserID, name: String?, note: String?)
        async throws(StorageError) -> CheckpointRecord
    {
        try check()
        return try await store.describeCheckpoint(id, of: user, name: name, note: note)
    }
    func pruneCheckpoints(of user: UserID, keeping count: Int) async throws(StorageError) -> Int {
        try check()
        return try await store.pruneCheckpoints(of: user, keeping: count)
    }
    func close() async { await store.close() }
}
