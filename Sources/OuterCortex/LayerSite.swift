import Engrams
import InnerCortex
import Kernels
import ModelFormats

/// The layer site of one stream: runs the blocks from its first change on once more, with what the
/// engram changes in them.
///
///     y = W·x + ΔW·x        x_b' = x_b + ‖x_b‖·Σ_i f̂_i·D_i        m = U·(h' − h) + B_U·A_U·h'
///
/// with ΔW at every projection that the engram names, h' what these blocks and the final norm then
/// make of the residual stream, and f̂ and ‖x_b‖ at the hookpoint as the frozen pass saw them. The
/// last term is there when the unembedding itself has a delta.
///
/// The keys and values from the first change on depend on the synapses, hence belong to this
/// stream alone; the blocks below are the frozen pass that all share. While learning, a chunk
/// attends to earlier ones as they were read, under the synapses of their time: one pass over each
/// position, and a text's result does not depend on a later chunk.
struct LayerSite {
    private let cortex: Cortex
    /// The blocks from the first change on; nil until the site first speaks.
    private var cache: KVCache?
    /// h', then h' − h, shape [rows, hidden].
    private var hidden: [Float] = []
    private var term: [Float] = []
    /// A direction that joins the residual stream at the hookpoint at every position, shape
    /// [hidden]: what a control vector would do in place of D.
    var constant: [Float]?

    init(cortex: Cortex) { self.cortex = cortex }

    /// Forgets the context; a window begins.
    mutating func startContext() { cache?.truncate(to: 0) }

    /// Fills in `slice.layerTerm` for some rows; does nothing while the synapses are empty.
    ///
    /// - Parameters:
    ///   - rows: of the slice; they follow those of the call before.
    ///   - synapses: with the deltas that the slice was read for.
    ///   - frozen: the cache of the pass that made the slice, its newest row the slice's last.
    /// - Complexity: The blocks from the first change on and an unembedding, for these rows.
    mutating func read(
        _ slice: inout FrozenSlice, rows: Range<Int>, synapses: LayerSynapses, frozen: KVCache
    ) {
        guard speaks(synapses) else { return }
        extend(&slice, rows: rows, synapses: synapses, frozen: frozen)
        let (width, vocabulary) = (slice.hiddenSize, slice.vocabularySize)
        let before = slice.hidden[rows.lowerBound * width..<rows.upperBound * width]
        if cortex.entryBlock(of: synapses) == nil { hidden = Array(before) }
        let after = synapses.deltas[.unembedding] == nil ? [] : hidden
        for (index, value) in before.enumerated() { hidden[index] -= value }
        cortex.inner.unembed(hidden, count: rows.count, logits: &term)
        if let delta = synapses.deltas[.unembedding] {
            cortex.inner.addToLogits(delta, hidden: after, logits: &term)
        }
        if slice.layerTerm.isEmpty {
            slice.layerTerm = [Float](repeating: 0, count: slice.logits.count)
        }
        slice.layerTerm.replaceSubrange(
            rows.lowerBound * vocabulary..<rows.upperBound * vocabulary, with: term)
    }

    /// Reads some rows as context alone; does nothing while the synapses are empty.
    /// - Parameters: as in `read`.
    mutating func extend(
        _ slice: inout FrozenSlice, rows: Range<Int>, synapses: LayerSynapses, frozen: KVCache
    ) {
        guard speaks(synapses), let entry = cortex.entryBlock(of: synapses) else { return }
        cortex.addLayerFeatures(to: &slice)
        let own =
            cache ?? cortex.inner.makeCache(capacity: frozen.capacity, firstBlock: entry)
        cache = own
        let start = position(of: rows.lowerBound, slice, frozen)
        // While the synapses were empty the frozen pass was this one too.
        if own.count != start { own.copy(from: frozen, count: start) }
        let width = slice.hiddenSize
        let stream = slice.taps.residual(before: entry)
        cortex.inner.forward(
            residual: Array(stream[rows.lowerBound * width..<rows.upperBound * width]),
            cache: own, change: change(slice, rows, synapses), hidden: &hidden)
    }

    /// h' of the slice that `read` has just read whole; h where the site says nothing.
    func finalStates(of slice: FrozenSlice) -> [Float] {
        guard !slice.layerTerm.isEmpty, hidden.count == slice.hidden.count else {
            return slice.hidden
        }
        var states = slice.hidden
        VectorKernels.addScaled(hidden, 1, to: &states)
        return states
    }

    private func speaks(_ synapses: LayerSynapses) -> Bool {
        constant != nil || !synapses.deltas.isEmpty
            || (cortex.layerHook != nil && !synapses.isEmpty)
    }

    /// The context position of a row.
    private func position(of row: Int, _ slice: FrozenSlice, _ frozen: KVCache) -> Int {
        frozen.count - slice.hidden.count / slice.hiddenSize + row
    }

    private func change(
        _ slice: FrozenSlice, _ rows: Range<Int>, _ synapses: LayerSynapses
    ) -> PassChange {
        var change = PassChange(deltas: synapses.deltas)
        guard let hook = cortex.layerHook else { return change }
        if !synapses.dense.isEmpty {
            change.dense = .init(site: hook.projection, weights: synapses.dense.weights)
        }
        if let constant {
            let rows = (0..<rows.count).flatMap { _ in constant }
            change.injection = .init(block: hook.block, rows: rows)
        } else if !synapses.decoder.isEmpty, slice.layerActiveCount > 0 {
            change.injection = .init(
                block: hook.block, rows: slice.layerDirections(rows, hook.block, synapses))
        }
        return change
    }
}

extension FrozenSlice {
    /// ‖x‖·Σ_i f̂_i·D_i at some rows, shape [rows.count, hidden].
    func layerDirections(
        _ rows: Range<Int>, _ block: Int, _ synapses: LayerSynapses
    ) -> [Float] {
        var injected = [Float](repeating: 0, count: rows.count * hiddenSize)
        for (index, row) in rows.enumerated() {
            let norm = residualNorm(before: block, row: row)
            var all = injected.mutableSpan
            var target = all._mutatingExtracting(index * hiddenSize..<(index + 1) * hiddenSize)
            for (latent, value) in layerFeatures(row) where value > 0 {
                guard let direction = synapses.decoder[latent] else { continue }
                VectorKernels.addScaled(direction.span, value * norm, to: &target)
            }
        }
        return injected
    }
}
