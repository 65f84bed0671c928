public import Engrams
public import ModelFormats

/// A question for what of an engram other programs can run.
public struct AdapterRequest: Sendable, Equatable {
    public var scope: DeltaScope
    public var format: AdapterFormat
    /// Whether a file is wanted that leaves out what its format cannot hold.
    public var allowsPartial: Bool
    /// Sites of the engram that take no part in it.
    public var without: Set<PlasticSite>

    public init(
        scope: DeltaScope, format: AdapterFormat, allowsPartial: Bool,
        without: Set<PlasticSite> = []
    ) {
        self.scope = scope
        self.format = format
        self.allowsPartial = allowsPartial
        self.without = without
    }
}

/// An engram, or a part of it, as an adapter.
public struct ExportedAdapter: Sendable {
    public var file: [UInt8]
    public var revision: Revision
    /// SHA-256 of the file, hexadecimal.
    public var hash: String
    /// `AdapterFidelity.summary`.
    public var fidelity: String

    public init(file: [UInt8], revision: Revision, hash: String, fidelity: String) {
        self.file = file
        self.revision = revision
        self.hash = hash
        self.fidelity = fidelity
    }
}
