import Kernels

/// What a user taught the model: a bounded delta on a frozen core, as a value.
///
/// An engram changes in one way only: a proposal, computed on a copy of its sites, is judged
/// against the safe zone and written by `commit`, or the engram stays as it was.
public struct Engram: Sendable, Equatable {
    /// What it was learned on.
    public internal(set) var identity: CortexIdentity
    public internal(set) var revision: Revision
    /// Tokens it learned from, over its whole lineage; 0...`tokensLearnedMaximum`.
    public internal(set) var tokensLearned: Int
    /// The checkpoint it came from; nil for one that started from the frozen core.
    public var parent: CheckpointID?
    /// The instruction sets whose kernels it learned with, joined by `+`, `other` for those that
    /// have no name here; empty before the first commit. Replaying its events gives the same bytes
    /// on the same ones only.
    public internal(set) var kernelClass = ""
    public internal(set) var sites: PlasticSites

    /// The engram that changes nothing.
    public static func empty(identity: CortexIdentity) -> Engram {
        Engram(
            identity: identity, revision: .zero, tokensLearned: 0, parent: nil,
            sites: PlasticSites())
    }

    /// Judges a proposal and writes it, with the budget enforced: the weakest synapses and
    /// contexts go first.
    ///
    /// - Throws: `.staleProposal`, `.notFinite`, `.outOfBounds`, `.outOfRange`; the engram is then
    ///   untouched.
    /// - Complexity: O(n log n) in the number of synapses when over budget, O(n) otherwise.
    @discardableResult
    public mutating func commit(
        _ proposal: Proposal, within zone: SafeZone
    ) throws(EngramError) -> CommitReport {
        guard proposal.base == revision else {
            throw .staleProposal(base: proposal.base, current: revision)
        }
        var judged = proposal.sites
        try judged.check(identity: identity, zone: zone)
        let report = judged.prune(within: zone)
        sites = judged
        kernelClass = Self.joined(kernelClass, KernelClass.current)
        revision = revision.next
        count(tokens: proposal.tokens)
        return report
    }

    /// A count at its end stays there. No history comes near it; a stranger's file may name it,
    /// and what adds to a count must not trap. Exact in JSON, whose numbers many read as doubles.
    public static let tokensLearnedMaximum = 1_000_000_000_000_000

    mutating func count(tokens: Int) {
        let room = Self.tokensLearnedMaximum - tokensLearned
        tokensLearned += min(max(0, tokens), room)
    }

    /// Both lists of kernel classes as one, sorted, each once.
    ///
    /// A name that is none becomes `other`: names out of strangers' files would add up, and a list
    /// that is too long makes a file that no reader takes.
    static func joined(_ classes: String, _ others: String = "") -> String {
        let names = (classes.split(separator: "+") + others.split(separator: "+")).map(String.init)
        return Set(names.map { KernelClass.names.contains($0) ? $0 : "other" })
            .sorted().joined(separator: "+")
    }

    /// This engram as one of the cortex that it may be used on: with that one's identity, since a
    /// file of version 2 leaves some of it open.
    /// - Throws: What `check(on:within:)` does.
    public func admitted(
        on expected: CortexIdentity, within zone: SafeZone, limits: EngramLimits = EngramLimits()
    ) throws(EngramError) -> Engram {
        try check(on: expected, within: zone)
        try sites.check(limits)
        var copy = self
        copy.identity = expected
        return copy
    }

    /// Throws unless this engram may be used on a core: learned on it, in range, finite and within
    /// the safe zone. For engrams that come from elsewhere.
    public func check(on expected: CortexIdentity, within zone: SafeZone) throws(EngramError) {
        if let change = identity.differences(from: expected).first {
            throw .wrongCortex(
                part: change.part, found: change.learnedOn, expected: change.here)
        }
        try identity.checkDimensions(against: expected)
        try sites.check(identity: expected, zone: zone)
        guard sites.features.count <= zone.synapseBudget else {
            throw .outOfRange(
                site: "number of synapses", found: sites.features.count, limit: zone.synapseBudget)
        }
        guard sites.sequences.count <= zone.contextBudget else {
            throw .outOfRange(
                site: "number of contexts", found: sites.sequences.count, limit: zone.contextBudget)
        }
    }

    /// What a checkpoint stores: within the budget, without the traces that only steer further
    /// learning, and with weights on a grid of 255 levels (`WeightGrid`). A consolidated engram
    /// consolidated again is itself, bit for bit.
    ///
    /// Dropping the traces loses nothing; the next session even gained 0.1 points by it.
    public func consolidated(within zone: SafeZone) -> Engram {
        var copy = pruned(within: zone)
        copy.sites = copy.sites.rounded(within: zone.weightBound)
        return copy
    }

    /// Within the budget, without traces; every weight that stays is as it was.
    func pruned(within zone: SafeZone) -> Engram {
        var copy = self
        copy.sites = sites.withoutTraces()
        copy.sites.prune(within: zone)
        return copy
    }
}

/// The sites that learning would make of an engram, and from which revision it started.
public struct Proposal: Sendable {
    public let base: Revision
    public let sites: PlasticSites
    /// How many tokens were learned from.
    public let tokens: Int

    public init(base: Revision, sites: PlasticSites, tokens: Int) {
        self.base = base
        self.sites = sites
        self.tokens = tokens
    }
}

/// What the budget cost a commit.
public struct CommitReport: Sendable, Equatable {
    public var prunedSynapses: Int
    public var prunedContexts: Int
}
