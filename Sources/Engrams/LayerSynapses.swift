import Kernels
public import ModelFormats

/// The `layer` site: what a user's engram changes inside of the network.
///
///     W_P ← W_P + B_P·A_P      W_down ← W_down + ΔW      x_b ← x_b + ‖x_b‖·Σ_i f̂_i·D_i
///
/// Deltas of named projections, in low-rank factors; ΔW, the learned change of the down projection
/// of the block before the hookpoint b; and D, directions that the latents f̂ of an SAE trained at
/// the hookpoint add to the residual stream there. The first two are changes of weights and
/// nothing else, so that an adapter can carry them to other programs; D is none.
public struct LayerSynapses: Sendable, Equatable {
    /// ΔW, shape [hidden, intermediate], in units of the weights.
    public var dense = DenseSynapses()
    /// D: latent → direction in the residual stream, in units of the residual's own norm.
    public private(set) var decoder: [Int32: [Float]] = [:]
    /// B·A by projection.
    public private(set) var deltas: [ProjectionSite: LowRankDelta] = [:]

    public init() {}

    public init(
        dense: DenseSynapses = DenseSynapses(), decoder: [Int32: [Float]] = [:],
        deltas: [ProjectionSite: LowRankDelta] = [:]
    ) {
        self.dense = dense
        self.decoder = decoder
        self.deltas = deltas
    }

    public var isEmpty: Bool { dense.isEmpty && decoder.isEmpty && deltas.isEmpty }

    /// The first block that a delta changes; nil when none does.
    public var firstDeltaBlock: Int? { deltas.keys.compactMap(\.block).min() }

    /// Numbers that it holds.
    var weightCount: Int {
        dense.weights.count + decoder.values.reduce(0) { $0 + $1.count }
            + deltas.values.reduce(0) { $0 + $1.a.count + $1.b.count }
    }

    /// √(‖ΔW‖² + Σ_P ‖B_P·A_P‖²): how far the weights are moved.
    public var frobeniusNorm: Float {
        deltas.keys.sorted().reduce(dense.frobeniusNorm * dense.frobeniusNorm) { sum, site in
            let norm = deltas[site]?.frobeniusNorm ?? 0
            return sum + norm * norm
        }.squareRoot()
    }

    /// Changes one latent's direction, which begins at 0, then brings it back to norm `bound`.
    /// - Parameters:
    ///   - post: what the layer was told to become, shape [hidden].
    ///   - pre: the latent's activity.
    /// - Complexity: O(hidden).
    public mutating func update(
        latent: Int32, post: [Float], pre: Float, change: SynapticChange, bound: Float
    ) {
        var squares: Float = 0
        var row = decoder[latent] ?? [Float](repeating: 0, count: post.count)
        for index in row.indices {
            row[index] += change(weight: row[index], pre: pre, post: post[index])
            squares += row[index] * row[index]
        }
        let norm = squares.squareRoot()
        if norm > bound { for index in row.indices { row[index] *= bound / norm } }
        decoder[latent] = row
    }

    /// The same weight changes, with the directions of some latents alone.
    func keepingLatents(where isKept: (Int32) -> Bool) -> LayerSynapses {
        var copy = self
        copy.decoder = decoder.filter { isKept($0.key) }
        return copy
    }

    mutating func scale(by factor: Float) {
        if !dense.isEmpty { dense.scale(by: factor) }
        for latent in decoder.keys {
            decoder[latent] = decoder[latent]?.map { $0 * factor }
        }
        deltas = deltas.mapValues { $0.scaled(by: factor) }
    }

    /// The latents in ascending order: the order of files and comparisons.
    public var sortedLatents: [Int32] { decoder.keys.sorted() }

