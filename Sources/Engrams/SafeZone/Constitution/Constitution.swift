/// The sealed rules of a core: `constitution.yaml` beside it.
///
/// It holds the SHA-256 of every file that is served, the numbers of the safe zone (these act, in
/// place of the rule's), the tokens and latents that plasticity may not push, and the probes that
/// every kept engram must pass. An engram names the hash of the constitution that it was learned
/// under and is refused under another one.
public struct Constitution: Sendable, Equatable {
    public struct Token: Sendable, Equatable {
        /// What the token adds to a text.
        public var text: String
        public var id: Int32

        public init(text: String, id: Int32) {
            self.text = text
            self.id = id
        }
    }

    /// SHA-256, hexadecimal, by the file's path in the core's folder.
    public var files: [String: String]
    public var protectedTokens: [Token]
    /// Of the SAE whose latents have synapses: of the core's, and of the layer site's.
    public var protectedLatents: [Int32]
    public var probes: [Probe]
    private var numbers: SafeZone

    /// - Parameter zone: its numbers; what it protects is replaced by what is named here.
    public init(
        files: [String: String], zone: SafeZone, protectedTokens: [Token] = [],
        protectedLatents: [Int32] = [], probes: [Probe] = []
    ) {
        self.files = files
        // One order, that of files, whatever the order they were named in: the same rules are
        // the same value.
        self.protectedTokens = protectedTokens.sorted { $0.id < $1.id }
        self.protectedLatents = protectedLatents.sorted()
        self.probes = probes
        numbers = zone
    }

    /// The bounds that act, with what they protect.
    public var zone: SafeZone {
        var zone = numbers
        zone.protected = ProtectedSites(
            tokens: protectedTokens.map(\.id), latents: protectedLatents)
        return zone
    }

    public static let fileName = "constitution.yaml"
    public static let formatName = "hebb.constitution"
    public static let formatVersion = 1

    /// What a file from a stranger may hold.
    public enum Limit {
        public static let bytes = 1 << 20
        public static let files = 8192
        public static let probes = 64
        public static let protected = 4096
        public static let nameBytes = 64
        /// Of a prompt or a continuation.
        public static let textBytes = 4096
        /// A probe's margin is within ± this, nats.
        public static let margin = 1000.0
    }
}

/// What a person writes before a core is sealed: probes, and where wanted what to protect and
/// numbers of the safe zone. A constitution is one as well, so that it can be taken as the next
/// one's beginning.
public struct ConstitutionDraft: Sendable, Equatable {
    public var probes: [Probe] = []
    public var protectedTokens: [Constitution.Token] = []
    public var protectedLatents: [Int32] = []
    /// The numbers that it states, by their names in `SafeZone`.
    public var zone: [String: Double] = [:]

    public init() {}
}
