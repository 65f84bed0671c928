public import Engrams
import InnerCortex
public import ModelFormats

/// A position of a text at which a latent was at work.
public struct LatentActivity: Sendable, Equatable {
    /// The token that had just been read, by its place in the text.
    public var position: Int
    /// f̂ of the latent there, in 0...1: its share of all that was at work.
    public var activity: Float
}

/// Finds where in a text some SAE latents are most at work; reads the frozen core alone.
public final class ActivitySearch: CortexTask {
    private let reader: FrozenReader
    /// Where the text begins behind what was put before it.
    private let textStart: Int
    private let limit: Int
    private let wanted: Set<Int32>
    private var found: [Int32: [LatentActivity]] = [:]

    init(cortex: Cortex, tokens: [TokenID], latents: Set<Int32>, limit: Int) {
        let text = cortex.framed(tokens)
        reader = FrozenReader(cortex: cortex, text: text)
        textStart = text.tokens.count - tokens.count
        wanted = latents
        self.limit = limit
    }

    public func advance() -> Bool {
        let slice: FrozenSlice
        switch reader.advance(layer: LayerSynapses()) {
        case .slice(let next): slice = next
        case .context: return false
        case .end: return true
        }
        for position in slice.positions where position >= textStart {
            let row = position - slice.positions.lowerBound
            for (latent, value) in zip(slice.latents(row), slice.values(row))
            where value > 0 && wanted.contains(latent) {
                found[latent, default: []].append(
                    LatentActivity(position: position - textStart, activity: value))
            }
        }
        for latent in found.keys { found[latent] = strongest(found[latent] ?? []) }
        return false
    }

    private func strongest(_ all: [LatentActivity]) -> [LatentActivity] {
        Array(
            all.sorted { (a: LatentActivity, b: LatentActivity) -> Bool in
                a.activity == b.activity ? a.position < b.position : a.activity > b.activity
            }.prefix(limit))
    }

    /// By latent, the most active position first; latents that were nowhere at work are not there.
    /// - Precondition: `advance` returned true.
    public var result: [Int32: [LatentActivity]] { found }
}

extension Cortex {
    /// Starts looking for the positions of a text where latents are most at work.
    /// - Parameters:
    ///   - tokens: the text.
    ///   - limit: how many positions of one latent.
    public func startSearch(
        for latents: Set<Int32>, in tokens: [TokenID], limit: Int
    ) -> ActivitySearch {
        ActivitySearch(cortex: self, tokens: tokens, latents: latents, limit: limit)
    }

    /// The tokens of contexts, found again by hashing a text: an engram knows its contexts by their
    /// keys alone.
    /// - Parameter tokens: the text; a context may begin with what is put before it.
    /// - Complexity: O(tokens · orders).
    public func contexts(
        _ wanted: Set<ContextKey>, in tokens: [TokenID]
    ) -> [ContextKey: [TokenID]] {
        let text = framed(tokens).tokens
        var found: [ContextKey: [TokenID]] = [:]
        for end in text.indices {
            var key: ContextKey?
            for start in (0...end).reversed().prefix(rule.orderRates.count) {
                let token = text[start].rawValue
                let next = key?.extended(by: token) ?? ContextKey(token: token)
                if wanted.contains(next) { found[next] = Array(text[start...end]) }
                key = next
            }
        }
        return found
    }
}
