import Engrams
import Foundation

/// The remembered positions that speak at the present one; scratch of one stream.
struct Neighbourhood {
    /// Tokens that followed a neighbour, each once, in the order in which they were met.
    private(set) var tokens: [Int32] = []
    /// p_E beside them.
    private(set) var probabilities: [Float] = []
    /// The largest cosine; 0 without neighbours.
    private(set) var bestSimilarity: Float = 0
    /// The cosine of each.
    private var similarities: [Float] = []
    private var search = EpisodicMemory.Search()
    /// Place of each token in `tokens` plus 1, 0 for the others; shape [vocabulary].
    private var placeOfToken: [Int32]

    init(vocabularySize: Int) { placeOfToken = [Int32](repeating: 0, count: vocabularySize) }

    /// How many neighbours there are.
    var count: Int { search.places.count }

    /// Finds the episodes that share enough of the position's strongest latents, and how they vote.
    /// - Parameter key: of the position, norm 1, shape [keySize].
    /// - Complexity: O(entries of its latents + neighbours·key); allocates only for more neighbours
    ///   than ever before.
    mutating func find(
        in memory: EpisodicMemory, latents: ArraySlice<Int32>, values: ArraySlice<Float>,
        key: Span<Float>, rule: EpisodeRule
    ) {
        search.run(
            in: memory, latents: latents, values: values, atMost: rule.indexedLatents,
            enough: UInt8(rule.sharedLatents))
        similarities.removeAll(keepingCapacity: true)
        similarities += repeatElement(0, count: search.places.count)
        memory.similarities(at: search.places, to: key, into: &similarities)
        for token in tokens { placeOfToken[Int(token)] = 0 }
        tokens.removeAll(keepingCapacity: true)
        probabilities.removeAll(keepingCapacity: true)
        bestSimilarity = similarities.max() ?? 0
        var total: Float = 0
        for index in similarities.indices {
            let vote = expf(rule.sharpness * (similarities[index] - bestSimilarity))
            total += vote
            let token = memory.token(at: Int(search.places[index]))
            let known = placeOfToken[Int(token)]
            if known > 0 {
                probabilities[Int(known) - 1] += vote
            } else {
                tokens.append(token)
                placeOfToken[Int(token)] = Int32(tokens.count)
                probabilities.append(vote)
            }
        }
        for index in probabilities.indices { probabilities[index] /= total }
    }

    /// κ.
    func strength(_ rule: EpisodeRule) -> Float {
        rule.strength * expf(rule.confidence * (bestSimilarity - 1))
    }
}