    /// self + scale·other, each part within the norm `bound`.
    func combined(with other: LayerSynapses, scale: Float, bound: Float) -> LayerSynapses {
        var sum = LayerSynapses(
            dense: dense.combined(with: other.dense, scale: scale, bound: bound),
            decoder: decoder, deltas: deltas)
        for (latent, direction) in other.decoder {
            let mine = decoder[latent] ?? [Float](repeating: 0, count: direction.count)
            var row = zip(mine, direction).map { $0 + scale * $1 }
            let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if norm > bound { row = row.map { $0 * bound / norm } }
            sum.decoder[latent] = row
        }
        for (site, delta) in other.deltas {
            let total =
                deltas[site].map { $0.adding(delta, scale: scale) } ?? delta.scaled(by: scale)
            sum.deltas[site] = total.map { Self.bounded($0, to: bound) }
        }
        return sum
    }

    private static func bounded(_ delta: LowRankDelta, to bound: Float) -> LowRankDelta {
        let norm = delta.frobeniusNorm
        guard norm > bound else { return delta }
        let scaled = delta.scaled(by: bound / norm)
        // Where columns nearly cancel, rounding makes another sum of them; a power of two rounds
        // nothing.
        return scaled.frobeniusNorm <= bound * 1.0005
            ? scaled : delta.scaled(by: (bound / norm).binade)
    }
}

extension LayerSynapses {
    /// Throws at the first part that is not finite, of another shape than the core's, or further
    /// from 0 than the safe zone lets a matrix be.
    func check(identity: CortexIdentity, zone: SafeZone) throws(EngramError) {
        let down = ProjectionSite.block(0, .down)
        let size = identity.projections.size(of: down) ?? (0, 0)
        guard dense.isEmpty || dense.outputs == size.outputs else {
            throw .outOfRange(site: "layer synapses", found: dense.outputs, limit: size.outputs)
        }
        try Self.check(
            "layer synapses", dense.weights, count: size.inputs * size.outputs, zone: zone)
        for latent in sortedLatents {
            try PlasticSites.checkIndex(
                Int(latent), "layer synapses (latent)", identity.layerLatentCount)
            let name = "layer synapses (decoder)"
            let row = decoder[latent] ?? []
            guard row.count == identity.hiddenSize else {
                throw .outOfRange(site: name, found: row.count, limit: identity.hiddenSize)
            }
            try Self.check(name, row, count: row.count, zone: zone)
        }
        for site in deltas.keys.sorted() {
            guard let delta = deltas[site] else { continue }
            let name = "layer weights of \(site)"
            guard let size = identity.projections.size(of: site) else {
                throw .outOfRange(
                    site: name, found: site.block ?? 0, limit: identity.projections.layers)
            }
            guard delta.inputs == size.inputs, delta.outputs == size.outputs else {
                throw .outOfRange(
                    site: name, found: delta.inputs * delta.outputs,
                    limit: size.inputs * size.outputs)
            }
            guard delta.rank <= LowRankDelta.maximumRank else {
                throw .outOfRange(
                    site: name + " (rank)", found: delta.rank, limit: LowRankDelta.maximumRank)
            }
            if let index = delta.firstNotFinite { throw .notFinite(site: name, index: index) }
            let norm = delta.frobeniusNorm
            guard norm <= zone.matrixBound * 1.001 else {
                throw .outOfBounds(site: name, found: norm, allowed: zone.matrixBound)
            }
        }
    }

    /// The checks of one matrix or direction; an empty one passes.
    static func check(
        _ site: String, _ weights: [Float], count: Int, zone: SafeZone
    ) throws(EngramError) {
        guard !weights.isEmpty else { return }
        guard weights.count == count else {
            throw .outOfRange(site: site, found: weights.count, limit: count)
        }
        if let index = weights.firstIndex(where: { !$0.isFinite }) {
            throw .notFinite(site: site, index: index)
        }
        let norm = VectorKernels.dot(weights.span, weights.span).squareRoot()
        // The margin is for the rounding of a sum over the matrix.
        guard norm <= zone.matrixBound * 1.001 else {
            throw .outOfBounds(site: site, found: norm, allowed: zone.matrixBound)
        }
    }
}
