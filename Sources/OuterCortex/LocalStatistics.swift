import Foundation
import Kernels

/// What a position looks like from within: the neuromodulator's inputs. Computed from the frozen
/// distribution, the sites' terms and what happened before in the same context; never from the
/// token that comes next.
struct LocalStatistics {
    /// The newest position's statistics, in the order that `compute` states; shape [count].
    private(set) var values: [Float] = []
    /// Argmax of z0.
    private(set) var frozenBest = 0
    /// p under every site at gain 1, and ln Σ exp of its logits.
    private(set) var ungated: [Float]
    private(set) var ungatedNormalizer: Float = 0
    /// z − z0 under every site at gain 1; shape [vocabulary].
    private(set) var ungatedShift: [Float]
    /// ln Σ exp(z0 + m_k) of each dense site; nil where it is silent.
    private var denseNormalizers: [Float?]
    private var averages: RunningAverages
    private var scratch: [Float]
    private let orders: Int

    init(vocabularySize: Int, orders: Int) {
        self.orders = orders
        ungated = [Float](repeating: 0, count: vocabularySize)
        ungatedShift = ungated
        scratch = ungated
        denseNormalizers = [Float?](repeating: nil, count: SiteIndex.episode)
        averages = RunningAverages(orders: orders)
    }

    /// F: 39 that there always are, 7 an order, and 1 a pair of neighbouring orders.
    static func count(orders: Int) -> Int { 39 + 7 * orders + max(0, orders - 1) }

    /// Begins a context: the running averages start again.
    mutating func startContext() { averages = RunningAverages(orders: orders) }

    /// - Parameters:
    ///   - logits, frozen, frozenNormalizer: z0, p0 and ln Σ exp z0.
    ///   - familiarity: counts of the latents at work.
    ///   - tokensLearned: by the engram so far.
    /// - Complexity: O(vocabulary) for each site that is not silent, an exponential each.
    mutating func compute(
        logits: Span<Float>, frozen: [Float], frozenNormalizer: Float, terms: SiteTerms,
        slice: FrozenSlice, row: Int, familiarity: [Int32], tokensLearned: Int, position: Int
    ) {
        terms.sum(gains: nil, into: &ungatedShift)
        ungatedNormalizer = VectorKernels.softmaxOfSum(logits, ungatedShift, into: &ungated)
        values.removeAll(keepingCapacity: true)
        appendDistributions(logits, frozen, frozenNormalizer)
        appendSequences(terms, frozen)
        appendDenseSites(terms, logits, frozen)
        appendEpisode(terms, frozen)
        let known = familiarWeight(slice, row, familiarity)
        averages.present(hits: terms.sequences.map { !$0.isEmpty }, familiarity: known.logarithmic)
        values += [
            known.logarithmic, known.seen, logf(1 + Float(tokensLearned)) * 0.2,
            logf(1 + Float(position)) * 0.2,
        ]
        values += averages.values
        for index in values.indices where !values[index].isFinite { values[index] = 0 }
    }

    /// Entropy and confidence of p0 and of the ungated p, and how far they are apart: 7.
    private mutating func appendDistributions(
        _ logits: Span<Float>, _ frozen: [Float], _ frozenNormalizer: Float
    ) {
        frozenBest = Self.argmax(frozen)
        let best = Self.argmax(ungated)
        let frozenEntropy = frozenNormalizer - VectorKernels.dot(frozen.span, logits)
        let moved = VectorKernels.dot(ungated.span, ungatedShift.span)
        let entropy = ungatedNormalizer - VectorKernels.dot(ungated.span, logits) - moved
        let divergence = max(0, moved - (ungatedNormalizer - frozenNormalizer))
        values += [
            frozenEntropy, frozen[frozenBest], entropy, ungated[best], logf(divergence + 1e-3),
            best == frozenBest ? 1 : 0, logits[best] - logits[frozenBest],
        ]
    }

    /// What each order of N knows here, 6 an order, and whether neighbouring orders agree.
    private mutating func appendSequences(_ terms: SiteTerms, _ frozen: [Float]) {
        var favourites: [Int32] = []
        for term in terms.sequences {
            var (total, largest, favourite) = (Float(0), Float(0), Int32(-1))
            for (token, weight) in zip(term.tokens, term.weights) {
                total += abs(weight)
                if favourite < 0 || weight > largest { (largest, favourite) = (weight, token) }
            }
            favourites.append(favourite)
            let isHit = favourite >= 0
            values += [
                isHit ? 1 : 0, logf(1 + total), largest, Float(term.tokens.count) / 12,
                Int(favourite) == frozenBest ? 1 : 0,
                isHit ? logf(frozen[Int(favourite)] + 1e-6) : 0,
            ]
        }
        for order in favourites.indices.dropFirst() {
            let agrees = favourites[order] >= 0 && favourites[order] == favourites[order - 1]
            values.append(agrees ? 1 : 0)
        }
    }

    /// Spread under p0, value at the frozen favourite, and agreement with it: 3 a dense site.
    private mutating func appendDenseSites(
        _ terms: SiteTerms, _ logits: Span<Float>, _ frozen: [Float]
    ) {
        for site in terms.dense.indices {
            let term = terms.dense[site]
            guard !term.isEmpty else {
                denseNormalizers[site] = nil
                values += [0, 0, 0]
                continue
            }
            let (mean, square) = VectorKernels.weightedMoments(term.span, weights: frozen.span)
            var output = scratch.mutableSpan
            let (peak, normalizer) = VectorKernels.peakAndLogSumExp(
                of: logits, plus: term.span, scratch: &output)
            denseNormalizers[site] = normalizer
            values += [
                logf(max(0, square - mean * mean).squareRoot() + 1e-2), term[frozenBest] - mean,
                logits[frozenBest] + term[frozenBest] >= peak ? 1 : 0,
            ]
        }
    }

