import Engrams
import InnerCortex
import Kernels

/// The layer site of one stream: changes the residual stream at its hookpoint and runs the blocks
/// above once more.
///
///     x' = x + ‖x‖·(M·x̂ + Σ_i f̂_i·D_i)        m = U·(h' − h)
///
/// with x̂ = x/‖x‖ and h' what the blocks above and the final norm make of x'. The change is in
/// units of the residual's own norm: ‖M‖ ≤ bound lets M move it by at most `bound` times itself.
///
/// The keys and values above the hookpoint depend on the synapses, hence belong to this stream
/// alone. While learning, a chunk attends to earlier ones as they were read, under the synapses of
/// their time: one pass over each position, and a text's result does not depend on a later chunk.
struct LayerSite {
    private let cortex: Cortex
    private let block: Int
    /// The blocks from the hookpoint on; nil until the site first speaks.
    private var cache: KVCache?
    /// x', shape [rows, hidden].
    private var changed: [Float] = []
    /// h', then h' − h, shape [rows, hidden].
    private var hidden: [Float] = []
    private var term: [Float] = []

    /// - Returns: nil when the rule has the site off.
    init?(cortex: Cortex) {
        guard let hook = cortex.layerHook else { return nil }
        self.cortex = cortex
        block = hook.block
    }

    /// Forgets the context; a window begins.
    mutating func startContext() { cache?.truncate(to: 0) }

    /// Fills in `slice.layerTerm` for some rows; does nothing while the synapses are empty.
    ///
    /// - Parameters:
    ///   - rows: of the slice; they follow those of the call before.
    ///   - frozen: the cache of the pass that made the slice, its newest row the slice's last.
    ///   - path: of that pass.
    /// - Complexity: The blocks above the hookpoint and an unembedding, for these rows.
    mutating func read(
        _ slice: inout FrozenSlice, rows: Range<Int>, synapses: LayerSynapses, frozen: KVCache,
        path: ForwardPath
    ) {
        guard !synapses.isEmpty else { return }
        extend(&slice, rows: rows, synapses: synapses, frozen: frozen, path: path)
        let start = rows.lowerBound * slice.hiddenSize
        for index in hidden.indices { hidden[index] -= slice.hidden[start + index] }
        cortex.inner.unembed(
            hidden, count: rows.count, position: position(of: rows.lowerBound, slice, frozen),
            path: path, logits: &term)
        if slice.layerTerm.isEmpty {
            slice.layerTerm = [Float](repeating: 0, count: slice.logits.count)
        }
        let width = slice.vocabularySize
        slice.layerTerm.replaceSubrange(
            rows.lowerBound * width..<rows.upperBound * width, with: term)
    }

    /// Reads some rows as context alone; does nothing while the synapses are empty.
    /// - Parameters: as in `read`.
    mutating func extend(
        _ slice: inout FrozenSlice, rows: Range<Int>, synapses: LayerSynapses, frozen: KVCache,
        path: ForwardPath
    ) {
        guard !synapses.isEmpty else { return }
        cortex.addLayerFeatures(to: &slice)
        change(slice, rows, synapses)
        let above =
            cache
            ?? cortex.inner.makeCache(capacity: frozen.capacity, firstBlock: block)
        cache = above
        let start = position(of: rows.lowerBound, slice, frozen)
        // While the synapses were empty the frozen pass was this one too.
        if above.count != start { above.copy(from: frozen, count: start) }
        cortex.inner.forward(residual: changed, cache: above, path: path, hidden: &hidden)
    }

    /// The context position of a row.
    private func position(of row: Int, _ slice: FrozenSlice, _ frozen: KVCache) -> Int {
        frozen.count - slice.residual.count / slice.hiddenSize + row
    }

    private mutating func change(
        _ slice: FrozenSlice, _ rows: Range<Int>, _ synapses: LayerSynapses
    ) {
        let width = slice.hiddenSize
        changed = Array(slice.residual[rows.lowerBound * width..<rows.upperBound * width])
        var unit = [Float](repeating: 0, count: width)
        var sum = unit
        for (index, row) in rows.enumerated() {
            let norm = slice.unitResidual(row, into: &unit)
            do {
                var product = sum.mutableSpan
                synapses.dense.apply(to: unit.span, into: &product)
            }
            if !synapses.decoder.isEmpty, slice.layerActiveCount > 0 {
                for (latent, value) in slice.layerFeatures(row) where value > 0 {
                    guard let direction = synapses.decoder[latent] else { continue }
                    VectorKernels.addScaled(direction, value, to: &sum)
                }
            }
            var all = changed.mutableSpan
            var target = all._mutatingExtracting(index * width..<(index + 1) * width)
            VectorKernels.addScaled(sum.span, norm, to: &target)
        }
    }
}
