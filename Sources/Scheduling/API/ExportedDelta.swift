public import Engrams

public enum DeltaScope: String, Sendable { case session, user, total }

public struct ExportedDelta: Sendable {
    public var file: [UInt8]
    public var revision: Revision
    public var hash: String
    /// `exact`, or what the file lost, as names and figures.
    public var fidelity: String
    /// How much of it is its owner's words.
    public var ownersWords: OwnersWords
    public init(
        file: [UInt8], revision: Revision, hash: String, fidelity: String = "exact",
        ownersWords: OwnersWords
    ) {
        self.file = file
        self.revision = revision
        self.hash = hash
        self.fidelity = fidelity
        self.ownersWords = ownersWords
    }
}
