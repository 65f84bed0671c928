import Kernels
import OuterCortex

/// Logged tokens that a neuromodulator is trained on: at each, the statistics, and what every
/// plastic site would have said of the tokens in question.
///
/// Candidates have their own number at each token. Slot 0 is the token that came; the slots after
/// it stand for the remainder, all tokens that are no candidates: a few of them, each with its
/// share of their frozen probability and without a readout; the rest are candidates. So frozen
/// probabilities of a token's slots add up to 1.
///
/// Memory a token: 4·F + (4 + 2·K)·slots bytes. 100,000 tokens of 86 statistics with 11 sites and
/// 111 slots, the most, are 323 MB.
public struct NeuromodulatorDataset: Sendable {
    /// Where a token stood; what is wanted there differs.
    public enum Kind: UInt8, Sendable, CaseIterable, Codable {
        /// The user's own text while it is learned.
        case stream
        /// The user's own text that follows, without learning.
        case next
        /// The user's next session, with the saved engram, learning.
        case second
        /// Text of others, with the user's engram loaded: here the sites should be still.
        case foreign

        /// Share of the loss when foreign text has weight 1.
        var weight: Float { self == .second ? 0.5 : 1 }
    }

    /// The greatest number of slots of a token: what a token log has at most.
    public static let slotLimit = TokenLog.slotLimit
    /// Terms are clipped here, in logits: past it a softmax is settled, and half precision ends at
    /// 65,504.
    public static let termLimit: Float = 1000
    /// The place of the token that came.
    public static let targetSlot = 0

    /// F.
    public let statisticCount: Int
    /// K.
    public let siteCount: Int
    /// Shape [count].
    public private(set) var kinds: [Kind] = []
    /// Whether the token that came is a candidate, which the readout may move; shape [count].
    private(set) var areCandidates: [Bool] = []
    /// How many slots of each are the remainder's; shape [count].
    private(set) var remainders: [Int] = []
    /// Shape [count, F].
    private(set) var statistics: [Float] = []
    /// Token i has the slots offsets[i]..<offsets[i + 1].
    private(set) var offsets: [Int] = [0]
    /// Shape [slots], log p0 in nats. In single precision: the rounding of a half would change
    /// what the probabilities add up to.
    private(set) var logProbabilities: [Float] = []
    /// Shape [token][K, candidates], logits at gain 1, in half precision.
    private(set) var terms: [Float16] = []

    public var count: Int { kinds.count }

    public init(statisticCount: Int, siteCount: Int) {
        precondition(statisticCount > 0 && siteCount > 0)
        self.statisticCount = statisticCount
        self.siteCount = siteCount
    }

    /// Adds one token.
    ///
    /// - Parameters:
    ///   - isCandidate: whether the readout speaks of the token that came.
    ///   - remainders: how many slots after the first are the remainder's.
    ///   - statistics: shape [F], finite.
    ///   - logProbabilities: log p0 of each slot, nats, at most 0, finite.
    ///   - terms: m, shape [K, candidates], k-major, logits at gain 1, not NaN; clipped at
    ///     ±`termLimit`.
    /// - Precondition: the shapes agree; 2 to `slotLimit` slots; the numbers are as stated. A
    ///   log with a NaN in it comes from learning that has diverged, and would spoil all of the
    ///   training.
    public mutating func append(
        kind: Kind, isCandidate: Bool, remainders: Int, statistics: [Float],
        logProbabilities: [Float], terms: [Float]
    ) {
        let slots = logProbabilities.count
        precondition(
            statistics.count == statisticCount && terms.count == siteCount * slots
                && (2...Self.slotLimit).contains(slots)
                && (0..<slots).contains(remainders), "append: the shapes do not agree")
        precondition(
            VectorKernels.isFinite(statistics.span)
                && VectorKernels.isFinite(logProbabilities.span), "append: not finite")
        kinds.append(kind)
        areCandidates.append(isCandidate)
        self.remainders.append(remainders)
        self.statistics += statistics
        self.logProbabilities += logProbabilities
        for term in terms {
            precondition(!term.isNaN, "append: a term is NaN")
            self.terms.append(Float16(min(Self.termLimit, max(-Self.termLimit, term))))
        }
        offsets.append(offsets[offsets.count - 1] + slots)
    }

    /// Adds all tokens of another log, for logs made in parallel.
    /// - Precondition: both have the same numbers of statistics and sites.
    public mutating func append(contentsOf other: NeuromodulatorDataset) {
        precondition(
            other.statisticCount == statisticCount && other.siteCount == siteCount,
            "append: logs of different shape")
        let shift = offsets[offsets.count - 1]
        kinds += other.kinds
        areCandidates += other.areCandidates
        remainders += other.remainders
        statistics += other.statistics
        logProbabilities += other.logProbabilities
        terms += other.terms
        offsets += other.offsets.dropFirst().map { $0 + shift }
    }

    /// Tokens of each kind.
    public var counts: [Kind: Int] {
        kinds.reduce(into: [:]) { $0[$1, default: 0] += 1 }
    }

    /// The weight of each token in the loss: that of its kind over the number of its kind, times
    /// count/3, so that the mean weight stays about 1 whatever the mixture.
    ///
    /// - Parameter foreign: λ, the weight of all foreign text against all of the stream.
    /// - Returns: shape [count].
    func weights(foreign: Float) -> [Float] {
        let counts = counts
        let scale = Float(count) / 3
        var byKind: [Kind: Float] = [:]
        for (kind, tokens) in counts {
            byKind[kind] = (kind == .foreign ? foreign : kind.weight) / Float(tokens) * scale
        }
        return kinds.map { byKind[$0] ?? 0 }
    }

    /// Mean and 1/standard deviation of each statistic over all tokens, shape [F] both. A
    /// statistic that hardly varies (deviation under 1e-3) says nothing: its inverse is 1e-3.
    func standardization() -> (mean: [Float], inverseDeviation: [Float]) {
        var sums = [Double](repeating: 0, count: statisticCount)
        for index in statistics.indices {
            sums[index % statisticCount] += Double(statistics[index])
        }
        let means = sums.map { $0 / Double(max(1, count)) }
        var squares = [Double](repeating: 0, count: statisticCount)
        for index in statistics.indices {
            let column = index % statisticCount
            let distance = Double(statistics[index]) - means[column]
            squares[column] += distance * distance
        }
        let inverse = squares.map { square -> Float in
            let deviation = (square / Double(max(1, count))).squareRoot()
            return deviation < 1e-3 ? 1e-3 : Float(1 / deviation)
        }
        return (means.map { Float($0) }, inverse)
    }
}
