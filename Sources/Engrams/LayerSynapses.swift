import Kernels

/// What the `layer` site adds to the residual stream at its hookpoint:
/// x ← x + ‖x‖·(M·x̂ + Σ_i f̂_i·D_i), with x̂ the residual there at norm 1 and f̂ the latents of an SAE
/// trained there. M and D are thus in units of the residual's own norm.
public struct LayerSynapses: Sendable, Equatable {
    /// M, shape [hidden, hidden].
    public var dense = DenseSynapses()
    /// D: latent → direction in the residual stream; a change of the SAE's decoder.
    public private(set) var decoder: [Int32: [Float]] = [:]

    public init() {}

    public init(dense: DenseSynapses, decoder: [Int32: [Float]]) {
        self.dense = dense
        self.decoder = decoder
    }

    public var isEmpty: Bool { dense.isEmpty && decoder.isEmpty }

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

    mutating func scale(by factor: Float) {
        if !dense.isEmpty { dense.scale(by: factor) }
        for latent in decoder.keys {
            decoder[latent] = decoder[latent]?.map { $0 * factor }
        }
    }

    /// The latents in ascending order: the order of files and comparisons.
    public var sortedLatents: [Int32] { decoder.keys.sorted() }

    /// self + scale·other, within the norm `bound`.
    func combined(with other: LayerSynapses, scale: Float, bound: Float) -> LayerSynapses {
        var sum = LayerSynapses(
            dense: dense.combined(with: other.dense, scale: scale, bound: bound), decoder: decoder)
        for (latent, direction) in other.decoder {
            let mine = decoder[latent] ?? [Float](repeating: 0, count: direction.count)
            var row = zip(mine, direction).map { $0 + scale * $1 }
            let norm = row.reduce(0) { $0 + $1 * $1 }.squareRoot()
            if norm > bound { row = row.map { $0 * bound / norm } }
            sum.decoder[latent] = row
        }
        return sum
    }
}
