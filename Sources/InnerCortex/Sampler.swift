import Kernels
public import ModelFormats

/// Draws tokens from logits: bias, penalties, temperature, top-k, top-p, min-p, in the order of
/// Hugging Face's `generate`.
///
/// The same options, seed and calls give the same tokens. Its buffers are allocated at the first
/// call and used again.
public struct Sampler: Sendable {
    public let options: SamplingOptions
    private var generator: SeededGenerator
    private var scores: [Float] = []
    private var probabilities: [Float] = []
    private var order: [Int32] = []
    /// The call in which a token was last penalised, so that each is penalised once.
    private var penalisedIn: [UInt32] = []
    private var call: UInt32 = 0

    /// - Parameter seed: starts the random sequence; `options.seed` is the caller's business.
    /// - Precondition: the options are valid.
    public init(options: SamplingOptions, seed: UInt64) {
        do { try options.validated() } catch { preconditionFailure("Sampler: \(error)") }
        self.options = options
        generator = SeededGenerator(seed: seed)
    }

    /// The next token.
    ///
    /// NaN counts as −∞: such a token is never drawn while any other is possible. When nothing is
    /// possible (all −∞ or NaN), token 0 is returned.
    /// - Parameters:
    ///   - logits: shape [vocabulary], not empty. Shifted ones, such as log-probabilities, serve as
    ///     well, but not for a repetition penalty: it goes by the sign, and a log-probability is
    ///     never above 0, so that a likely token would hardly feel it.
    ///   - offset: is added to every logit, before the penalty.
    ///   - history: tokens that the repetition penalty applies to.
    ///   - answer: those that the frequency and presence penalties apply to.
    ///   - allowed: those that may be drawn, at least one; nil: all.
    /// - Complexity: O(vocabulary), and O(kept·log kept) where top-k or top-p sorts.
    public mutating func next(
        logits: Span<Float>, offset: Float = 0, history: ArraySlice<TokenID>,
        answer: ArraySlice<TokenID> = [], allowed: TokenMask? = nil
    ) -> TokenID {
        precondition(!logits.isEmpty, "Sampler: no logits")
        prepare(logits, offset, history)
        penalise(answer)
        if let allowed { keep(allowed) }
        let peak = VectorKernels.maximum(scores.span)
        // A softmax would make all tokens equally probable here.
        if peak == -.infinity { return TokenID(0) }
        if options.temperature == 0 { return TokenID(first(of: peak)) }
        soften(peak: peak)
        if options.topK == 0 && options.topP >= 1 { return TokenID(drawFromAll()) }
        return TokenID(drawFromSorted())
    }

    /// Leaves only these tokens a score, which is a number: one of them is drawn in any case.
    private mutating func keep(_ allowed: TokenMask) {
        for index in scores.indices {
            scores[index] =
                allowed.contains(index)
                ? max(scores[index], -.greatestFiniteMagnitude) : -.infinity
        }
    }

    /// Takes the frequency and presence penalties from the scores.
    private mutating func penalise(_ answer: ArraySlice<TokenID>) {
        guard options.frequencyPenalty != 0 || options.presencePenalty != 0 else { return }
        var counts: [TokenID: Float] = [:]
        for token in answer where scores.indices.contains(token.index) {
            counts[token, default: 0] += 1
        }
        for (token, count) in counts {
            scores[token.index] -= options.presencePenalty + count * options.frequencyPenalty
        }
    }

    /// Copies the logits, without NaN, with the biases and the repetition penalty.
    private mutating func prepare(
        _ logits: Span<Float>, _ offset: Float, _ history: ArraySlice<TokenID>
    ) {
        if scores.count != logits.count {
            scores = [Float](repeating: 0, count: logits.count)
            probabilities = scores
            order.reserveCapacity(64)
        }
        do {
            var target = scores.mutableSpan
            VectorKernels.copy(logits, into: &target)
            if VectorKernels.maximum(logits).isNaN {
                for index in target.indices where target[index].isNaN { target[index] = -.infinity }
            }
            if offset != 0 { for index in target.indices { target[index] += offset } }
        }
        for (token, bias) in options.logitBias where scores.indices.contains(token.index) {
            scores[token.index] += bias
        }
        guard options.repetitionPenalty != 1 else { return }
        if penalisedIn.count != scores.count {
            penalisedIn = [UInt32](repeating: 0, count: scores.count)
            call = 0
        }
        if call == .max {
            call = 0
            for index in penalisedIn.indices { penalisedIn[index] = 0 }
        }
        call += 1
        for token in history {
            let index = token.index
            guard scores.indices.contains(index), penalisedIn[index] != call else { continue }
            penalisedIn[index] = call
            let score = scores[index]
            scores[index] =
                score > 0 ? score / options.repetitionPenalty : score * options.repetitionPenalty
        }
    }

