/// The bounds of a `Scheduler`. Everything that a client can make grow has one.
public struct SchedulerConfiguration: Sendable {
    /// The largest text of a request: UTF-8 bytes, or token ids where ids are sent.
    public var textBytesMaximum = 1 << 20
    /// Requests that run or wait for their turn, and as many again that wait for their session,
    /// before others are refused; `Admission` shares them among users.
    public var queueCapacity = 64
    /// Sessions that one user may have.
    public var sessionsPerUserMaximum = 256
    /// How many answers' tokens may come between two slices of longer work that waits.
    public var decodeBurstMaximum = 8
    /// How long a slice of longer work may take before others have their turn.
    public var sliceMilliseconds = 10
    /// How many answers of one request are generated side by side; each holds a KV cache.
    public var choicesInParallelMaximum = 4
    /// Memory for loaded engrams, approximately. The one used last stays, whatever its size.
    public var residentBytesMaximum = 256 << 20
    /// Memory for the keys and values of all contexts, those that wait for their next turn among
    /// them.
    public var contextBytesMaximum = Int.max
    /// Whether a context that waits serves other users too: how long an answer takes then tells
    /// whether somebody has sent its beginning.
    public var sharesContextsAmongUsers = false
    /// Completions kept for feedback, of all sessions together, and their tokens.
    public var completionsRememberedMaximum = 1024
    public var completionTokensRememberedMaximum = 1 << 20
    /// A working state is kept after this many events or learned tokens, to bound recovery.
    public var snapshotEvents = 32
    public var snapshotTokens = 65_536
    /// The session `default` consolidates by itself after learning this many tokens; nil: never.
    public var automaticCheckpointTokens: Int? = 2000
    /// How long what can wait (automatic checkpoints, working states) rests after the store failed,
    /// seconds: the first time and at most.
    public var storageRestSeconds = 1.0...300.0
    /// How many of a user's automatic checkpoints without name and note are kept; the user's head
    /// and what sessions stand on are, besides.
    public var automaticCheckpointsKept = 10
    /// What is kept of what is learned from now on; what the store has stays as it is.
    public var journal = JournalKind.text
    /// Bytes of the cortex thread's stack.
    public var stackBytes = 16 << 20

    public init() {}
}
