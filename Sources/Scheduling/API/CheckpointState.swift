public import Engrams

public struct CheckpointState: Sendable {
    public var id: CheckpointID
    public var name: String?
    public var note: String?
    /// Whether the server made it by itself.
    public var isAutomatic: Bool
    public var parent: CheckpointID?
    /// The head that its session had been reset away from: what it has replaced.
    public var superseded: CheckpointID?
    public var revision: Revision
    public var tokensLearned: Int
    public var created: Double
    public var bytes: Int
    /// SHA-256 of the engram file, hexadecimal.
    public var hash: String
    public var isHead: Bool
    /// What was turned down so that it passes the constitution's probes; known when it is made, nil
    /// else.
    public var fit: ProbeFit?
    public init(
        id: CheckpointID, name: String?, note: String? = nil, isAutomatic: Bool = false,
        parent: CheckpointID?, superseded: CheckpointID? = nil, revision: Revision,
        tokensLearned: Int, created: Double, bytes: Int, hash: String, isHead: Bool,
        fit: ProbeFit? = nil
    ) {
        self.id = id
        self.name = name
        self.note = note
        self.isAutomatic = isAutomatic
        self.parent = parent
        self.superseded = superseded
        self.revision = revision
        self.tokensLearned = tokensLearned
        self.created = created
        self.bytes = bytes
        self.hash = hash
        self.isHead = isHead
        self.fit = fit
    }
}
