import Engrams
import InnerCortex
import ModelFormats

/// Reads a text through the frozen core along one canonical path: the same text gives the same
/// logits and latents, byte for byte, whatever else the server is doing (DESIGN §6) and however its
/// reading is cut.
///
/// A text longer than the core's context is read in windows that overlap by half, so that every
/// position past the first window has at least half a context before it.
final class FrozenReader {
    private let cortex: Cortex
    private let tokens: [TokenID]
    private let windowLength: Int
    private let reading: CoreReading
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
        reading = CoreReading(
            cortex: cortex,
            cache: cortex.inner.makeCache(capacity: min(windowLength, max(1, tokens.count))))
    }

    /// What one step of reading came to.
    enum Step {
        case slice(FrozenSlice)
        /// Context alone was read, with nothing to predict from; the next step goes on.
        case context
        /// The text is over.
        case end
    }

    private var cache: KVCache { reading.cache }

    /// What the next step takes from the core; nil at the text's end.
    /// - Parameter layer: under which it is read.
    func ask(layer: LayerSynapses) -> CoreReading? {
        if reading.isAsked { return reading }
        let end = tokens.count - 1
        guard next < end else { return nil }
        if next == windowStart + windowLength { openWindow() }
        let position = windowStart + cache.count
        if position < next {
            reading.ask(for: position..<next, of: tokens, layer: layer, [])
        } else {
            reading.ask(
                for: next..<min(end, windowStart + windowLength), of: tokens, layer: layer,
                [.logits, .features])
        }
        return reading
    }

    /// Reads on by one reading, so that a window of any length opens step by step.
    /// - Parameter layer: under which the context is read when a window opens.
    /// - Complexity: One pass, unless what `ask` gave has been read.
    func advance(layer: LayerSynapses) -> Step {
        guard let reading = ask(layer: layer) else { return .end }
        let isContext = reading.positions.lowerBound < next
        reading.take()
        if isContext {
            self.layer.extend(
                &reading.slice, rows: 0..<reading.count, synapses: layer, frozen: cache)
            return .context
        }
        next = reading.positions.upperBound
        return .slice(reading.slice)
    }

    /// The next slice, or nil at the text's end: as many steps as it takes.
    /// - Complexity: One pass; at a window's start also half a context's.
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
}
