import Engrams
import InnerCortex
import Kernels
import ModelFormats

/// Some consecutive tokens of one stream that the frozen core is to read: what a task asks for before
/// a step that needs it. Whoever runs many tasks has all that they ask for read in one pass over the
/// weights (`CoreReader`); a task whose step comes without that has it read alone, with the same
/// bytes. Belongs to one task.
public final class CoreReading {
    /// Most tokens at once: enough for efficient products, and no more than a context can be cut
    /// back by.
    static let longest = min(128, KVCache.reach)

    private enum State { case idle, asked, done }

    private let cortex: Cortex
    let cache: KVCache
    private var state = State.idle
    /// Those that were asked for, drafted ones last.
    private var tokens: [TokenID] = []
    /// How many of them are guesses: read so that what follows them is known if they come.
    private(set) var draftCount = 0
    /// Room for one.
    private var segments: [PassSegment] = []
    /// Places in the tokens.
    private(set) var positions: Range<Int> = 0..<0
    /// What is computed of the states, beside them.
    private(set) var wants: Wants = []
    /// What was read; the taps are those that were asked for.
    var slice: FrozenSlice

    struct Wants: OptionSet {
        let rawValue: UInt8
        static let logits = Wants(rawValue: 1)
        /// What the sites read.
        static let features = Wants(rawValue: 2)
    }

    init(cortex: Cortex, cache: KVCache) {
        self.cortex = cortex
        self.cache = cache
        slice = FrozenSlice(cortex: cortex)
        tokens.reserveCapacity(1 + Drafter.longest)
    }

    /// Whether something is asked for, read or not.
    var isAsked: Bool { state != .idle }
    /// Whether what was asked for has been read.
    public var isDone: Bool { state == .done }
    /// How many tokens.
    public var count: Int { positions.count }
    /// How many of them are needed.
    public var neededCount: Int { positions.count - draftCount }

    /// Asks for the tokens behind those in the cache.
    /// - Parameters:
    ///   - positions: places in `tokens`, at least one; cut to the `longest` that may be.
    ///   - drafts: guesses of what stands behind `tokens`; only where `positions` end there.
    ///   - layer: the synapses under which they will be read.
    /// - Precondition: what was asked for before has been taken.
    func ask(
        for positions: Range<Int>, of tokens: [TokenID], drafts: [TokenID] = [],
        layer: LayerSynapses, _ wants: Wants
    ) {
        precondition(state == .idle, "a reading was not taken")
        let longest = cortex.rule.layer.isOn ? LayerRule.longestChunk : Self.longest
        let needed = positions.prefix(longest)
        draftCount = needed == positions ? min(drafts.count, longest - needed.count) : 0
        self.positions = needed.lowerBound..<needed.upperBound + draftCount
        self.tokens.removeAll(keepingCapacity: true)
        self.tokens += tokens[needed]
        self.tokens += drafts.prefix(draftCount)
        self.wants = wants
        let taps = cortex.taps(layer)
        // An equal set of taps keeps its storage.
        if !slice.taps.asksForTheSame(as: taps) { slice.taps = taps }
        state = .asked
    }

    /// Leaves the tokens from `count` on for another time. Where the layer site learns its chunks end
    /// with a reading, so that it stays as it is.
    public func shorten(to count: Int) {
        guard state == .asked, count > 0, count < self.count, !cortex.rule.layer.isOn else {
            return
        }
        draftCount = max(0, draftCount - (self.count - count))
        positions = positions.prefix(count)
        tokens.removeLast(tokens.count - count)
    }

    /// Leaves the guesses out: where many share a pass, a row is no longer nearly free.
    public func dropDrafts() { shorten(to: neededCount) }

    /// The token that was read at a position.
    func token(at position: Int) -> TokenID { tokens[position - positions.lowerBound] }

    /// Has it read alone unless it was; it may be asked for more then.
    func take() {
        precondition(state != .idle, "nothing was asked for")
        if state == .asked { readAlone() }
        state = .idle
    }

