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
    private var place: [Int32] = []
    private var likely: [(token: Int32, probability: Float)] = []

    /// N's own first, then the likeliest: where they are too many, the threshold rises by quarters
    /// until they fit.
    /// - Complexity: O(vocabulary).
    mutating func select(frozen: [Float], ungated: [Float], terms: SiteTerms) {
        if place.count != frozen.count { place = [Int32](repeating: 0, count: frozen.count) }
        for token in tokens { place[Int(token)] = 0 }
        tokens.removeAll(keepingCapacity: true)
        var sums: [Int32: Float] = [:]
        for term in terms.sequences {
            for (token, weight) in zip(term.tokens, term.weights) {
                sums[token, default: 0] += weight
            }
        }
        for token in terms.sequences.flatMap(\.tokens)
        where tokens.count < Self.limit && !contains(token)
            && sums[token, default: 0] > Self.sequenceThreshold
        {
            append(token)
        }
        likely.removeAll(keepingCapacity: true)
        let (p0, p) = (frozen.span, ungated.span)
        for token in p0.indices {
            let probability = max(p0[token], p[token])
            if probability > Self.threshold, place[token] == 0 {
                likely.append((Int32(token), probability))
            }
        }
        var threshold = Self.threshold
        while tokens.count + likely.count > Self.limit {
            threshold *= 1.25
            likely.removeAll { $0.probability <= threshold }
        }
        for (token, _) in likely { append(token) }
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
        if terms.count == sites * count {
            for index in terms.indices { terms[index] = 0 }
        } else {
            terms = [Float](repeating: 0, count: sites * count)
        }
        for site in source.dense.indices where !source.dense[site].isEmpty {
            let gain = gains?[site] ?? 1
            let term = source.dense[site]
            for (index, token) in tokens.enumerated() {
                terms[site * count + index] = gain * term[Int(token)]
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
