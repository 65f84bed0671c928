public import Engrams

/// Everything about one change of a session that must be on disk together or not at all.
public struct JournalEntry: Sendable, Equatable {
    public var event: EventRecord
    /// The session as it is after the event; `created` and `origin` are kept as they were.
    public var session: SessionRecord
    /// The working state after the event, when it is worth keeping.
    public var snapshot: SnapshotRecord?
    /// A checkpoint that the event makes.
    public var checkpoint: NewCheckpoint?
    public var head: HeadMove?

    /// - Precondition: `event`, `session`, `snapshot` and `checkpoint` speak of one session, user
    ///   and sequence number.
    public init(
        event: EventRecord, session: SessionRecord, snapshot: SnapshotRecord? = nil,
        checkpoint: NewCheckpoint? = nil, head: HeadMove? = nil
    ) {
        precondition(event.session == session.id && event.sequence == session.sequence)
        precondition(snapshot == nil || snapshot?.sequence == event.sequence)
        precondition(checkpoint == nil || checkpoint?.record.user == session.id.user)
        self.event = event
        self.session = session
        self.snapshot = snapshot
        self.checkpoint = checkpoint
        self.head = head
    }

    public struct NewCheckpoint: Sendable, Equatable {
        public var record: CheckpointRecord
        /// The serialised engram. Opaque here.
        public var engram: [UInt8]

        public init(record: CheckpointRecord, engram: [UInt8]) {
            self.record = record
            self.engram = engram
        }
    }

    /// A compare-and-swap of the user's head.
    public struct HeadMove: Sendable, Equatable {
        public var expected: CheckpointID?
        public var new: CheckpointID?

        public init(from expected: CheckpointID?, to new: CheckpointID?) {
            self.expected = expected
            self.new = new
        }
    }
}

/// Where engrams and what taught them are kept. It knows identifiers, numbers and opaque bytes.
///
/// A call that writes returns only when what it wrote is durable, and one that throws has changed
/// nothing. What it takes it gives back as it was, and a record that it could not is refused whole
/// (`.unstorable`). Writes are not cancelled half-way: a cancelled task still gets the true outcome. Calls
/// may come from any task at once.
public protocol EngramStore: AccessKeyStore {
    /// Nil: nobody of that name has had a session yet.
    func user(_ id: UserID) async throws(StorageError) -> UserRecord?

    /// Forgets a user with all sessions, events, working states, checkpoints and access keys, in
    /// one transaction.
    /// Once `erase` has returned, nothing of them is left in any file, their name neither. Throws
    /// `.userNotFound`.
    func deleteUser(_ id: UserID) async throws(StorageError) -> UserDeletion

    func session(_ id: SessionID) async throws(StorageError) -> SessionRecord?
    /// Sessions after `after` in the order of user and name; of all users when `user` is nil.
    func sessions(of user: UserID?, after: SessionID?, limit: Int) async throws(StorageError)
        -> [SessionRecord]
    func sessionCount() async throws(StorageError) -> Int
    /// - Complexity: O(events); reads a few bytes of each.
    func overview() async throws(StorageError) -> StoreOverview
    /// Makes the user too, when new. Throws `.sessionExists`, and `.checkpointNotFound` for a base
    /// that the user does not have.
    ///
    /// - Parameter engram: the working state that it starts from, as its first snapshot. It says
    ///   on which core the events that follow were learned.
    func createSession(_ record: SessionRecord, engram: [UInt8]?) async throws(StorageError)
    /// Forgets the session, its events and its working state; the user's checkpoints stay.
    func discardSession(_ id: SessionID) async throws(StorageError)

    /// Writes one event with all its consequences in one transaction.
    ///
    /// Throws `.sequenceGap` unless the event follows the session's last, `.idempotencyKeyExists`,
    /// `.headMoved` when the head is not the expected one, `.checkpointNotFound` for a head, a base
    /// or a superseded checkpoint that the user does not have.
    func append(_ entry: JournalEntry) async throws(StorageError)
    /// The events after `sequence`, in order, at most `limit`.
    func events(of session: SessionID, after sequence: Int, limit: Int) async throws(StorageError)
        -> [EventRecord]
    func event(of session: SessionID, idempotencyKey: String) async throws(StorageError)
        -> EventRecord?
    func event(_ id: EventID, of session: SessionID) async throws(StorageError) -> EventRecord?
    /// Whether the event with this key has been taken away: forgotten, or discarded with a session
    /// of this name. Of such keys a digest stays as long as the user does.
    func isSpent(idempotencyKey: String, of session: SessionID) async throws(StorageError) -> Bool

    /// The session with its working state and all events since, as of one moment; nil: there is no
    /// such session.
    func stored(_ session: SessionID) async throws(StorageError) -> StoredSession?
    func snapshot(of session: SessionID) async throws(StorageError) -> SnapshotRecord?
    /// Keeps the snapshot unless there is one of a later sequence number. Nothing happens when the
    /// session is gone.
    func keep(_ snapshot: SnapshotRecord, of session: SessionID) async throws(StorageError)

    func checkpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError)
        -> CheckpointRecord?
    /// The serialised engram of a checkpoint.
    func engram(of checkpoint: CheckpointID, of user: UserID) async throws(StorageError) -> [UInt8]?
    /// Checkpoints in the order they were made, after `after`. Throws `.checkpointNotFound` when
    /// `after` is not among them.
    func checkpoints(of user: UserID, after: CheckpointID?, limit: Int) async throws(StorageError)
        -> [CheckpointRecord]
    /// Writes a name or a note on a checkpoint and gives it back; nil leaves one as it is, an
    /// empty text removes it. Throws `.checkpointNotFound`.
    func describeCheckpoint(_ id: CheckpointID, of user: UserID, name: String?, note: String?)
        async throws(StorageError) -> CheckpointRecord
    /// Deletes, as `deleteCheckpoint` does, the automatic checkpoints of a user without name and
    /// note: all but the newest `count` of them, those that are in use, and those from which alone
    /// what came later can be rebuilt, because what came before is not on record or may not stay on
    /// it: the session is gone, or since its checkpoint before this one it merged, or learned what
    /// is not kept and was followed by something that is.
    /// - Returns: How many.
    func pruneCheckpoints(of user: UserID, keeping count: Int) async throws(StorageError) -> Int
    /// Drops the checkpoint's engram, name and note. What it was made from stays on record
    /// (`history`), so that later states can be rebuilt; it is in no list and cannot be gone to.
    /// Throws `.checkpointInUse` while the user's head or a session stands on it, or a session's
    /// next checkpoint replaces it.
    func deleteCheckpoint(_ id: CheckpointID, of user: UserID) async throws(StorageError)

    /// All of a user's sessions and checkpoints as of one moment, without texts and engrams; empty
    /// for somebody who is not there.
    ///
    /// - Complexity: O(events of the user).
    func history(of user: UserID) async throws(StorageError) -> UserHistory
    /// Changes a user's past in one transaction. Throws what `append` throws, `.eventNotFound` and
    /// `.checkpointNotFound` for what is not there to be changed.
    func rewrite(_ rewrite: HistoryRewrite) async throws(StorageError)
    /// Makes sure that no text, answer or engram that was deleted or overwritten is left in any file
    /// of the store, nor in its log anything else that was. Of what is short and stands before them
    /// (names and notes of checkpoints, payloads, summaries, numbers) the newest copy is
    /// overwritten; older ones that the database itself moved about may stay in unused parts of the
    /// file, readable unless it is sealed. Costs a sync; throws `.busy` while another program reads
    /// the files.
    func erase() async throws(StorageError)

    /// Every later call throws `.closed`.
    func close() async
}
