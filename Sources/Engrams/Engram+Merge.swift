/// How far the sum of several engrams is scaled back.
public enum MergeRescale: String, Sendable, Codable, CaseIterable {
    /// 1/√n: deltas that were learned apart are nearly orthogonal where they differ, so a plain sum
    /// of n is √n times as long as each and does harm, while this one composes.
    case sqrt
    /// 1/n: the average.
    case average
    /// 1: the plain sum.
    case none

    /// - Parameter addends: how many terms are added, not taken away; 0 counts as 1.
    func factor(addends: Int) -> Float {
        let count = Float(max(1, addends))
        return switch self {
        case .sqrt: 1 / count.squareRoot()
        case .average: 1 / count
        case .none: 1
        }
    }
}

extension Engram {
    /// One engram in a merge, and how much of it.
    public struct MergeTerm: Sendable {
        public var engram: Engram
        /// Below 0 takes away.
        public var scale: Float

        public init(_ engram: Engram, scale: Float) {
            self.engram = engram
            self.scale = scale
        }
    }

    /// The sum of scaled engrams (task arithmetic, Ilharco et al. 2023), projected into the safe
    /// zone and pruned to the budget:
    ///
    ///     c_i = r·scale_i        g_k = Σ|c_i|·g_ik / Σ|c_i|        w_k = Σ c_i·(g_ik/g_k)·w_ik
    ///
    /// for each site k: what speaks is gain times weight, so the sum is taken of that, under the
    /// mean gain. Episodes of the added terms are joined, the newest of each in turns, and their
    /// sayings; those that a subtracted term holds are taken out. Counts (tokens learned, familiarity) add by scale,
    /// never below 0.
    ///
    /// - Parameters:
    ///   - base: what the sum is added to, itself unscaled; nil: the sum alone.
    ///   - rescale: r, from the number of terms whose scale is above 0.
    ///   - episodes: how many the result may remember.
    /// - Returns: An engram whose revision follows the latest of all.
    /// - Precondition: At least one term; all learned on one cortex; scales finite.
    /// - Complexity: O(n log n) in the number of synapses of all.
    public static func merged(
        _ terms: [MergeTerm], onto base: Engram?, rescale: MergeRescale, within zone: SafeZone,
        episodes: Int
    ) -> Engram {
        precondition(!terms.isEmpty, "a merge of something")
        let factor = rescale.factor(addends: terms.count { $0.scale > 0 })
        let parts =
            (base.map { [MergeTerm($0, scale: 1)] } ?? [])
            + terms.map { MergeTerm($0.engram, scale: factor * $0.scale) }
        var sum = parts[0].engram
        sum.sites = PlasticSites()
        sum.sites.gains = meanGains(of: parts)
        for part in parts {
            precondition(
                part.engram.identity.isSameCortex(as: sum.identity), "engrams of one cortex")
            let ratios = part.engram.sites.gains.ratios(to: sum.sites.gains)
            sum.sites = sum.sites.combined(
                with: part.engram.sites,
                scale: SiteFactors(all: ratios.all.map { part.scale * $0 }),
                counts: part.scale)
            sum.kernelClass = joined(sum.kernelClass, part.engram.kernelClass)
        }
        sum.sites.episodes = joinedEpisodes(of: parts, capacity: episodes)
        sum.sites.sayings = joinedSayings(of: parts)
        sum.revision = (parts.map(\.engram.revision).max() ?? .zero).next
        let tokens = parts.reduce(0.0) { $0 + Double($1.scale) * Double($1.engram.tokensLearned) }
        sum.tokensLearned = Int(max(0, min(tokens.rounded(), Double(tokensLearnedMaximum))))
        return sum.projected(into: zone).pruned(within: zone)
    }

    private static func meanGains(of parts: [MergeTerm]) -> SiteFactors {
        let total = parts.reduce(0) { $0 + abs($1.scale) }
        let all = parts.map(\.engram.sites.gains.all)
        // Equal gains stay as they are, to the last bit, and so do the weights under them.
        guard total > 0, all.contains(where: { $0 != all[0] }) else {
            return SiteFactors(all: all[0])
        }
        return SiteFactors(
            all: all[0].indices.map { site in
                zip(parts, all).reduce(0) { $0 + abs($1.0.scale) * $1.1[site] } / total
            })
    }

    private static func joinedSayings(of parts: [MergeTerm]) -> SayingMemory {
        let taken = parts.filter { $0.scale < 0 }.map(\.engram.sites.sayings)
        let added = parts.filter { $0.scale > 0 }.map { part in
            taken.reduce(part.engram.sites.sayings) { $0.without($1) }
        }
        return .joined(added)
    }

    private static func joinedEpisodes(
        of parts: [MergeTerm], capacity: Int
    ) -> EpisodicMemory {
        let taken = parts.filter { $0.scale < 0 }.map(\.engram.sites.episodes)
        let added = parts.filter { $0.scale > 0 }.map { part in
            taken.reduce(part.engram.sites.episodes) { $0.without($1) }
        }
        return .joined(added, capacity: capacity)
    }
}