    /// The first token with the greatest score, which is no −∞.
    private mutating func first(of peak: Float) -> Int {
        order.removeAll(keepingCapacity: true)
        order.append(0)
        Self.findPlaces(in: scores, above: peak.nextDown, into: &order)
        return Int(order[0])
    }

    private static func findPlaces(
        in values: [Float], above bound: Float, into places: inout [Int32]
    ) {
        var span = places.mutableSpan
        _ = VectorKernels.places(in: values.span, or: values.span, above: bound, into: &span)
    }

    /// probabilities = softmax(scores / temperature).
    private mutating func soften(peak: Float) {
        let temperature = options.temperature
        if temperature != 1 && peak.isFinite {
            var target = scores.mutableSpan
            if temperature >= 0.01 && abs(peak) < 1e30 {
                VectorKernels.scale(&target, by: 1 / temperature)
            } else {
                // From the peak down, so that it overflows to −∞ and never to +∞.
                for index in target.indices { target[index] = (target[index] - peak) / temperature }
            }
        }
        Self.softmax(scores, into: &probabilities)
    }

    private static func softmax(_ scores: [Float], into probabilities: inout [Float]) {
        var span = probabilities.mutableSpan
        _ = VectorKernels.softmax(scores.span, into: &span)
    }

    private static func sort(_ values: [Float], _ count: Int, into order: inout [Int32]) {
        TopK.indices(of: values.span, count: count, into: &order)
    }

    /// Tokens that are summed at once.
    private static let block = 512

    /// Min-p needs no order: one threshold.
    private mutating func drawFromAll() -> Int {
        guard options.minP > 0 else { return drawFromBlocks() }
        let threshold = options.minP * VectorKernels.maximum(probabilities.span)
        var total = 0.0
        for p in probabilities where p >= threshold { total += Double(p) }
        return draw(in: 0..<probabilities.count, left: generator.uniformDouble() * total, threshold)
    }

    /// Finds the block first, and the token in it.
    private mutating func drawFromBlocks() -> Int {
        let count = probabilities.count
        var total = 0.0
        for start in stride(from: 0, to: count, by: Self.block) { total += blockSum(start) }
        var left = generator.uniformDouble() * total
        // Takes what rounding leaves.
        var last = 0..<count
        for start in stride(from: 0, to: count, by: Self.block) {
            let sum = blockSum(start)
            guard sum > 0 else { continue }
            last = start..<min(count, start + Self.block)
            if left < sum { return draw(in: last, left: left, 0) }
            left -= sum
        }
        return draw(in: last, left: .infinity, 0)
    }

    private func blockSum(_ start: Int) -> Double {
        let end = min(probabilities.count, start + Self.block)
        return Double(VectorKernels.sum(probabilities.span.extracting(start..<end)))
    }

    /// The token of some at which `left` is used up, or the last that is possible.
    private func draw(in range: Range<Int>, left: Double, _ threshold: Float) -> Int {
        var left = left
        var last = range.lowerBound
        for index in range where probabilities[index] >= threshold && probabilities[index] > 0 {
            left -= Double(probabilities[index])
            last = index
            if left < 0 { break }
        }
        return last
    }

    /// Draws from the most probable tokens, as many as the options keep.
    private mutating func drawFromSorted() -> Int {
        let count = probabilities.count
        let most = options.topK == 0 ? count : min(options.topK, count)
        // Top-p usually keeps few: sort a few first, more only while they do not suffice.
        var sorted = options.topP < 1 ? min(most, 64) : most
        var kept: Int?
        while kept == nil {
            Self.sort(probabilities, sorted, into: &order)
            kept = reach(of: sorted, most: most)
            sorted = min(most, sorted * 8)
        }
        let threshold = options.minP * probabilities[Int(order[0])]
        var total = 0.0
        var keep = 0
        for index in order.prefix(kept ?? 1) {
            let p = probabilities[Int(index)]
            if p < threshold { break }
            total += Double(p)
            keep += 1
        }
        var left = generator.uniformDouble() * total
        for index in order.prefix(keep) {
            left -= Double(probabilities[Int(index)])
            if left < 0 { return Int(index) }
        }
        return Int(order[max(0, keep - 1)])
    }

    /// How many of the `sorted` most probable tokens top-p keeps of `most`; nil when more have to
    /// be sorted to know.
    private func reach(of sorted: Int, most: Int) -> Int? {
        guard options.topP < 1 else { return sorted }
        // Top-p counts in what top-k left.
        var whole = 1.0
        if most < probabilities.count {
            guard sorted == most else { return nil }
            whole = order.reduce(0) { $0 + Double(probabilities[Int($1)]) }
        }
        var mass = 0.0
        for (rank, index) in order.enumerated() {
            mass += Double(probabilities[Int(index)])
            if mass >= Double(options.topP) * whole { return rank + 1 }
        }
        return sorted == most ? sorted : nil
    }
}
