import InnerCortex
import ModelFormats

/// Reads a text through the frozen core along one canonical path: the same text gives the same
/// logits and latents, byte for byte, whatever else the server is doing (DESIGN §6).
///
/// A text longer than the core's context is read in windows that overlap by half, so that every
/// position past the first window has at least half a context before it.
final class FrozenReader {
    /// Some consecutive positions, each the presynaptic side of the token after it.
    struct Slice {
        /// Positions in the text; position t predicts token t + 1.
        var positions: Range<Int>
        /// z0, shape [positions.count, vocabulary].
        var logits: [Float]
        /// Active latents and f̂, shape [positions.count, activeCount]; empty without an SAE.
        var latents: [Int32]
        var values: [Float]
    }

    /// Positions a slice: enough for efficient products, little enough to share the core.
    static let sliceLength = 128

    private let inner: InnerCortex
    private let autoencoder: SparseAutoencoder?
    /// The text with its start-of-text token.
    private let tokens: [TokenID]
    private let windowLength: Int
    private var cache: KVCache
    private var windowStart = 0
    /// The next position to predict from.
    private var next = 0
    private var hidden: [Float] = []

    /// - Parameter tokens: the text, its start-of-text token first.
    init(inner: InnerCortex, autoencoder: SparseAutoencoder?, tokens: [TokenID]) {
        self.inner = inner
        self.autoencoder = autoencoder
        self.tokens = tokens
        windowLength = inner.config.contextLength
        cache = inner.makeCache(capacity: min(windowLength, max(1, tokens.count)))
    }

    /// The next slice, or nil at the text's end.
    /// - Complexity: One forward pass of `sliceLength` tokens; at a window's start also one of
    ///   half a context.
    func nextSlice() -> Slice? {
        let end = tokens.count - 1
        guard next < end else { return nil }
        if next == windowStart + windowLength { openWindow() }
        let stop = min(end, windowStart + windowLength, next + Self.sliceLength)
        let positions = next..<stop
        hidden.removeAll(keepingCapacity: true)
        inner.forward(tokens[positions], cache: cache, path: .tiles, hidden: &hidden)
        var slice = Slice(positions: positions, logits: [], latents: [], values: [])
        inner.unembed(
            hidden.span, count: positions.count, position: positions.lowerBound - windowStart,
            path: .tiles, logits: &slice.logits)
        autoencoder?.encode(
            hidden.span, count: positions.count, latents: &slice.latents, values: &slice.values)
        next = stop
        return slice
    }

    /// Moves on by half a window and reads its first half again, as context alone.
    private func openWindow() {
        windowStart += windowLength - windowLength / 2
        cache.truncate(to: 0)
        var position = windowStart
        while position < next {
            let stop = min(next, position + Self.sliceLength)
            hidden.removeAll(keepingCapacity: true)
            inner.forward(
                tokens[position..<stop], cache: cache, path: .tiles, hidden: &hidden)
            position = stop
        }
    }
}