    /// Fills the slice with some positions that are in the cache, from what the core made of them.
    /// - Parameters:
    ///   - positions: at least one; cut to the `longest` that may be.
    ///   - states: of all positions from the first on.
    /// - Complexity: One unembedding.
    func recall(_ positions: Range<Int>, _ states: ContextStore.States) {
        precondition(state == .idle, "a reading was not taken")
        self.positions = positions.prefix(Self.longest)
        wants = [.logits, .features]
        let width = cortex.inner.config.hiddenSize
        let rows = self.positions
        slice.hidden = Array(states.hidden[rows.lowerBound * width..<rows.upperBound * width])
        cortex.inner.unembed(slice.hidden, count: count, logits: &slice.logits)
        slice.taps = ForwardTaps()
        let wide = width * cortex.tappedBlocks.count
        slice.streams = Array(states.streams[rows.lowerBound * wide..<rows.upperBound * wide])
        finish()
        state = .idle
    }

    fileprivate func readAlone() {
        let start = ContinuousClock.now
        segments.append(segment())
        cortex.inner.forward(&segments, hidden: &slice.hidden)
        slice.taps = segments[0].taps
        // Its tokens' storage is this one's alone again.
        segments.removeAll(keepingCapacity: true)
        slice.takeStreams(at: cortex.tappedBlocks)
        if wants.contains(.logits) {
            cortex.inner.unembed(slice.hidden, count: count, logits: &slice.logits)
        }
        finish()
        if wants.contains(.logits) {
            cortex.rowCost.note(rows: count, took: start.duration(to: .now))
        }
    }

    /// As a part of a pass; takes the taps along, so that their storage is used again.
    fileprivate func segment() -> PassSegment {
        defer { slice.taps = ForwardTaps() }
        return PassSegment(tokens: tokens[...], cache: cache, taps: slice.taps)
    }

    /// Takes what a pass gave.
    fileprivate func receive(_ segment: PassSegment, hidden: Span<Float>) {
        slice.taps = segment.taps
        Self.copy(hidden, into: &slice.hidden)
        slice.takeStreams(at: cortex.tappedBlocks)
    }

    fileprivate func receive(logits: Span<Float>) { Self.copy(logits, into: &slice.logits) }

    /// What the states are followed by.
    fileprivate func finish() {
        slice.positions = positions
        slice.layerLatents.removeAll(keepingCapacity: true)
        slice.layerTerm.removeAll(keepingCapacity: true)
        if wants.contains(.features) { cortex.addFeatures(to: &slice) }
        state = .done
    }

    private static func copy(_ values: Span<Float>, into array: inout [Float]) {
        if array.count != values.count { array = [Float](repeating: 0, count: values.count) }
        var target = array.mutableSpan
        VectorKernels.copy(values, into: &target)
    }
}

/// Reads what many tasks ask for in one pass over the core's weights. Holds the buffers of one
/// thread.
public struct CoreReader {
    private let inner: InnerCortex
    private var segments: [PassSegment] = []
    private var hidden: [Float] = []
    private var spoken: [Float] = []
    private var logits: [Float] = []

    public init(cortex: Cortex) { inner = cortex.inner }

    /// Has all of them done, with the bytes that each has alone.
    /// - Precondition: each has been asked for and is another stream's.
    /// - Complexity: One pass for all of their rows, and one unembedding for those that want logits.
    public mutating func read(_ readings: [CoreReading]) {
        if readings.count == 1 { return readings[0].readAlone() }
        for reading in readings { segments.append(reading.segment()) }
        inner.forward(&segments, hidden: &hidden)
        let width = inner.config.hiddenSize
        spoken.removeAll(keepingCapacity: true)
        var row = 0
        for (reading, segment) in zip(readings, segments) {
            let range = row * width..<(row + reading.count) * width
            reading.receive(segment, hidden: hidden.span.extracting(range))
            if reading.wants.contains(.logits) { spoken += hidden[range] }
            row += reading.count
        }
        segments.removeAll(keepingCapacity: true)
        speak(readings, rows: spoken.count / width)
        for reading in readings { reading.finish() }
    }

    private mutating func speak(_ readings: [CoreReading], rows: Int) {
        guard rows > 0 else { return }
        inner.unembed(spoken, count: rows, logits: &logits)
        let vocabulary = inner.config.vocabularySize
        var row = 0
        for reading in readings where reading.wants.contains(.logits) {
            let range = row * vocabulary..<(row + reading.count) * vocabulary
            reading.receive(logits: logits.span.extracting(range))
            row += reading.count
        }
    }
}

extension Range<Int> {
    /// The first of them.
    fileprivate func prefix(_ count: Int) -> Range<Int> {
        lowerBound..<Swift.min(upperBound, lowerBound + count)
    }
}
