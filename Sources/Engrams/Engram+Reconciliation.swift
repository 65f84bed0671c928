import ModelFormats

/// How two engrams that are to become one came from the one that both began with.
public enum Branching: Sendable, Equatable {
    /// Both went on from it.
    case grown
    /// The first took its place (its owner went elsewhere, or brought another engram): nothing in
    /// it comes from the common one. The other went on from that.
    case replaced
    /// Both took its place.
    case bothReplaced
}

extension Engram {
    /// This engram and another as one, where both began with a third: a three-way merge, as of two
    /// branches of a text. What either learned since is in, what either dropped is out. For each
    /// synapse, as it speaks (gain times weight, under this one's gains):
    ///
    ///     grown           w = w_other + (w_self − w_common)
    ///     replaced        w = w_self + (w_other − w_common), the difference only where w_self has one
    ///     both replaced   w = w_self + w_other
    ///
    /// Where both weakened a synapse, the weaker of the two stands: what is dropped twice is gone,
    /// and not the opposite of what it was. One that a side has no more stays away, but for what
    /// the other added to it. Within a matrix, which is dropped as a whole, the sums stand.
    ///
    /// Of the common episodes and sayings those stay that no side dropped; of all that stay the
    /// newest, episodes in turns, sayings by their moments.
    ///
    /// - Parameters:
    ///   - common: an empty engram where they share nothing.
    ///   - episodes: how many the result may remember.
    /// - Returns: Projected into the safe zone and consolidated. Its revision follows both.
    /// - Precondition: All three were learned on one cortex.
    /// - Complexity: O(n log n) in the number of synapses of all.
    public func reconciled(
        with other: Engram, since common: Engram, _ branching: Branching, within zone: SafeZone,
        episodes: Int
    ) -> Engram {
        precondition(
            identity.isSameCortex(as: other.identity) && identity.isSameCortex(as: common.identity),
            "engrams of two cortices do not add")
        var sum = other
        sum.sites = sites.reconciled(
            with: other.sites, since: common.sites, branching, episodes: episodes)
        sum.kernelClass = Self.joined(other.kernelClass, kernelClass)
        sum.revision = max(other.revision, revision).next
        sum.tokensLearned = 0
        sum.count(
            tokens: branching.count(tokensLearned, other.tokensLearned, common.tokensLearned))
        return sum.projected(into: zone).consolidated(within: zone)
    }
}

extension Branching {
    /// - Parameters: counts, 0 or more.
    fileprivate func count(_ mine: Int, _ theirs: Int, _ common: Int) -> Int {
        switch self {
        case .grown: theirs + max(0, mine - common)
        case .replaced: mine + max(0, theirs - common)
        case .bothReplaced: mine + theirs
        }
    }

    /// Of an entry in a matrix.
    fileprivate func entry(_ mine: Float, _ theirs: Float, _ common: Float) -> Float {
        if self == .bothReplaced { return mine + theirs }
        if common > 0, mine < common, theirs < common { return min(mine, theirs) }
        if common < 0, mine > common, theirs > common { return max(mine, theirs) }
        return theirs + (mine - common)
    }

    /// Of a synapse; 0 where a side has none.
    /// - Parameters:
    ///   - stored: the common one as it is stored.
    ///   - common: the same as it speaks.
    fileprivate func synapse(
        _ mine: Float, _ theirs: Float, stored: Float, common: Float
    ) -> Float {
        guard stored != 0 else { return entry(mine, theirs, 0) }
        switch self {
        case .grown:
            if mine == 0 { return 0 }
            guard theirs == 0 else { break }
            // As stored: a gain that moved has changed every weight's voice, and taught none.
            let change = mine - stored
            return (change > 0) == (stored > 0) ? change : 0
        case .replaced:
            if mine == 0 { return 0 }
            if theirs == 0 { return mine }
        case .bothReplaced:
            // The other may have taken it over from who had not dropped it.
            if mine == 0, abs(theirs - common) <= 0.1 * abs(common) { return 0 }
        }
        return entry(mine, theirs, common)
    }
}

extension PlasticSites {
    /// As `Engram.reconciled`, within no bounds but the number of episodes; without traces.
    fileprivate func reconciled(
        with other: PlasticSites, since common: PlasticSites, _ branching: Branching, episodes: Int
    ) -> PlasticSites {
        let theirs = other.voiced(under: gains)
        let was = common.voiced(under: gains)
        let ratios = common.gains.ratios(to: gains)
        var result = PlasticSites()
        result.gains = gains
        func value<Number: Numeric>(_ all: [Number], _ index: Int) -> Number {
            all.isEmpty ? 0 : all[index]
        }
        result.bias = (0..<max(bias.count, theirs.bias.count, common.bias.count)).map { token in
            branching.synapse(
                value(bias, token), value(theirs.bias, token), stored: value(common.bias, token),
                common: value(was.bias, token))
        }
        result.features = features.reconciled(
            with: theirs.features, since: common.features, branching, ratio: ratios.feature)
        result.sequences = sequences.reconciled(
            with: theirs.sequences, since: common.sequences, branching, ratio: ratios.sequence)
        result.matrix = matrix.reconciled(with: theirs.matrix, since: was.matrix, branching)
        result.layer = layer.reconciled(with: theirs.layer, since: was.layer, branching)
        let latents = max(familiarity.count, theirs.familiarity.count)
        result.familiarity = (0..<latents).map { latent in
            Int32(
                clamping: branching.count(
                    Int(value(familiarity, latent)), Int(value(theirs.familiarity, latent)),
                    Int(value(was.familiarity, latent))))
        }
        result.episodes = .joined(
            branching == .grown
                ? [
                    theirs.episodes.without(was.episodes.without(self.episodes)),
                    self.episodes.without(was.episodes),
                ] : [theirs.episodes.without(everyCopyIn: was.episodes), self.episodes],
            capacity: episodes)
        result.sayings = .joined(
            branching == .grown
                ? [
                    theirs.sayings.without(was.sayings.without(self.sayings)),
                    self.sayings.without(was.sayings),
                ] : [theirs.sayings.without(was.sayings), self.sayings])
        return result
    }
}

