extension Engram {
    /// What this engram's weights have beyond `base`'s, and the episodes and sayings that it has not,
    /// as an engram that a session can take in: projected into the safe zone and within its budgets.
    ///
    /// Its gains and counters are this engram's, so that a difference from nothing is the engram.
    /// - Precondition: Both were learned on one cortex.
    public func difference(from base: Engram, within zone: SafeZone) -> Engram {
        subtracting(base.sites, of: base).projected(into: zone).pruned(within: zone)
    }

    /// What this engram says beyond what `base` says, within no bounds:
    ///
    ///     w = w_self − (g_base/g_self)·w_base
    ///
    /// at each site, since what speaks is gain times weight. Where a gain moved, that is something
    /// for every weight of `base`: good for sums, not for keeping.
    /// - Precondition: Both were learned on one cortex.
    public func contribution(beyond base: Engram) -> Engram {
        subtracting(base.sites.voiced(under: sites.gains), of: base)
    }

    private func subtracting(_ weights: PlasticSites, of base: Engram) -> Engram {
        precondition(
            identity.isSameCortex(as: base.identity), "engrams of two cortices do not subtract")
        var delta = self
        delta.sites = sites.combined(with: weights, scale: SiteFactors(repeating: -1), counts: -1)
        delta.sites.episodes = sites.episodes.without(base.sites.episodes)
        delta.sites.sayings = sites.sayings.without(base.sites.sayings)
        delta.tokensLearned = max(0, tokensLearned - base.tokensLearned)
        return delta
    }

    /// The nearest engram within the weight bounds: weights clipped, matrices scaled to their
    /// norms, the weakest of a context's targets dropped, and all that pushes what is protected.
    func projected(into zone: SafeZone) -> Engram {
        var copy = self
        copy.sites = sites.projected(into: zone)
        return copy
    }
}

extension SiteFactors {
    /// A gain below this is silence. Weights under it are not scaled up to make it heard.
    private static let silence: Float = 1e-6

    /// What weights under these gains are multiplied by to say the same under others: g/g', and 1
    /// where g' is silence.
    func ratios(to other: SiteFactors) -> SiteFactors {
        SiteFactors(all: zip(all, other.all).map { $1 < Self.silence ? 1 : $0 / $1 })
    }
}

extension Float {
    /// The nearest number in a range; NaN has none and stays.
    func clipped(to range: ClosedRange<Float>) -> Float {
        if self < range.lowerBound { return range.lowerBound }
        return self > range.upperBound ? range.upperBound : self
    }
}

extension PlasticSites {
    /// What says the same under other gains. Where a gain stays, the weights do, to the last bit.
    func voiced(under gains: SiteFactors) -> PlasticSites {
        var copy = self
        copy.decay(self.gains.ratios(to: gains))
        copy.gains = gains
        return copy
    }

    /// self + scale·other, without traces, episodes and sayings, within no bounds.
    /// - Parameters:
    ///   - scale: of each site's weights; the gains stay self's.
    ///   - counts: of the familiarity's counts.
    func combined(
        with other: PlasticSites, scale: SiteFactors, counts: Float
    ) -> PlasticSites {
        var result = PlasticSites()
        result.gains = gains
        result.matrix = matrix.combined(with: other.matrix, scale: scale.matrix, bound: .infinity)
        result.layer = layer.combined(with: other.layer, scale: scale.layer, bound: .infinity)
        result.familiarity = familiarity.combined(with: other.familiarity, scale: counts)
        if !bias.isEmpty || !other.bias.isEmpty {
            let length = max(bias.count, other.bias.count)
            result.bias = (0..<length).map { index in
                let mine = bias.isEmpty ? 0 : bias[index]
                let theirs = other.bias.isEmpty ? 0 : other.bias[index]
                return mine + scale.bias * theirs
            }
        }
        result.features = FeatureSynapses(
            merge(
                features.sorted(), other.features.sorted(),
                precedes: { ($0.latent, $0.synapse.token) < ($1.latent, $1.synapse.token) }
            ) { mine, theirs in
                let weight =
                    (mine?.synapse.weight ?? 0) + scale.feature * (theirs?.synapse.weight ?? 0)
                guard weight != 0, let either = mine ?? theirs else { return nil }
                return (either.latent, Synapse(token: either.synapse.token, weight: weight))
            })
        result.sequences = SequenceSynapses(
            merge(sequences.sorted(), other.sequences.sorted(), precedes: { $0.key < $1.key }) {
                mine, theirs in
                guard let either = mine ?? theirs else { return nil }
                var targets = (mine?.targets ?? [])
                for target in theirs?.targets ?? [] {
                    let weight = scale.sequence * target.weight
                    if let index = targets.firstIndex(where: { $0.token == target.token }) {
                        targets[index].weight += weight
                    } else {
                        targets.append(.init(token: target.token, weight: weight))
                    }
                }
                targets.removeAll { $0.weight == 0 }
                return targets.isEmpty
                    ? nil : SequenceContext(key: either.key, order: either.order, targets: targets)
            })
        return result
    }

    func projected(into zone: SafeZone) -> PlasticSites {
        let range = -zone.weightBound...zone.weightBound
        var result = self
        result.bias = bias.map { $0.clipped(to: range) }
        result.matrix = DenseSynapses().combined(
            with: matrix, scale: 1, bound: zone.matrixBound)
        result.layer = LayerSynapses().combined(with: layer, scale: 1, bound: zone.matrixBound)
        result.features = FeatureSynapses(
            features.sorted().map { latent, synapse in
                var synapse = synapse
                synapse.weight = synapse.weight.clipped(to: range)
                return (latent, synapse)
            })
        result.sequences = SequenceSynapses(
            sequences.sorted().map { context in
                var context = context
                context.targets = context.targets.map {
                    .init(token: $0.token, weight: $0.weight.clipped(to: range))
                }
                let surplus = context.targets.count - zone.targetsPerContext
                if surplus > 0 {
                    context.targets.sort {
                        (abs($0.weight), $1.token) > (abs($1.weight), $0.token)
                    }
                    context.targets.removeLast(surplus)
                }
                return context
            })
        return result.dropping(zone.protected)
    }
}

extension [Int32] {
    /// Counts added or taken off, never below 0.
    fileprivate func combined(with other: [Int32], scale: Float) -> [Int32] {
        guard !other.isEmpty else { return self }
        return other.indices.map { index in
            let sum = Double(isEmpty ? 0 : self[index]) + Double(scale) * Double(other[index])
            return Int32(Swift.max(0, Swift.min(Double(Int32.max), sum.rounded())))
        }
    }
}

/// Walks two sorted lists side by side and combines what stands at the same place.
private func merge<Element>(
    _ a: [Element], _ b: [Element], precedes: (Element, Element) -> Bool,
    combine: (Element?, Element?) -> Element?
) -> [Element] {
    var (i, j) = (0, 0)
    var result: [Element] = []
    while i < a.count || j < b.count {
        let takeA = i < a.count && (j == b.count || !precedes(b[j], a[i]))
        let takeB = j < b.count && (i == a.count || !precedes(a[i], b[j]))
        if let element = combine(takeA ? a[i] : nil, takeB ? b[j] : nil) {
            result.append(element)
        }
        if takeA { i += 1 }
        if takeB { j += 1 }
    }
    return result
}
