import Foundation
import Kernels

/// The tokens in question at one position, and what each site says of them: what the nonlinear
/// readout corrects. Its training sees exactly the same ones.
struct CandidateTokens {
    /// The most candidates of a position.
    static let limit = 94
    /// Tokens above this under p0 or under all sites at gain 1, and those that N holds dear.
    private static let threshold: Float = 1e-4
    private static let sequenceThreshold: Float = 0.3

    private(set) var tokens: [Int32] = []
    /// log p0, shape [count].
    private(set) var logProbabilities: [Float] = []
    /// Terms, shape [sites, count]; gated or not, as gathered.
    private(set) var terms: [Float] = []
    /// Place of each token in `tokens` plus 1, 0 for the others; shape [vocabulary].
    private var place: [Int32]
    /// Places above the threshold, and the greater of the two probabilities there.
    private var likely: [Int32]
    private var probabilities: [Float] = []
    /// Σ weights of N's targets, shape [vocabulary]; 0 between look-ups.
    private var sums: [Float]

    init(vocabularySize: Int, orders: Int) {
        place = [Int32](repeating: 0, count: vocabularySize)
        sums = [Float](repeating: 0, count: vocabularySize)
        // Two distributions have no more tokens above the threshold.
        likely = [Int32](
            repeating: 0, count: min(vocabularySize, Int((2 / Self.threshold).rounded(.up)) + 1))
        probabilities.reserveCapacity(likely.count)
        tokens.reserveCapacity(TokenLog.slotLimit)
        logProbabilities.reserveCapacity(TokenLog.slotLimit)
        terms.reserveCapacity(SiteIndex.count(orders: orders) * TokenLog.slotLimit)
    }

    /// N's own first, then the likeliest: where they are too many, the threshold rises by quarters
    /// until they fit.
    /// - Complexity: O(vocabulary); allocates nothing.
    mutating func select(frozen: [Float], ungated: [Float], terms: SiteTerms) {
        for token in tokens { place[Int(token)] = 0 }
        tokens.removeAll(keepingCapacity: true)
        selectSequences(terms)
        var count: Int
        do {
            var places = likely.mutableSpan
            count = VectorKernels.places(
                in: frozen.span, or: ungated.span, above: Self.threshold, into: &places)
        }
        probabilities.removeAll(keepingCapacity: true)
        for index in 0..<count where place[Int(likely[index])] == 0 {
            let token = Int(likely[index])
            likely[probabilities.count] = likely[index]
            probabilities.append(max(frozen[token], ungated[token]))
        }
        count = probabilities.count
        var threshold = Self.threshold
        while tokens.count + count > Self.limit {
            threshold *= 1.25
            var kept = 0
            for index in 0..<count where probabilities[index] > threshold {
                likely[kept] = likely[index]
                probabilities[kept] = probabilities[index]
                kept += 1
            }
            count = kept
        }
        for index in 0..<count { append(likely[index]) }
    }

    private mutating func selectSequences(_ terms: SiteTerms) {
        for term in terms.sequences {
            for index in term.tokens.indices {
                sums[Int(term.tokens[index])] += term.weights[index]
            }
        }
        for term in terms.sequences {
            for token in term.tokens
            where tokens.count < Self.limit && place[Int(token)] == 0
                && sums[Int(token)] > Self.sequenceThreshold
            {
                append(token)
            }
        }
        for term in terms.sequences {
            for token in term.tokens { sums[Int(token)] = 0 }
        }
    }

    func contains(_ token: Int32) -> Bool { place[Int(token)] > 0 }

    /// The most that the readout may add to the logit of one of `tokens`, at least 0: what the
    /// gathered terms say for it, and half of what they say against it.
    /// - Complexity: O(sites).
    func correctionLimit(at index: Int) -> Float {
        var limit: Float = 0
        for place in stride(from: index, to: terms.count, by: tokens.count) {
            limit += max(terms[place], -terms[place] / 2)
        }
        return limit
    }

    private mutating func append(_ token: Int32) {
        tokens.append(token)
        place[Int(token)] = Int32(tokens.count)
    }

    /// Takes these tokens in place of those selected.
    mutating func set(tokens: [Int32]) {
        for token in self.tokens { place[Int(token)] = 0 }
        self.tokens.removeAll(keepingCapacity: true)
        for token in tokens { append(token) }
    }

    /// Collects log p0 and the terms of the selected tokens.
    /// - Parameter gains: to multiply each site's term with; nil for 1 each.
    mutating func gather(
        terms source: SiteTerms, gains: [Float]?, logits: Span<Float>, normalizer: Float
    ) {
        let count = tokens.count
        let sites = SiteIndex.count(orders: source.sequences.count)
        logProbabilities.removeAll(keepingCapacity: true)
        for token in tokens { logProbabilities.append(logits[Int(token)] - normalizer) }
        terms.removeAll(keepingCapacity: true)
        terms.append(contentsOf: repeatElement(0, count: sites * count))
        for site in source.dense.indices where !source.dense[site].isEmpty {
            let gain = gains?[site] ?? 1
            for index in 0..<count {
                terms[site * count + index] = gain * source.dense[site][Int(tokens[index])]
            }
        }
        func add(_ term: SparseTerm, _ site: Int) {
            let gain = gains?[site] ?? 1
            for (token, weight) in zip(term.tokens, term.weights) {
                let index = place[Int(token)]
                if index > 0 { terms[site * count + Int(index) - 1] += gain * weight }
            }
        }
        add(source.episode, SiteIndex.episode)
        for order in source.sequences.indices {
            add(source.sequences[order], SiteIndex.firstSequence + order)
        }
    }
}
