import Kernels

/// Gathers the vitals of one answer while it is generated, from what decoding has at hand.
///
/// Memory: 4 KB for the 3-grams, 16 KB for the rank; allocates nothing later. Time a token: three passes over
/// the vocabulary, about 1 % of decoding on the shipped core.
struct VitalsProbe {
    /// What one step of decoding computed.
    struct Step {
        var token: Int32
        /// Where the final hidden state is, shape [hidden], among those of other positions.
        var hidden: [Float]
        var row: Range<Int>
        /// p and ln p of what left, shape [vocabulary].
        var output: [Float]
        var logProbabilities: [Float]
        /// The entropy of p0, nats.
        var frozenEntropy: Double
        /// ln p(y) − ln p0(y) and KL(output ‖ frozen), nats.
        var drift: Double
        var divergence: Double
    }

    private var tokens = 0
    private var repetition = RepetitionCount()
    /// Σ h/‖h‖, shape [hidden].
    private var directions: [Float] = []
    private var directionCount = 0
    private var entropy = 0.0
    private var frozenEntropy = 0.0
    private var drift = 0.0
    private var divergence = 0.0
    private var maximumDivergence = 0.0
    private var rank = DistributionRank()

    /// Takes one token of the answer in.
    mutating func add(_ step: Step) {
        tokens += 1
        repetition.add(step.token)
        addDirection(step.hidden, step.row)
        entropy -= Double(VectorKernels.dot(step.output.span, step.logProbabilities.span))
        frozenEntropy += step.frozenEntropy
        drift += step.drift
        divergence += step.divergence
        maximumDivergence = max(maximumDivergence, step.divergence)
        rank.add(step.output)
    }

    private mutating func addDirection(_ states: [Float], _ row: Range<Int>) {
        if directions.isEmpty { directions = [Float](repeating: 0, count: row.count) }
        let hidden = states.span.extracting(row)
        let norm = VectorKernels.dot(hidden, hidden).squareRoot()
        guard norm > 0, norm.isFinite else { return }
        Self.add(hidden, 1 / norm, to: &directions)
        directionCount += 1
    }

    private static func add(_ x: Span<Float>, _ scale: Float, to sum: inout [Float]) {
        var all = sum.mutableSpan
        VectorKernels.addScaled(x, scale, to: &all)
    }

    /// Mean cosine over pairs, from the sum alone: ‖Σû‖² = n + Σ_{i≠j} cos(h_i, h_j).
    private var hiddenSimilarity: Double? {
        guard directionCount > 1 else { return nil }
        let count = Double(directionCount)
        let squared = Double(VectorKernels.dot(directions.span, directions.span))
        return (squared - count) / (count * (count - 1))
    }

    /// The answer so far; nil before its first token.
    var vitals: GenerationVitals? {
        guard tokens > 0 else { return nil }
        let count = Double(tokens)
        return GenerationVitals(
            tokens: tokens, repetition: repetition.share, hiddenSimilarity: hiddenSimilarity,
            entropy: entropy / count, frozenEntropy: frozenEntropy / count,
            logProbabilityDrift: drift / count, divergence: divergence / count,
            maximumDivergence: maximumDivergence, effectiveRank: rank.effectiveRank,
            rankSamples: rank.sampleCount)
    }
}

/// Counts the 3-grams of a text that came back within a window.
struct RepetitionCount {
    /// How far back a 3-gram counts as repeated, tokens: longer loops are rare, and a long answer
    /// may come back to its subject.
    static let window = 256

    private typealias Trigram = SIMD4<Int32>

    /// The newest `window` of them, in a ring.
    private var ring: [Trigram] = []
    private var newest: (Int32, Int32) = (0, 0)
    private var tokens = 0
    private var repeated = 0

    init() { ring.reserveCapacity(Self.window) }

