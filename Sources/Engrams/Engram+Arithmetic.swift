extension Engram {
    /// What this engram holds beyond `base`: weight by weight, self − base.
    ///
    /// Its gains and counters are this engram's, so that a difference from nothing is the engram.
    /// - Precondition: Both were learned on one cortex.
    public func difference(from base: Engram) -> Engram {
        precondition(identity == base.identity, "engrams of two cortices do not subtract")
        var delta = self
        delta.sites = sites.combined(
            with: base.sites, scale: -1, limit: .max, bound: .infinity, normBound: .infinity)
        delta.sites.gains = sites.gains
        delta.tokensLearned = max(0, tokensLearned - base.tokensLearned)
        return delta
    }

    /// This engram with a delta added, projected into the safe zone: weights clipped to the
    /// bound, the weakest of a context's targets and of the whole dropped to the budget.
    /// - Precondition: Both were learned on one cortex.
    public func adding(_ delta: Engram, within zone: SafeZone) -> Engram {
        precondition(identity == delta.identity, "engrams of two cortices do not add")
        var sum = self
        sum.sites = sites.combined(
            with: delta.sites, scale: 1, limit: zone.targetsPerContext, bound: zone.weightBound,
            normBound: zone.matrixBound)
        sum.sites.gains = delta.sites.gains
        sum.kernelClass = Self.joined(kernelClass, delta.kernelClass)
        sum.revision = max(revision, delta.revision).next
        sum.tokensLearned += delta.tokensLearned
        return sum.consolidated(within: zone)
    }
}

extension PlasticSites {
    /// self + scale·other, without traces.
    fileprivate func combined(
        with other: PlasticSites, scale: Float, limit: Int, bound: Float, normBound: Float
    ) -> PlasticSites {
        func clipped(_ x: Float) -> Float { max(-bound, min(bound, x)) }
        var result = PlasticSites()
        result.gains = gains
        result.matrix = matrix.combined(with: other.matrix, scale: scale, bound: normBound)
        result.layer = layer.combined(with: other.layer, scale: scale, bound: normBound)
        result.episodes = episodes.isEmpty && scale > 0 ? other.episodes : episodes
        result.familiarity = familiarity.combined(with: other.familiarity, scale: scale)
        if !bias.isEmpty || !other.bias.isEmpty {
            let length = max(bias.count, other.bias.count)
            result.bias = (0..<length).map { index in
                let mine = bias.isEmpty ? 0 : bias[index]
                let theirs = other.bias.isEmpty ? 0 : other.bias[index]
                return clipped(mine + scale * theirs)
            }
        }
        result.features = FeatureSynapses(
            merge(
                features.sorted(), other.features.sorted(),
                precedes: { ($0.latent, $0.synapse.token) < ($1.latent, $1.synapse.token) }
            ) { mine, theirs in
                let weight = (mine?.synapse.weight ?? 0) + scale * (theirs?.synapse.weight ?? 0)
                guard weight != 0, let either = mine ?? theirs else { return nil }
                return (
                    either.latent, Synapse(token: either.synapse.token, weight: clipped(weight))
                )
            })
        result.sequences = SequenceSynapses(
            merge(sequences.sorted(), other.sequences.sorted(), precedes: { $0.key < $1.key }) {
                mine, theirs in
                guard let either = mine ?? theirs else { return nil }
                var targets = (mine?.targets ?? [])
                for target in theirs?.targets ?? [] {
                    if let index = targets.firstIndex(where: { $0.token == target.token }) {
                        targets[index].weight += scale * target.weight
                    } else {
                        targets.append(.init(token: target.token, weight: scale * target.weight))
                    }
                }
                targets = targets.filter { $0.weight != 0 }.map {
                    .init(token: $0.token, weight: clipped($0.weight))
                }
                if targets.count > limit {
                    targets.sort { (abs($0.weight), $1.token) > (abs($1.weight), $0.token) }
                    targets.removeLast(targets.count - limit)
                }
                return targets.isEmpty
                    ? nil : SequenceContext(key: either.key, order: either.order, targets: targets)
            })
        return result
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
