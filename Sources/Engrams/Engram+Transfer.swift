import ModelFormats

/// What became of an engram on another cortex than it was learned on.
public struct TransferReport: Sendable, Equatable, Codable {
    /// A part of the cortex that is not the one the engram was learned on.
    public struct Change: Sendable, Equatable, Codable {
        /// `core`, `SAE`, `rule` or `constitution`.
        public var part: String
        /// SHA-256, hexadecimal.
        public var learnedOn: String
        public var here: String

        public init(part: String, learnedOn: String, here: String) {
            self.part = part
            self.learnedOn = learnedOn
            self.here = here
        }
    }

    /// How much of one site there was and how much is left, in weights (for episodes: in
    /// positions).
    public struct Site: Sendable, Equatable, Codable {
        public var name: String
        public var before: Int
        public var after: Int

        public init(name: String, before: Int, after: Int) {
            self.name = name
            self.before = before
            self.after = after
        }
    }

    public var changes: [Change]
    public var sites: [Site]

    public init(changes: [Change], sites: [Site]) {
        self.changes = changes
        self.sites = sites
    }
}

extension Engram {
    /// This engram on another cortex of the same shape: what it says keeps its numbers and may
    /// have lost its meaning, so that it must be measured there.
    ///
    /// What speaks through SAE latents (W, episodes, familiarity, the layer site's decoder) is
    /// dropped when the SAE is another: its latents are in an order of their own, and a weight from
    /// latent 17 is noise there. The rest is projected into the safe zone and stripped of traces.
    ///
    /// - Parameter limits: what is beyond them is dropped.
    /// - Throws: `.otherShape` naming the first dimension that differs: such an engram cannot be
    ///   read there at all. `.notFinite` and `.outOfRange` for what no bound can mend.
    public func transferred(
        to other: CortexIdentity, within zone: SafeZone,
        limits: EngramLimits = EngramLimits()
    ) throws(EngramError) -> (Engram, TransferReport) {
        func shape(_ identity: CortexIdentity) -> [(name: String, size: Int)] {
            // What changes no weight inside of the network fits any network, and a file of version
            // 2 does not say on which it was learned.
            identity.dimensions
                + (self.sites.layer.isEmpty
                    ? []
                    : [
                        ("blocks", identity.projections.layers),
                        ("inner size", identity.projections.intermediate),
                    ])
        }
        for (found, expected) in zip(shape(identity), shape(other)) where found != expected {
            throw .otherShape(
                dimension: found.name, found: found.size, expected: expected.size)
        }
        try self.sites.check(identity: other, zone: .boundless)
        let changes = identity.differences(from: other)
        var sites = self.sites.withoutTraces().cut(to: limits)
        if changes.contains(where: { $0.part == "SAE" }) {
            sites.features = FeatureSynapses()
            sites.episodes = EpisodicMemory()
            sites.familiarity = []
            sites.layer = sites.layer.keepingLatents { _ in false }
        }
        var engram = Engram(
            identity: other, revision: revision.next, tokensLearned: tokensLearned, parent: nil,
            kernelClass: kernelClass, sites: sites)
        engram.sites.gains = SiteFactors(
            all: sites.gains.all.map { $0.clipped(to: zone.minimumGain...zone.maximumGain) })
        engram = engram.projected(into: zone).pruned(within: zone)
        return (
            engram,
            TransferReport(
                changes: changes,
                sites: zip(self.sites.census, engram.sites.census).map {
                    .init(name: $0.name, before: $0.count, after: $1.count)
                })
        )
    }
}

extension CortexIdentity {
    /// The parts that are not the same, as messages call them.
    func differences(from other: CortexIdentity) -> [TransferReport.Change] {
        parts.indices.filter { parts[$0].hash != other.parts[$0].hash }.map {
            .init(part: parts[$0].name, learnedOn: parts[$0].hash, here: other.parts[$0].hash)
        }
    }

    /// Everything that an engram depends on.
    private var parts: [(name: String, hash: String)] {
        [
            ("core", core), ("SAE", sparseAutoencoder), ("rule", rule),
            ("constitution", constitution),
        ]
    }
}

extension SafeZone {
    /// Asks of numbers that they are some, and of indices that they are there.
    fileprivate static var boundless: SafeZone {
        var zone = SafeZone()
        (zone.weightBound, zone.matrixBound) = (.infinity, .infinity)
        (zone.minimumGain, zone.maximumGain) = (-.infinity, .infinity)
        zone.targetsPerContext = .max
        return zone
    }
}

extension PlasticSites {
    /// How many weights each site holds that are not 0; positions for the episodes.
    fileprivate var census: [(name: String, count: Int)] {
        [
            ("bias", bias.count { $0 != 0 }),
            ("sequences", sequences.sorted().reduce(0) { $0 + $1.targets.count }),
            ("features", features.count), ("matrix", matrix.weights.count),
            ("layer", layer.weightCount),
            ("episodes", episodes.count), ("sayings", sayings.count),
        ]
    }
}
