public import Engrams

/// What forgetting an event changed. It is kept in the journal and holds no text.
public struct ForgetReceipt: Sendable, Equatable, Codable {
    /// A session that goes on from another state than before.
    public struct Session: Sendable, Equatable, Codable {
        public var session: SessionID
        public var revisionBefore: Revision
        public var revisionAfter: Revision
        /// SHA-256, hexadecimal, of all that acts on the session, as `delta?scope=total` exports it.
        public var hashBefore: String
        public var hashAfter: String

        public init(
            session: SessionID, revisionBefore: Revision, revisionAfter: Revision,
            hashBefore: String, hashAfter: String
        ) {
            self.session = session
            self.revisionBefore = revisionBefore
            self.revisionAfter = revisionAfter
            self.hashBefore = hashBefore
            self.hashAfter = hashAfter
        }
    }

    /// A checkpoint that holds something else than before, under its old id.
    public struct Checkpoint: Sendable, Equatable, Codable {
        public var checkpoint: CheckpointID
        /// SHA-256 of its file, hexadecimal.
        public var hashBefore: String
        public var hashAfter: String
        /// The probe of the constitution that it fails now, if it does: the core fails it too, or
        /// it was forgotten by a server that did not make checkpoints fit. It stands.
        public var failedProbe: ProbeReading?
        /// What was turned down in it so that it passes the probes; nil: nothing.
        public var fit: ProbeFit?

        public init(
            checkpoint: CheckpointID, hashBefore: String, hashAfter: String,
            failedProbe: ProbeReading? = nil, fit: ProbeFit? = nil
        ) {
            self.checkpoint = checkpoint
            self.hashBefore = hashBefore
            self.hashAfter = hashAfter
            self.failedProbe = failedProbe
            self.fit = fit
        }
    }

    /// What was forgotten, and the session it was in.
    public var event: EventID
    public var session: SessionID
    public var kind: String
    /// When it came and when it went, seconds since 1970.
    public var created: Double
    public var forgotten: Double
    /// In the order of their names. The event's own session is always among them.
    public var sessions: [Session]
    /// In the order they were made.
    public var checkpoints: [Checkpoint]
    /// How many later events were learned again, without it.
    public var replayedEvents: Int

    public init(
        event: EventID, session: SessionID, kind: String, created: Double, forgotten: Double,
        sessions: [Session], checkpoints: [Checkpoint], replayedEvents: Int
    ) {
        self.event = event
        self.session = session
        self.kind = kind
        self.created = created
        self.forgotten = forgotten
        self.sessions = sessions
        self.checkpoints = checkpoints
        self.replayedEvents = replayedEvents
    }
}
