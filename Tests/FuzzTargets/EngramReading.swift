import Engrams
import Kernels
import ModelFormats
import OuterCortex

enum EngramReading {
    /// A core with every site of its rule on, so that an engram that is let in is also used.
    static let cortex = Result { try SmallCortex.make(rule: SmallCortex.fullRule) }

    static func read(_ input: [UInt8]) throws -> Bool {
        guard let engram = try? Engram(serialized: input, name: "input") else { return false }
        for kind in [Engram.FileKind.workingState, .checkpoint] {
            let bytes = try must("writing") { try engram.serialized(as: kind) }
            let again = try must("reading back") { try Engram(serialized: bytes, name: "again") }
            // Bytes, not values: a NaN that nobody has judged yet is not equal to itself.
            let copy = try must("writing again") { try again.serialized(as: kind) }
            try expect(copy == bytes, "a \(kind.rawValue) changes")
        }
        _ = engram.summary
        let zone = SafeZone()
        if (try? engram.check(on: engram.identity, within: zone)) != nil {
            try combine(engram, zone)
        }
        try use(engram)
        if let own = try? cortex.get().admit(engram) { try exchange(own, on: cortex.get()) }
        return true
    }

    /// What is done with an engram that was let in stays within the safe zone.
    private static func combine(_ engram: Engram, _ zone: SafeZone) throws {
        let results = [
            ("consolidating", engram.consolidated(within: zone)),
            (
                "adding",
                engram.reconciled(
                    with: engram, since: .empty(identity: engram.identity), .bothReplaced,
                    within: zone, episodes: 16)
            ),
            (
                "replacing",
                engram.reconciled(
                    with: engram, since: engram, .replaced, within: zone, episodes: 16)
            ),
            ("subtracting", engram.difference(from: engram, within: zone)),
            (
                "merging",
                Engram.merged(
                    [.init(engram, scale: 2), .init(engram, scale: -0.5)], onto: engram,
                    rescale: .sqrt, within: zone, episodes: 16)
            ),
        ]
        for (step, result) in results {
            _ = try must(step) { try result.check(on: engram.identity, within: zone) }
            _ = try must(step) { try result.contentHash() }
        }
    }

    /// What a server does with an engram of its own core beside its owner's others, and with what
    /// becomes of it.
    private static func exchange(_ engram: Engram, on cortex: Cortex) throws {
        let (empty, zone) = (cortex.emptyEngram(), cortex.zone)
        let capacity = cortex.rule.episode.capacity
        _ = empty.comparison(with: engram, limit: 4, pushLimit: 4)
        let merged = Engram.merged(
            [.init(engram, scale: 1)], onto: empty, rescale: .sqrt, within: zone,
            episodes: capacity)
        let sum = engram.reconciled(
            with: empty, since: empty, .grown, within: zone, episodes: capacity)
        var next = engram
        let proposal = Proposal(base: engram.revision, sites: engram.sites, tokens: 1)
        _ = try must("committing") { try next.commit(proposal, within: zone) }
        for (step, result) in [("merging", merged), ("adding", sum), ("committing", next)] {
            for kind in [Engram.FileKind.workingState, .checkpoint] {
                _ = try must("reading back after \(step)") {
                    let bytes = try result.serialized(as: kind)
                    try cortex.admit(try Engram(serialized: bytes, name: step))
                }
            }
        }
        _ = try must("writing its negative") {
            try empty.difference(from: engram, within: zone).serialized(as: .checkpoint)
        }
    }

    /// An engram of a stranger, once admitted, moves no token past the bound, and its owner can
    /// go on learning or is refused.
    private static func use(_ engram: Engram) throws {
        let cortex = try cortex.get()
        var own = cortex.emptyEngram()
        let proposal = Proposal(base: .zero, sites: engram.sites, tokens: engram.tokensLearned)
        guard (try? own.commit(proposal, within: cortex.zone)) != nil else { return }
        try SmallCortex.checkScore(own, on: cortex)
        try? SmallCortex.observe(into: &own, on: cortex)
        try SmallCortex.checkScore(own, on: cortex)
    }

    static func seeds() throws -> [[UInt8]] {
        let cortex = try cortex.get()
        var learned = cortex.emptyEngram()
        try SmallCortex.observe(into: &learned, on: cortex)
        let checkpoint = learned.consolidated(within: cortex.zone)
        return [
            try cortex.emptyEngram().serialized(as: .checkpoint),
            try learned.serialized(as: .workingState),
            try checkpoint.serialized(as: .checkpoint),
        ]
    }
}
