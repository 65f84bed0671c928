import Foundation
public import Kernels

/// Decides at every token how strongly each plastic site speaks: a small network, meta-learned
/// offline and frozen with the rule, from local statistics to one gain a site, and a second one
/// that weighs what the sites say of a candidate token together.
///
/// With F statistics x, H hidden units, K sites and R readout units:
///
///     x̂   = clip((x − mean)·inverseDeviation, ±4)
///     h   = tanh(W₁x̂ + b₁)
///     g_k = min(softplus(W₂h + b₂)_k, 3)
///     q_j = Σ_u o_u·[tanh(A_u·(g⊙m_j, ℓ_j) + C_u·h + c_u) − tanh(A_u·(0, ℓ_j) + C_u·h + c_u)]
///
/// where m_kj is the logit change that site k would make to candidate j at gain 1, and
/// ℓ_j = max(log p0_j, −12)/4. A candidate's logit is z0_j + Σ_k g_k·m_kj + q_j: sites that say
/// nothing of a candidate leave it where the frozen core had it.
public struct Neuromodulator: Sendable, Equatable {
    /// Shape [F], in the statistics' own units.
    public let mean: [Float]
    /// Shape [F], 1/standard deviation.
    public let inverseDeviation: [Float]
    /// W₁, shape [H, F].
    public let hiddenWeight: [Float]
    /// b₁, shape [H].
    public let hiddenBias: [Float]
    /// W₂, shape [K, H].
    public let gainWeight: [Float]
    /// b₂, shape [K].
    public let gainBias: [Float]
    /// A, shape [R, K + 1]: K gated terms, then the entry for ℓ. Empty when there is no readout.
    public let readoutWeight: [Float]
    /// c, shape [R].
    public let readoutBias: [Float]
    /// C, shape [R, H].
    public let readoutContext: [Float]
    /// o, shape [R], logits.
    public let readoutOutput: [Float]

    /// F.
    public var statisticCount: Int { mean.count }
    /// H.
    public var hiddenCount: Int { hiddenBias.count }
    /// K.
    public var siteCount: Int { gainBias.count }
    /// R; 0 when there is no readout.
    public var readoutCount: Int { readoutBias.count }

    /// The greatest gain of a site.
    public static let gainLimit: Float = 3
    /// Standardised statistics are clipped here.
    public static let statisticLimit: Float = 4
    /// Under this log p0, in nats, the readout no longer tells candidates apart.
    public static let lowestLogProbability: Float = -12
    /// ℓ = log p0 × this.
    public static let logProbabilityScale: Float = 0.25
    /// ln(e − 1): the bias whose softplus is 1.
    public static let unitGainBias: Float = 0.541_324_85

    /// - Precondition: the shapes agree.
    public init(
        mean: [Float], inverseDeviation: [Float], hiddenWeight: [Float], hiddenBias: [Float],
        gainWeight: [Float], gainBias: [Float], readoutWeight: [Float], readoutBias: [Float],
        readoutContext: [Float], readoutOutput: [Float]
    ) {
        let (statistics, hidden) = (mean.count, hiddenBias.count)
        let (sites, readout) = (gainBias.count, readoutBias.count)
        precondition(
            inverseDeviation.count == statistics && hiddenWeight.count == hidden * statistics
                && gainWeight.count == sites * hidden
                && readoutWeight.count == readout * (sites + 1)
                && readoutContext.count == readout * hidden && readoutOutput.count == readout,
            "a neuromodulator whose shapes do not agree")
        self.mean = mean
        self.inverseDeviation = inverseDeviation
        self.hiddenWeight = hiddenWeight
        self.hiddenBias = hiddenBias
        self.gainWeight = gainWeight
        self.gainBias = gainBias
        self.readoutWeight = readoutWeight
        self.readoutBias = readoutBias
        self.readoutContext = readoutContext
        self.readoutOutput = readoutOutput
    }

    /// One that changes next to nothing, to start training from: gains near 1, whatever the
    /// statistics, and a readout that says 0.
    ///
    /// Weights are uniform in ±1/√(inputs), those of the gains a tenth of it; the statistics are
    /// taken as they are (mean 0, deviation 1).
    /// - Parameters:
    ///   - hidden: H, at least 1.
    ///   - readout: R; 0 for none.
    public static func neutral(
        statisticCount: Int, siteCount: Int, hidden: Int, readout: Int,
        generator: inout SeededGenerator
    ) -> Neuromodulator {
        func uniform(_ count: Int, inputs: Int, scale: Float = 1) -> [Float] {
            let bound = scale / Float(inputs).squareRoot()
            return (0..<count).map { _ in (2 * generator.uniform() - 1) * bound }
        }
        return Neuromodulator(
            mean: [Float](repeating: 0, count: statisticCount),
            inverseDeviation: [Float](repeating: 1, count: statisticCount),
            hiddenWeight: uniform(hidden * statisticCount, inputs: statisticCount),
            hiddenBias: uniform(hidden, inputs: statisticCount),
            gainWeight: uniform(siteCount * hidden, inputs: hidden, scale: 0.1),
            gainBias: [Float](repeating: unitGainBias, count: siteCount),
            readoutWeight: uniform(readout * (siteCount + 1), inputs: siteCount + 1),
            readoutBias: uniform(readout, inputs: siteCount + 1),
            readoutContext: [Float](repeating: 0, count: readout * hidden),
            readoutOutput: [Float](repeating: 0, count: readout))
    }

