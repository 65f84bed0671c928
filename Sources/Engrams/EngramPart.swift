/// A part of what an engram holds, by its presynaptic side: what may be turned down without the rest.
public struct EngramPart: Sendable, Equatable {
    /// Which synapses of a presynaptic side belong to it.
    public enum Synapses: Sendable, Equatable {
        case all
        /// Those that raise one of these tokens, and those that lower one of those.
        case onto(raised: Set<Int32>, lowered: Set<Int32>)

        func contains(token: Int32, weight: Float) -> Bool {
            switch self {
            case .all: true
            case .onto(let raised, let lowered):
                weight > 0 ? raised.contains(token) : lowered.contains(token)
            }
        }

        /// Both together.
        public func union(_ other: Synapses) -> Synapses {
            guard case .onto(let raised, let lowered) = self,
                case .onto(let otherRaised, let otherLowered) = other
            else { return .all }
            return .onto(
                raised: raised.union(otherRaised), lowered: lowered.union(otherLowered))
        }
    }

    /// Of the token biases.
    public var bias = Synapses.onto(raised: [], lowered: [])
    public private(set) var contexts: [ContextKey: Synapses] = [:]
    public private(set) var latents: [Int32: Synapses] = [:]
    /// Places of episodes in `EpisodicMemory.stored`.
    public var episodes: Set<Int> = []
    /// Whether M and the layer site belong to it.
    public var hasLayerWeights = false

    public init() {}

    public mutating func add(_ synapses: Synapses, of context: ContextKey) {
        contexts[context] = contexts[context].map { $0.union(synapses) } ?? synapses
    }

    public mutating func add(_ synapses: Synapses, of latent: Int32) {
        latents[latent] = latents[latent].map { $0.union(synapses) } ?? synapses
    }
}

extension Engram {
    /// This engram with a part of it turned down, w ← share·w, and as a checkpoint stores it. Of the
    /// part's episodes, which have no weight, a share stays, the oldest going first.
    ///
    /// - Parameter share: in 0...1.
    /// - Precondition: Weights are finite and within the zone.
    /// - Complexity: O(n log n) in what it holds.
    public func turnedDown(
        _ part: EngramPart, to share: Float, within zone: SafeZone
    ) -> Engram {
        var copy = self
        for (index, weight) in sites.bias.enumerated()
        where part.bias.contains(token: Int32(index), weight: weight) {
            copy.sites.bias[index] = share * weight
        }
        for (key, synapses) in part.contexts {
            guard let place = sites.sequences.position(of: key) else { continue }
            copy.sites.sequences.update(at: place) { context in
                for index in context.targets.indices {
                    let target = context.targets[index]
                    guard synapses.contains(token: target.token, weight: target.weight) else {
                        continue
                    }
                    context.targets[index].weight = share * target.weight
                }
            }
        }
        for (latent, synapses) in part.latents where sites.features.has(latent: latent) {
            copy.sites.features.update(latent: latent) { row in
                for index in row.indices
                where synapses.contains(token: row[index].token, weight: row[index].weight) {
                    row[index].weight *= share
                }
            }
        }
        if part.hasLayerWeights {
            copy.sites.matrix.scale(by: share)
            copy.sites.layer.scale(by: share)
        }
        let dropped = part.episodes.sorted().prefix(
            Int((Float(part.episodes.count) * (1 - share)).rounded(.up)))
        copy.sites.episodes = sites.episodes.without(numbers: Set(dropped))
        return copy.consolidated(within: zone)
    }

    /// This engram with all of it turned down, as a checkpoint stores it. At a share of 0 it says
    /// nothing any more.
    ///
    /// - Parameter share: in 0...1.
    /// - Precondition: Weights are finite and within the zone.
    public func turnedDown(to share: Float, within zone: SafeZone) -> Engram {
        var copy = self
        guard share > 0 else {
            copy.sites = PlasticSites()
            copy.sites.gains = sites.gains
            return copy
        }
        copy.sites.decay(SiteFactors(repeating: share))
        copy.sites.episodes = .joined(
            [sites.episodes], capacity: Int(Float(sites.episodes.count) * share))
        copy.sites.sayings = sites.sayings.suffix(Int(Float(sites.sayings.count) * share))
        return copy.consolidated(within: zone)
    }
}