    /// What the neighbours say: 6.
    private mutating func appendEpisode(_ terms: SiteTerms, _ frozen: [Float]) {
        let term = terms.episode
        var (largest, favourite) = (Float(0), Int32(-1))
        for (token, weight) in zip(term.tokens, term.weights)
        where favourite < 0 || weight > largest {
            (largest, favourite) = (weight, token)
        }
        guard favourite >= 0 else {
            values += [0, 0, 0, 0, 0, 0]
            return
        }
        let count = Float(terms.neighbours.count)
        values += [
            1, logf(1 + count), terms.neighbours.bestSimilarity, largest,
            Int(favourite) == frozenBest ? 1 : 0, logf(frozen[Int(favourite)] + 1e-6),
        ]
    }

    /// Σ f̂²·log(1 + count), and Σ f̂² over latents that were at work before.
    private func familiarWeight(
        _ slice: FrozenSlice, _ row: Int, _ familiarity: [Int32]
    ) -> (logarithmic: Float, seen: Float) {
        guard !familiarity.isEmpty else { return (0, 0) }
        var (logarithmic, seen) = (Float(0), Float(0))
        for (latent, value) in zip(slice.latents(row), slice.values(row)) {
            let count = familiarity[Int(latent)]
            logarithmic += value * value * logf(1 + Float(count))
            seen += count > 0 ? value * value : 0
        }
        return (logarithmic, seen)
    }

    /// Learns how useful each site would have been alone for the token that came.
    mutating func settle(
        target: Int, logits: Span<Float>, frozenNormalizer: Float, frozen: [Float],
        terms: SiteTerms
    ) {
        let frozenLoss = frozenNormalizer - logits[target]
        func gain(_ normalizer: Float, _ term: Float) -> Float {
            frozenLoss - (normalizer - logits[target] - term)
        }
        var gains: [Float] = terms.dense.indices.map { site in
            denseNormalizers[site].map { gain($0, terms.dense[site][target]) } ?? 0
        }
        gains.append(Self.sparseGain([terms.episode], target: target, frozen: frozen))
        gains.append(Self.sparseGain(terms.sequences, target: target, frozen: frozen))
        averages.settle(
            siteGains: gains, jointGain: gain(ungatedNormalizer, ungatedShift[target]),
            frozenLoss: frozenLoss)
    }

    /// −ln p0(y) minus the loss under p0·exp(m)/Z, with Z = 1 + Σ p0_j(exp(m_j) − 1).
    private static func sparseGain(
        _ terms: [SparseTerm], target: Int, frozen: [Float]
    ) -> Float {
        var sums: [Int32: Float] = [:]
        for term in terms {
            for (token, weight) in zip(term.tokens, term.weights) {
                sums[token, default: 0] += weight
            }
        }
        guard !sums.isEmpty else { return 0 }
        var (total, targetSum) = (Float(1), Float(0))
        // In the order of the terms, since a dictionary's own differs from run to run.
        for token in terms.flatMap(\.tokens) {
            guard let sum = sums.removeValue(forKey: token) else { continue }
            total += frozen[Int(token)] * (expf(min(sum, 80)) - 1)
            if Int(token) == target { targetSum = sum }
        }
        return targetSum - logf(max(total, 1e-30))
    }

    private static func argmax(_ values: [Float]) -> Int {
        let peak = VectorKernels.maximum(values.span)
        return values.firstIndex(of: peak) ?? 0
    }
}

/// Exponential averages over the context so far.
struct RunningAverages {
    /// Of each dense site, the episodes and N alone: frozen loss − loss, nats, clipped at ±2.
    private var siteGains = [Float](repeating: 0, count: SiteIndex.episode + 2)
    /// Of all at gain 1, clipped at ±3, over 32 and over 10 tokens.
    private var jointGain: Float = 0
    private var jointGainShort: Float = 0
    private var hits: [Float]
    private var frozenLoss: Float = 0
    private var familiarity: Float = 0
    private var newestHits: [Bool] = []
    private var newestFamiliarity: Float = 0

    private static let share: Float = 1.0 / 32

    init(orders: Int) { hits = [Float](repeating: 0, count: orders) }

    var values: [Float] {
        siteGains + [jointGain, jointGainShort] + hits + [frozenLoss, familiarity]
    }

    mutating func present(hits: [Bool], familiarity: Float) {
        (newestHits, newestFamiliarity) = (hits, familiarity)
    }

    mutating func settle(siteGains gains: [Float], jointGain gain: Float, frozenLoss loss: Float) {
        func move(
            _ average: inout Float, _ value: Float, limit: Float, share: Float = Self.share
        ) {
            let bounded = value.isFinite ? max(-limit, min(limit, value)) : 0
            average += share * (bounded - average)
        }
        for index in siteGains.indices { move(&siteGains[index], gains[index], limit: 2) }
        move(&jointGain, gain, limit: 3)
        move(&jointGainShort, gain, limit: 3, share: 0.1)
        for order in hits.indices where order < newestHits.count {
            move(&hits[order], newestHits[order] ? 1 : 0, limit: 1)
        }
        move(&frozenLoss, loss, limit: 10)
        move(&familiarity, newestFamiliarity, limit: 20)
    }
}