    /// The buffers of one token's forward pass, and its results. One for each thread that computes.
    public struct Scratch: Sendable {
        /// h of the newest call of `gains`, shape [H], in −1...1.
        public fileprivate(set) var hidden: [Float]
        /// g of the newest call of `gains`, shape [K], in 0...3.
        public fileprivate(set) var gains: [Float]
        fileprivate var standardized: [Float]
        /// C·h + c, shape [R].
        fileprivate var context: [Float]
        /// ℓ, at least [count].
        fileprivate var levels: [Float] = []
        /// A unit with the terms, then without, at least [2·count].
        fileprivate var units: [Float] = []

        public init(for modulator: Neuromodulator) {
            hidden = [Float](repeating: 0, count: modulator.hiddenCount)
            gains = [Float](repeating: 1, count: modulator.siteCount)
            standardized = [Float](repeating: 0, count: modulator.statisticCount)
            context = [Float](repeating: 0, count: modulator.readoutCount)
        }
    }

    /// Leaves g and h of one token in `scratch`.
    ///
    /// - Parameter statistics: x, shape [F], finite.
    /// - Complexity: O(H·(F + K + R)); allocates nothing.
    public func gains(_ statistics: [Float], scratch: inout Scratch) {
        precondition(statistics.count == statisticCount, "gains: \(statistics.count) statistics")
        let limit = Self.statisticLimit
        for index in statistics.indices {
            let value = (statistics[index] - mean[index]) * inverseDeviation[index]
            scratch.standardized[index] = min(limit, max(-limit, value))
        }
        Self.project(hiddenWeight, scratch.standardized, hiddenBias, into: &scratch.hidden)
        Self.squash(&scratch.hidden)
        Self.project(gainWeight, scratch.hidden, gainBias, into: &scratch.gains)
        for index in scratch.gains.indices {
            scratch.gains[index] = min(Self.gainLimit, Self.softplus(scratch.gains[index]))
        }
        Self.project(readoutContext, scratch.hidden, readoutBias, into: &scratch.context)
    }

    /// What the readout adds to the logits of candidates: output[j] = q_j, of the token whose
    /// statistics `gains` took last with this scratch. 0 everywhere without a readout.
    ///
    /// - Parameters:
    ///   - terms: g⊙m, at least [K, count], k-major: site k's candidates start at k·count.
    ///   - logProbabilities: log p0, at least [count], nats.
    ///   - count: candidates.
    ///   - output: at least [count]; its first `count` elements are overwritten.
    /// - Complexity: O(R·K·count); allocates only when `count` is greater than ever before.
    public func readout(
        terms: [Float], logProbabilities: [Float], count: Int, scratch: inout Scratch,
        into output: inout [Float]
    ) {
        precondition(
            terms.count >= siteCount * count && logProbabilities.count >= count
                && output.count >= count, "readout: too few elements for \(count) candidates")
        for index in 0..<count { output[index] = 0 }
        guard readoutCount > 0, count > 0 else { return }
        if scratch.levels.count < count {
            let most = max(count, TokenLog.slotLimit)
            scratch.levels = [Float](repeating: 0, count: most)
            scratch.units = [Float](repeating: 0, count: 2 * most)
        }
        for index in 0..<count { scratch.levels[index] = Self.level(logProbabilities[index]) }
        for unit in 0..<readoutCount {
            let row = unit * (siteCount + 1)
            Self.activate(
                terms, weight: readoutWeight, row: row..<row + siteCount,
                level: readoutWeight[row + siteCount], levels: scratch.levels,
                context: scratch.context[unit], count: count, units: &scratch.units)
            Self.accumulate(
                scratch.units, weight: readoutOutput[unit], count: count, into: &output)
        }
    }

    /// ℓ of one log p0 in nats.
    public static func level(_ logProbability: Float) -> Float {
        max(lowestLogProbability, logProbability) * logProbabilityScale
    }

    /// ln(1 + eˣ).
    public static func softplus(_ x: Float) -> Float { max(x, 0) + log1pf(expf(-abs(x))) }

    /// y = W·x + b.
    private static func project(
        _ weight: [Float], _ x: [Float], _ bias: [Float], into y: inout [Float]
    ) {
        var output = y.mutableSpan
        MatrixKernels.multiply(weight.span, by: x.span, into: &output)
        VectorKernels.addScaled(bias.span, 1, to: &output)
    }

    private static func squash(_ x: inout [Float]) {
        var span = x.mutableSpan
        VectorKernels.tanh(&span)
    }

    /// units[0..<count] = tanh(A_u·(terms, ℓ) + context), units[count..<2·count] the same with
    /// terms of 0.
    private static func activate(
        _ terms: [Float], weight: [Float], row: Range<Int>, level: Float, levels: [Float],
        context: Float, count: Int, units: inout [Float]
    ) {
        var both = units.mutableSpan
        var used = both._mutatingExtracting(0..<2 * count)
        do {
            var active = used._mutatingExtracting(0..<count)
            MatrixKernels.multiplyTransposed(
                terms.span.extracting(0..<row.count * count),
                by: weight.span.extracting(row), into: &active)
        }
        for index in 0..<count {
            let resting = level * levels[index] + context
            used[index] += resting
            used[count + index] = resting
        }
        VectorKernels.tanh(&used)
    }

    private static func accumulate(
        _ units: [Float], weight: Float, count: Int, into output: inout [Float]
    ) {
        for index in 0..<count {
            output[index] += weight * (units[index] - units[count + index])
        }
    }
}
