import Engrams
import InnerCortex
import ModelFormats

/// Reads a text through the frozen core along one canonical path: the same text gives the same
/// logits and latents, byte for byte, whatever else the server is doing (DESIGN §6).
///
/// A text longer than the core's context is read in windows that overlap by half, so that every
/// position past the first window has at least half a context before it.
final class FrozenReader {
    /// Positions a slice: enough for efficient products, little enough to share the core.
    static let sliceLength = 32

    private let cortex: Cortex
    private let tokens: [TokenID]
    private let windowLength: Int
    private var cache: KVCache
    /// The position at which the window of the newest slice begins.
    private var windowStart = 0
    /// The next position to predict from.
    private var next: Int
    private var layer: LayerSite
    /// What joins the residual stream at the layer site's hookpoint, in place of its synapses.
    var constant: [Float]? {
        get { layer.constant }
        set { layer.constant = newValue }
    }

    init(cortex: Cortex, text: FramedText) {
        self.cortex = cortex
        tokens = text.tokens
        next = text.firstPosition
        layer = LayerSite(cortex: cortex)
        windowLength = cortex.inner.config.contextLength
        cache = cortex.inner.makeCache(capacity: min(windowLength, max(1, tokens.count)))
    }

    /// What one step of reading came to.
    enum Step {
        case slice(FrozenSlice)
        /// Context alone was read, with nothing to predict from; the next step goes on.
        case context
        /// The text is over.
        case end
    }

    /// Reads on by at most one slice, so that a window of any length opens step by step.
    /// - Parameter layer: under which the context is read when a window opens.
    /// - Complexity: One forward pass of `sliceLength` tokens.
    func advance(layer: LayerSynapses) -> Step {
        let end = tokens.count - 1
        guard next < end else { return .end }
        if next == windowStart + windowLength { openWindow() }
        if windowStart + cache.count < next {
            readContext(layer)
            return .context
        }
        let stop = min(end, windowStart + windowLength, next + Self.sliceLength)
        let positions = next..<stop
        var slice = FrozenSlice(cortex: cortex)
        slice.positions = positions
        cortex.forward(tokens[positions], cache: cache, layer: layer, into: &slice)
        cortex.inner.unembed(slice.hidden, count: positions.count, logits: &slice.logits)
        cortex.addFeatures(to: &slice)
        next = stop
        return .slice(slice)
    }

    /// The next slice, or nil at the text's end: as many steps as it takes.
    /// - Complexity: One forward pass of `sliceLength` tokens; at a window's start also one of
    ///   half a context.
    func nextSlice(layer: LayerSynapses) -> FrozenSlice? {
        while true {
            switch advance(layer: layer) {
            case .slice(let slice): return slice
            case .context: continue
            case .end: return nil
            }
        }
    }

    /// Fills in what the layer site says at some rows of the newest slice, which follow those that
    /// were filled in before.
    func readLayer(_ slice: inout FrozenSlice, rows: Range<Int>, synapses: LayerSynapses) {
        layer.read(&slice, rows: rows, synapses: synapses, frozen: cache)
    }

    /// The final hidden states of the newest slice after what the layer site changed, shape
    /// [rows, hidden]; `readLayer` was called for all of its rows at once.
    func finalStates(of slice: FrozenSlice) -> [Float] { layer.finalStates(of: slice) }

    /// Moves on by half a window, whose first half is to be read again.
    private func openWindow() {
        windowStart += windowLength - windowLength / 2
        cache.truncate(to: 0)
        layer.startContext()
    }

    /// Reads on in what stands before the next position in its window, as context alone.
    private func readContext(_ synapses: LayerSynapses) {
        let position = windowStart + cache.count
        let stop = min(next, position + Self.sliceLength)
        var slice = FrozenSlice(cortex: cortex)
        cortex.forward(
            tokens[position..<stop], cache: cache, layer: synapses, into: &slice)
        layer.extend(&slice, rows: 0..<stop - position, synapses: synapses, frozen: cache)
    }
}