    /// - Complexity: O(window); allocates nothing.
    mutating func add(_ token: Int32) {
        tokens += 1
        if tokens >= 3 {
            let trigram = Trigram(newest.0, newest.1, token, 0)
            if ring.contains(trigram) { repeated += 1 }
            if ring.count < Self.window {
                ring.append(trigram)
            } else {
                ring[(tokens - 3) % Self.window] = trigram
            }
        }
        newest = (newest.1, token)
    }

    /// 0...1; nil below three tokens.
    var share: Double? { tokens < 3 ? nil : Double(repeated) / Double(tokens - 2) }
}

/// The effective number of different distributions in a sequence of them: the participation ratio
/// (tr G)²/tr G² of the Gram matrix of their square roots, G_ij = Σ_v √(p_i(v)·p_j(v)).
///
/// Square roots are unit vectors, so identical distributions give 1, n disjoint ones n, and neither
/// a logit's scale nor the vocabulary's common direction counts, as both would for raw logits. A
/// collapsed model answers from few distributions, whatever its context.
///
/// At most 16 samples, evenly spread over the answer: when full, every second goes and the spacing
/// doubles. Each is kept as a count sketch of 256 numbers (Charikar, Chen, Farach-Colton 2002),
/// which keeps inner products within 1/√256 and so the rank within about 6 %.
struct DistributionRank {
    static let samplesMaximum = 16
    static let samplesMinimum = 8
    private static let sketchSize = 256

    /// Shape [sampleCount, sketchSize]; room for all from the start.
    private var samples: [Float] = []
    private var spacing = 4
    private var steps = 0

    init() { samples.reserveCapacity(Self.samplesMaximum * Self.sketchSize) }

    var sampleCount: Int { samples.count / Self.sketchSize }

    /// - Parameter distribution: p, shape [vocabulary].
    /// - Complexity: O(vocabulary) for a step that is sampled, O(1) for the others.
    mutating func add(_ distribution: [Float]) {
        defer { steps += 1 }
        guard steps % spacing == 0 else { return }
        if sampleCount == Self.samplesMaximum {
            thin()
            spacing *= 2
            guard steps % spacing == 0 else { return }
        }
        addSketch(of: distribution)
    }

    /// Keeps every second sample.
    private mutating func thin() {
        let size = Self.sketchSize
        for kept in 1..<Self.samplesMaximum / 2 {
            for index in 0..<size {
                samples[kept * size + index] = samples[2 * kept * size + index]
            }
        }
        samples.removeLast(Self.samplesMaximum / 2 * size)
    }

    /// Each entry's square root, added with a sign to one of 256 places; both from a hash of its
    /// index, the same in every sample. A plain product would give neighbours opposite signs and
    /// cancel what all distributions share.
    private mutating func addSketch(of distribution: [Float]) {
        let start = samples.count
        samples.append(contentsOf: repeatElement(0, count: Self.sketchSize))
        for index in distribution.indices {
            let hash = Self.mixed(UInt32(truncatingIfNeeded: index))
            let root = distribution[index].squareRoot()
            samples[start + Int(hash >> 24)] += hash & 0x80_0000 == 0 ? root : -root
        }
    }

    /// MurmurHash3's finalizer (Appleby 2011).
    private static func mixed(_ value: UInt32) -> UInt32 {
        var hash = (value ^ (value >> 16)) &* 0x85eb_ca6b
        hash = (hash ^ (hash >> 13)) &* 0xc2b2_ae35
        return hash ^ (hash >> 16)
    }

    /// 1 to `sampleCount`; nil below eight samples.
    var effectiveRank: Double? {
        let (count, size) = (sampleCount, Self.sketchSize)
        guard count >= Self.samplesMinimum else { return nil }
        var (trace, squares) = (0.0, 0.0)
        let all = samples.span
        for row in 0..<count {
            for column in 0...row {
                let product = Double(
                    VectorKernels.dot(
                        all.extracting(row * size..<(row + 1) * size),
                        all.extracting(column * size..<(column + 1) * size)))
                if column == row { trace += product }
                squares += (column == row ? 1 : 2) * product * product
            }
        }
        return squares > 0 ? min(Double(count), trace * trace / squares) : nil
    }
}
