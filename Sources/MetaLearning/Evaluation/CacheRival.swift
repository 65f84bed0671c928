import Foundation
import InnerCortex
import Kernels
import ModelFormats
import OuterCortex

/// What a researcher would try first: a mixture of the frozen core with what the user wrote,
///
///     p = (1−λ)·p0 + λ·p_cache,
///
/// unbounded in memory, and p0 while the cache is empty. It remembers every position it observes
/// and keeps them for the next session. It has no safe zone.
struct CacheRival: UserModel {
    enum Kind: Sendable, Equatable {
        /// p_cache(y) = Σ_i w_i·1[y_i = y] / Σ_i w_i, w_i = exp(θ·h·h_i/mean ‖h‖²), over the dense
        /// normed hidden states h_i of all remembered positions (Grave et al. 2016). The mean runs
        /// over those positions.
        case neural(sharpness: Float, share: Double)
        /// p_cache(y) = how often y was observed, of all tokens observed (Kuhn and De Mori 1990).
        case unigram(share: Double)
    }

    /// θ and λ by the best sum of stream and next-session gain of the shipped core on six tuning
    /// users, one a package (coordinate search in factors of 1.5; its neighbours lose 1 to 3
    /// points of that sum). λ .225 streams 1.4 points worse and keeps .4 more.
    static let neural = Kind.neural(sharpness: 22.5, share: 0.3375)
    /// λ chosen in the same way.
    static let unigram = Kind.unigram(share: 1.0 / 30)

    let cortex: Cortex
    let kind: Kind
    /// The tokens of all remembered positions, in their order.
    private var tokens: [Int32] = []
    /// h of the same, shape [tokens, hidden]; empty for the unigram cache.
    private var hidden: [Float] = []
    /// How often each token was observed; shape [vocabulary].
    private var counts: [Int32]
    /// Σ ‖h‖² over what is remembered.
    private var squaredNorms = 0.0

    init(cortex: Cortex, kind: Kind) {
        self.cortex = cortex
        self.kind = kind
        counts = [Int32](repeating: 0, count: cortex.inner.config.vocabularySize)
    }

    mutating func observe(_ text: [TokenID]) -> TextCost {
        var cost = TextCost()
        var copy = self
        cortex.readFrozen(text) { states in
            cost.add(copy.costs(of: states, remembering: true))
        }
        self = copy
        return cost
    }

    func score(_ text: [TokenID]) -> [TokenCost] {
        var costs: [TokenCost] = []
        var copy = self
        cortex.readFrozen(text) { states in
            costs += copy.costs(of: states, remembering: false)
        }
        return costs
    }

    func saved() -> CacheRival { self }

    /// Single-precision states and a token each; the unigram cache: a token and a count each.
    func savedBytes() -> Int {
        switch kind {
        case .neural: 4 * (tokens.count + hidden.count)
        case .unigram: 8 * counts.count { $0 > 0 }
        }
    }

    /// Each target's cost from what came before it, remembering it or not.
    private mutating func costs(of states: FrozenStates, remembering: Bool) -> [TokenCost] {
        switch kind {
        case .neural(let sharpness, let share):
            neuralCosts(states, sharpness: sharpness, share: share, remembering: remembering)
        case .unigram(let share):
            states.targets.indices.map { row in
                let target = Int(states.targets[row])
                let cached = Double(counts[target]) / Double(max(1, tokens.count))
                let cost = Self.mixed(
                    states.losses[row], with: tokens.isEmpty ? nil : cached, share: share)
                if remembering {
                    counts[target] += 1
                    tokens.append(states.targets[row])
                }
                return cost
            }
        }
    }

    /// - Complexity: O(positions · remembered · hidden).
    private mutating func neuralCosts(
        _ states: FrozenStates, sharpness: Float, share: Double, remembering: Bool
    ) -> [TokenCost] {
        let size = cortex.inner.config.hiddenSize
        let rows = states.targets.count
        let before = tokens.count
        if remembering {
            tokens += states.targets
            hidden += states.hidden
            squaredNorms += states.hidden.reduce(0) { $0 + Double($1) * Double($1) }
        }
        let stored = tokens.count
        let scale = Float(Double(sharpness) * Double(stored) / max(squaredNorms, 1e-30))
        // All products at once; a row then uses those of the positions before it alone.
        var similarity = [Float](repeating: 0, count: rows * stored)
        let (keys, queries) = (hidden, states.hidden)
        do {
            var output = similarity.mutableSpan
            BLAS.multiply(
                a: queries.span, b: keys.span, m: rows, k: size, n: stored, transposeB: true,
                alpha: scale, into: &output)
        }
        return (0..<rows).map { row in
            let count = remembering ? before + row : before
            guard count > 0 else { return Self.mixed(states.losses[row], with: nil, share: share) }
            var weights = [Float](repeating: 0, count: count)
            do {
                var output = weights.mutableSpan
                _ = VectorKernels.softmax(
                    similarity.span.extracting(row * stored..<row * stored + count), into: &output)
            }
            var cached: Float = 0
            for index in 0..<count where tokens[index] == states.targets[row] {
                cached += weights[index]
            }
            return Self.mixed(states.losses[row], with: Double(cached), share: share)
        }
    }

    /// - Parameters:
    ///   - loss: −ln p0, nats.
    ///   - cached: p_cache; nil for an empty cache.
    private static func mixed(_ loss: Double, with cached: Double?, share: Double) -> TokenCost {
        let frozen = loss / log(2)
        guard let cached else { return TokenCost(frozen: frozen, adapted: frozen) }
        // Without a vote of the cache the loss is exact however small p0 is.
        let adapted =
            cached > 0
            ? -log2((1 - share) * exp(-loss) + share * cached) : frozen - log2(1 - share)
        return TokenCost(frozen: frozen, adapted: adapted)
    }
}
