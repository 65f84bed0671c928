/// The grid on which the weights of a checkpoint lie: w = s·q·|q| with q in −127...127.
///
/// The square law puts the levels close together where most weights are, near 0, and keeps the
/// error of a large one under 1/q of it. s is a power of two, so that a level's weight is exact in
/// a `Float` (q² has 14 bits) and weights that lie on a grid are found to do so again: rounding to
/// it twice is rounding once, bit for bit, and a file's bytes are the engram's values.
struct WeightGrid: Sendable, Equatable {
    /// s, logits: a power of two.
    let scale: Float
    /// The largest |q| in use.
    let limit: Int

    static let levelLimit = 127
    /// Weights below half of this, 2⁻⁴¹, are as good as none, and s stays a normal number.
    static let smallestScale: Float = 0x1p-40

    /// The finest grid that reaches `peak`: the smallest s with s·127² ≥ peak. No level of it is
    /// beyond `bound`.
    ///
    /// The largest level in use is then at least 90 (or s the smallest there is): half of s would
    /// reach s·8064.5, and 90² = 8100. That is what makes the grid of a grid's weights the same.
    /// Where the bound leaves no level from 90 on, half of s with its level 127 is used: s·8064.5
    /// is below `peak`.
    /// - Parameters:
    ///   - peak: the largest |w|, finite, at most `bound`.
    ///   - bound: infinite where there is none.
    init(peak: Float, bound: Float) {
        var scale = Self.scale(for: peak)
        var limit = Self.limit(of: scale, within: bound)
        if limit < 90, scale > Self.smallestScale {
            scale /= 2
            limit = Self.limit(of: scale, within: bound)
        }
        self.scale = scale
        self.limit = limit
    }

    private static func scale(for peak: Float) -> Float {
        let square = Float(levelLimit * levelLimit)
        var scale = max(smallestScale, (peak / square).binade)
        while scale * square < peak { scale *= 2 }
        return scale
    }

    private static func limit(of scale: Float, within bound: Float) -> Int {
        var limit = levelLimit
        while limit > 0, scale * Float(limit * limit) > bound { limit -= 1 }
        return limit
    }

    /// q of the level nearest to a weight.
    /// - Precondition: It is finite, and no larger than the grid's peak.
    /// - Complexity: O(1), one square root.
    func level(nearest weight: Float) -> Int {
        let ratio = abs(weight) / scale
        var level = Int(ratio.squareRoot())
        // Half way between q² and (q + 1)².
        if ratio - Float(level * level) > Float(level) + 0.5 { level += 1 }
        level = min(level, limit)
        return weight < 0 ? -level : level
    }

    /// w of a level, exact.
    func weight(of level: Int) -> Float { scale * Float(level * abs(level)) }

    /// The weight of the level nearest to a weight.
    func rounded(_ weight: Float) -> Float { self.weight(of: level(nearest: weight)) }

    /// Weights as levels of one grid, when every one of them lies on it; nil when one does not, or
    /// when there are none.
    /// - Complexity: O(n); ends at the first weight that does not.
    static func levels(of weights: [Float]) -> (scale: Float, levels: [Int8])? {
        guard !weights.isEmpty, weights.allSatisfy(\.isFinite) else { return nil }
        let peak = weights.reduce(0) { max($0, abs($1)) }
        let grid = WeightGrid(peak: peak, bound: .infinity)
        var levels: [Int8] = []
        levels.reserveCapacity(weights.count)
        for weight in weights {
            let level = grid.level(nearest: weight)
            guard grid.weight(of: level) == weight else { return nil }
            levels.append(Int8(level))
        }
        return (grid.scale, levels)
    }

    /// Whether a number may be the s of a file.
    static func isScale(_ scale: Float) -> Bool {
        scale >= smallestScale && scale.isFinite && scale == scale.binade
    }
}

extension Engram {
    /// This engram without traces and with its weights on grids, as a checkpoint has them.
    /// - Parameter bound: the largest |w| allowed; infinite for none.
    /// - Precondition: Weights are finite and within the bound.
    public func rounded(within bound: Float) -> Engram {
        var copy = self
        copy.sites = sites.withoutTraces().rounded(within: bound)
        return copy
    }
}

extension PlasticSites {
    /// The same sites with b, N and W on a grid each and with keys of episodes of 4 bits; synapses
    /// that come to 0 are gone.
    ///
    /// Rounding what is on its grid already changes nothing.
    /// - Parameter bound: the largest |w| allowed, which holds afterwards too; infinite for none.
    /// - Precondition: Weights are finite and within the bound.
    func rounded(within bound: Float) -> PlasticSites {
        var copy = self
        if !bias.isEmpty {
            let grid = WeightGrid(peak: bias.reduce(0) { max($0, abs($1)) }, bound: bound)
            copy.bias = bias.map(grid.rounded)
        }
        copy.features.round(within: bound)
        copy.sequences.round(within: bound)
        copy.episodes.narrowKeys()
        return copy
    }
}

extension FeatureSynapses {
    fileprivate mutating func round(within bound: Float) {
        let all = sorted()
        let grid = WeightGrid(
            peak: all.reduce(0) { max($0, abs($1.synapse.weight)) }, bound: bound)
        self = FeatureSynapses(
            all.compactMap { latent, synapse in
                var synapse = synapse
                synapse.weight = grid.rounded(synapse.weight)
                return synapse.weight == 0 ? nil : (latent, synapse)
            })
    }
}

extension SequenceSynapses {
    fileprivate mutating func round(within bound: Float) {
        let all = sorted()
        let peak = all.reduce(Float(0)) { peak, context in
            context.targets.reduce(peak) { max($0, abs($1.weight)) }
        }
        let grid = WeightGrid(peak: peak, bound: bound)
        self = SequenceSynapses(
            all.compactMap { context in
                var context = context
                context.targets = context.targets.compactMap { target in
                    let weight = grid.rounded(target.weight)
                    return weight == 0 ? nil : .init(token: target.token, weight: weight)
                }
                return context.targets.isEmpty ? nil : context
            })
    }
}
