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
    /// Scratch: the strongest target of each order, −1 where there is none.
    private var favourites: [Int32] = []
    /// Scratch: how useful each site would have been.
    private var gains: [Float] = []
    /// Scratch: Σ of sparse terms, shape [vocabulary]; 0 between calls.
    private var sums: [Float]
    private let orders: Int

    init(vocabularySize: Int, orders: Int) {
        self.orders = orders
        ungated = [Float](repeating: 0, count: vocabularySize)
        ungatedShift = ungated
        scratch = ungated
        sums = ungated
        values.reserveCapacity(Self.count(orders: orders))
        favourites.reserveCapacity(orders)
        gains.reserveCapacity(SiteIndex.episode + 2)
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
        averages.present(terms.sequences, familiarity: known.logarithmic)
        append(known.logarithmic, known.seen)
        append(logf(1 + Float(tokensLearned)) * 0.2, logf(1 + Float(position)) * 0.2)
        averages.append(to: &values)
        for index in values.indices where !values[index].isFinite { values[index] = 0 }
    }

    private mutating func append(_ first: Float, _ second: Float) {
        values.append(first)
        values.append(second)
    }

    private mutating func append(_ first: Float, _ second: Float, _ third: Float) {
        append(first, second)
        values.append(third)
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
        append(frozenEntropy, frozen[frozenBest])
        append(entropy, ungated[best], logf(divergence + 1e-3))
        append(best == frozenBest ? 1 : 0, logits[best] - logits[frozenBest])
    }

    /// What each order of N knows here, 6 an order, and whether neighbouring orders agree.
    private mutating func appendSequences(_ terms: SiteTerms, _ frozen: [Float]) {
        favourites.removeAll(keepingCapacity: true)
        for term in terms.sequences {
            var (total, largest, favourite) = (Float(0), Float(0), Int32(-1))
            for (token, weight) in zip(term.tokens, term.weights) {
                total += abs(weight)
                if favourite < 0 || weight > largest { (largest, favourite) = (weight, token) }
            }
            favourites.append(favourite)
            let isHit = favourite >= 0
            append(isHit ? 1 : 0, logf(1 + total), largest)
            append(Float(term.tokens.count) / 12, Int(favourite) == frozenBest ? 1 : 0)
            values.append(isHit ? logf(frozen[Int(favourite)] + 1e-6) : 0)
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
                append(0, 0, 0)
                continue
            }
            let (mean, square) = VectorKernels.weightedMoments(term.span, weights: frozen.span)
            var output = scratch.mutableSpan
            let (peak, normalizer) = VectorKernels.peakAndLogSumExp(
                of: logits, plus: term.span, scratch: &output)
            denseNormalizers[site] = normalizer
            append(
                logf(max(0, square - mean * mean).squareRoot() + 1e-2), term[frozenBest] - mean,
                logits[frozenBest] + term[frozenBest] >= peak ? 1 : 0)
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
            append(0, 0, 0)
            append(0, 0, 0)
            return
        }
        let count = Float(terms.neighbours.count)
        append(1, logf(1 + count), terms.neighbours.bestSimilarity)
        append(
            largest, Int(favourite) == frozenBest ? 1 : 0, logf(frozen[Int(favourite)] + 1e-6))
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
        gains.removeAll(keepingCapacity: true)
        for site in terms.dense.indices {
            gains.append(denseNormalizers[site].map { gain($0, terms.dense[site][target]) } ?? 0)
        }
        add(terms.episode)
        gains.append(sparseGain(CollectionOfOne(terms.episode), target: target, frozen: frozen))
        for term in terms.sequences { add(term) }
        gains.append(sparseGain(terms.sequences, target: target, frozen: frozen))
        averages.settle(
            siteGains: gains, jointGain: gain(ungatedNormalizer, ungatedShift[target]),
            frozenLoss: frozenLoss)
    }

    private mutating func add(_ term: SparseTerm) {
        for index in term.tokens.indices { sums[Int(term.tokens[index])] += term.weights[index] }
    }

    /// −ln p0(y) minus the loss under p0·exp(m)/Z, with Z = 1 + Σ p0_j(exp(m_j) − 1); m is in `sums`,
    /// which are 0 again afterwards.
    private mutating func sparseGain(
        _ terms: some Collection<SparseTerm>, target: Int, frozen: [Float]
    ) -> Float {
        guard terms.contains(where: { !$0.isEmpty }) else { return 0 }
        let targetSum = sums[target]
        var total: Float = 1
        for term in terms {
            // A token of several terms counts where it is met first.
            for token in term.tokens {
                total += frozen[Int(token)] * (expf(min(sums[Int(token)], 80)) - 1)
                sums[Int(token)] = 0
            }
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
    private var newestHits: [Bool]
    private var newestFamiliarity: Float = 0

    private static let share: Float = 1.0 / 32

    init(orders: Int) {
        hits = [Float](repeating: 0, count: orders)
        newestHits = [Bool](repeating: false, count: orders)
    }

    func append(to values: inout [Float]) {
        values += siteGains
        values.append(jointGain)
        values.append(jointGainShort)
        values += hits
        values.append(frozenLoss)
        values.append(familiarity)
    }

    mutating func present(_ sequences: [SparseTerm], familiarity: Float) {
        for order in newestHits.indices { newestHits[order] = !sequences[order].isEmpty }
        newestFamiliarity = familiarity
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
        for order in hits.indices {
            move(&hits[order], newestHits[order] ? 1 : 0, limit: 1)
        }
        move(&frozenLoss, loss, limit: 10)
        move(&familiarity, newestFamiliarity, limit: 20)
    }
}