extension FeatureSynapses {
    private struct Place: Hashable, Comparable {
        var latent: Int32
        var token: Int32
        static func < (a: Place, b: Place) -> Bool { (a.latent, a.token) < (b.latent, b.token) }
    }

    private var weights: [Place: Float] {
        var weights: [Place: Float] = [:]
        for (latent, synapse) in sorted() {
            weights[Place(latent: latent, token: synapse.token)] = synapse.weight
        }
        return weights
    }

    /// - Parameter ratio: what the common one's weights are multiplied by to speak as here.
    fileprivate func reconciled(
        with other: FeatureSynapses, since common: FeatureSynapses, _ branching: Branching,
        ratio: Float
    ) -> FeatureSynapses {
        let (mine, theirs, was) = (weights, other.weights, common.weights)
        return FeatureSynapses(
            Set(mine.keys).union(theirs.keys).sorted().compactMap { place in
                let stored = was[place] ?? 0
                let weight = branching.synapse(
                    mine[place] ?? 0, theirs[place] ?? 0, stored: stored, common: ratio * stored)
                return weight == 0
                    ? nil : (place.latent, Synapse(token: place.token, weight: weight))
            })
    }
}

extension SequenceSynapses {
    /// The targets of a context keep the other's order, then this one's.
    fileprivate func reconciled(
        with other: SequenceSynapses, since common: SequenceSynapses, _ branching: Branching,
        ratio: Float
    ) -> SequenceSynapses {
        let keys = Set((other.sorted() + sorted()).map(\.key)).sorted()
        return SequenceSynapses(
            keys.compactMap { key in
                let (theirs, mine) = (other[key], self[key])
                let was = common[key]
                guard let either = theirs ?? mine else { return nil }
                var targets: [SequenceContext.Target] = []
                for target in (theirs?.targets ?? []) + (mine?.targets ?? [])
                where !targets.contains(where: { $0.token == target.token }) {
                    func weight(_ context: SequenceContext?) -> Float {
                        context?.targets.first { $0.token == target.token }?.weight ?? 0
                    }
                    let stored = weight(was)
                    targets.append(
                        .init(
                            token: target.token,
                            weight: branching.synapse(
                                weight(mine), weight(theirs), stored: stored,
                                common: ratio * stored)))
                }
                targets.removeAll { $0.weight == 0 }
                return targets.isEmpty
                    ? nil : SequenceContext(key: key, order: either.order, targets: targets)
            })
    }
}

extension [Float] {
    /// - Precondition: Arrays of one length, but empty ones for zeros.
    fileprivate func reconciled(
        with other: [Float], since common: [Float], _ branching: Branching
    ) -> [Float] {
        func value(_ all: [Float], _ index: Int) -> Float { all.isEmpty ? 0 : all[index] }
        return (0..<Swift.max(count, other.count, common.count)).map { index in
            branching.entry(value(self, index), value(other, index), value(common, index))
        }
    }
}

extension DenseSynapses {
    fileprivate func reconciled(
        with other: DenseSynapses, since common: DenseSynapses, _ branching: Branching
    ) -> DenseSynapses {
        guard let shape = [self, other].first(where: { !$0.isEmpty }) else { return self }
        return DenseSynapses(
            outputs: shape.outputs, inputs: shape.inputs,
            weights: weights.reconciled(with: other.weights, since: common.weights, branching))
    }
}

extension LayerSynapses {
    fileprivate func reconciled(
        with other: LayerSynapses, since common: LayerSynapses, _ branching: Branching
    ) -> LayerSynapses {
        var decoder: [Int32: [Float]] = [:]
        for latent in Set(self.decoder.keys).union(other.decoder.keys) {
            decoder[latent] = (self.decoder[latent] ?? []).reconciled(
                with: other.decoder[latent] ?? [], since: common.decoder[latent] ?? [], branching)
        }
        var deltas: [ProjectionSite: LowRankDelta] = [:]
        for site in Set(self.deltas.keys).union(other.deltas.keys) {
            deltas[site] = Self.reconciled(
                self.deltas[site], other.deltas[site], since: common.deltas[site], branching)
        }
        return LayerSynapses(
            dense: dense.reconciled(with: other.dense, since: common.dense, branching),
            decoder: decoder, deltas: deltas)
    }

    /// A delta of a projection is there or not, like a synapse.
    private static func reconciled(
        _ mine: LowRankDelta?, _ theirs: LowRankDelta?, since common: LowRankDelta?,
        _ branching: Branching
    ) -> LowRankDelta? {
        func sum(_ a: LowRankDelta?, _ b: LowRankDelta?, scale: Float = 1) -> LowRankDelta? {
            guard let b else { return a }
            return a.map { $0.adding(b, scale: scale) } ?? b.scaled(by: scale)
        }
        if theirs == common { return mine }
        switch branching {
        case .grown:
            if mine == common { return theirs }
            if common != nil, mine == nil || theirs == nil { return nil }
        case .replaced:
            if common != nil, mine == nil || theirs == nil { return mine }
        case .bothReplaced: return sum(theirs, mine)
        }
        return sum(theirs, sum(mine, common, scale: -1))
    }
}
