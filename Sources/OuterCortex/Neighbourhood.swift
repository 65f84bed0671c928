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
    /// Their places in the memory, and the cosine of each.
    private var places: [Int32] = []
    private var similarities: [Float] = []
    /// By place: how many of the position's latents it shares; 0 between look-ups.
    private var shared: [UInt8] = []
    private var touched: [Int32] = []
    private var indexOfToken: [Int32: Int] = [:]

    /// How many neighbours there are.
    var count: Int { places.count }

    /// Finds the episodes that share enough of the position's strongest latents, and how they vote.
    /// - Parameter key: of the position, norm 1, shape [keySize].
    /// - Complexity: O(entries of its latents + neighbours·key).
    mutating func find(
        in memory: EpisodicMemory, latents: ArraySlice<Int32>, values: ArraySlice<Float>,
        key: ArraySlice<Float>, rule: EpisodeRule
    ) {
        collect(memory, latents, values, rule)
        similarities.removeAll(keepingCapacity: true)
        similarities += repeatElement(0, count: places.count)
        memory.similarities(at: places, to: Array(key), into: &similarities)
        tokens.removeAll(keepingCapacity: true)
        probabilities.removeAll(keepingCapacity: true)
        indexOfToken.removeAll(keepingCapacity: true)
        bestSimilarity = similarities.max() ?? 0
        var total: Float = 0
        for (place, similarity) in zip(places, similarities) {
            let vote = expf(rule.sharpness * (similarity - bestSimilarity))
            total += vote
            let token = memory.token(at: Int(place))
            if let index = indexOfToken[token] {
                probabilities[index] += vote
            } else {
                indexOfToken[token] = tokens.count
                tokens.append(token)
                probabilities.append(vote)
            }
        }
        for index in probabilities.indices { probabilities[index] /= total }
    }

    /// κ.
    func strength(_ rule: EpisodeRule) -> Float {
        rule.strength * expf(rule.confidence * (bestSimilarity - 1))
    }

    private mutating func collect(
        _ memory: EpisodicMemory, _ latents: ArraySlice<Int32>, _ values: ArraySlice<Float>,
        _ rule: EpisodeRule
    ) {
        places.removeAll(keepingCapacity: true)
        if shared.count < memory.count {
            shared += repeatElement(0, count: memory.count - shared.count)
        }
        let active = zip(latents, values).prefix(rule.indexedLatents).filter { $0.1 > 0 }
        Self.collect(
            memory, latents: active.map { $0.0 }, enough: UInt8(rule.sharedLatents),
            shared: &shared, touched: &touched, places: &places)
        for place in touched { shared[Int(place)] = 0 }
        touched.removeAll(keepingCapacity: true)
    }

    private static func collect(
        _ memory: EpisodicMemory, latents: [Int32], enough: UInt8, shared: inout [UInt8],
        touched: inout [Int32], places: inout [Int32]
    ) {
        for latent in latents {
            memory.forEach(latent: latent) { place in
                shared[place] += 1
                if shared[place] == 1 { touched.append(Int32(place)) }
                if shared[place] == enough { places.append(Int32(place)) }
            }
        }
    }
}
