import Kernels
import ModelFormats

/// Fits what sites say after the last block onto a delta of the unembedding: the delta of rank r
/// that is nearest to their terms over some positions,
///
///     min_{B,A} Σ_t ‖s_t − B·A·h_t‖² + λ‖B·A‖²
///
/// with h the final hidden states and s what the personal model adds to the log-probabilities
/// (reduced-rank ridge regression, Mukherjee and Zhu 2011). With S = Σ h·hᵀ + λI = L·Lᵀ and
/// G = Σ h·sᵀ it is the best rank-r approximation of L⁻¹·G, taken back by L⁻ᵀ.
///
/// It can say what depends on h linearly, such as biases and synapses of features that are much at
/// work; not what depends on the last tokens' identities.
struct HeadRegression {
    private let hidden: Int
    private let vocabulary: Int
    /// S without λ, shape [hidden, hidden]; and G, shape [hidden, vocabulary].
    private var gram: [Float]
    private var cross: [Float]
    private(set) var count = 0

    /// λ, in units of the mean of S's diagonal.
    private static let ridge = 0.1
    /// G takes this many numbers at most (256 MB); larger cores are not fitted.
    private static let sizeLimit = 64_000_000

    init?(hidden: Int, vocabulary: Int) {
        guard hidden * vocabulary <= Self.sizeLimit else { return nil }
        self.hidden = hidden
        self.vocabulary = vocabulary
        gram = [Float](repeating: 0, count: hidden * hidden)
        cross = [Float](repeating: 0, count: hidden * vocabulary)
    }

    /// Takes some positions in.
    /// - Parameters:
    ///   - states: h, shape [count, hidden].
    ///   - shifts: s, shape [count, vocabulary].
    mutating func add(states: [Float], shifts: [Float]) {
        let rows = states.count / hidden
        Self.accumulate(states, states, rows, hidden, hidden, into: &gram)
        Self.accumulate(states, shifts, rows, hidden, vocabulary, into: &cross)
        count += rows
    }

    private static func accumulate(
        _ a: [Float], _ b: [Float], _ rows: Int, _ m: Int, _ n: Int, into sum: inout [Float]
    ) {
        var all = sum.mutableSpan
        BLAS.multiply(
            a: a.span, b: b.span, m: m, k: rows, n: n, transposeA: true, beta: 1, into: &all)
    }

    /// The delta; nil where there is nothing to fit.
    /// - Complexity: O(hidden²·vocabulary).
    func delta(rank: Int) -> LowRankDelta? {
        let trace = (0..<hidden).reduce(0.0) { $0 + Double(gram[$1 * hidden + $1]) }
        guard count > 0, trace > 0 else { return nil }
        var matrix = gram.map(Double.init)
        for index in 0..<hidden {
            matrix[index * hidden + index] += Self.ridge * trace / Double(hidden)
        }
        guard let factor = CholeskyFactor(matrix, size: hidden) else { return nil }
        var whitened = cross
        factor.solveLower(&whitened, columns: vocabulary)
        let best = LowRankFactors(whitened, rows: hidden, columns: vocabulary, rank: rank)
        guard best.rank > 0 else { return nil }
        var left = best.left
        factor.solveUpper(&left, columns: best.rank)
        return LowRankDelta(
            inputs: hidden, outputs: vocabulary, rank: best.rank,
            a: Self.transposed(left, hidden, best.rank),
            b: Self.transposed(best.right, best.rank, vocabulary))
    }

    private static func transposed(_ matrix: [Float], _ rows: Int, _ columns: Int) -> [Float] {
        var result = [Float](repeating: 0, count: matrix.count)
        for row in 0..<rows {
            for column in 0..<columns {
                result[column * rows + row] = matrix[row * columns + column]
            }
        }
        return result
    }
}
