public import ModelFormats

/// What a pass runs of one context: tokens at the positions after those in its cache.
public struct PassSegment {
    /// At least one.
    public var tokens: ArraySlice<TokenID>
    public let cache: KVCache
    /// What is wanted from inside of the network; then what was there, for these tokens.
    public var taps: ForwardTaps
    /// In place of the embeddings of `tokens`, [count, hidden]: the residual stream before the first
    /// block of `cache`.
    let residual: [Float]?

    public init(
        tokens: ArraySlice<TokenID>, cache: KVCache, taps: ForwardTaps = ForwardTaps()
    ) {
        self.tokens = tokens
        self.cache = cache
        self.taps = taps
        residual = nil
    }

    init(residual: [Float], cache: KVCache) {
        tokens = []
        self.cache = cache
        taps = ForwardTaps()
        self.residual = residual
    }

    func count(width: Int) -> Int { residual.map { $0.count / width } ?? tokens.count }
}
