/// One kind of plastic site, as requests and reports name it.
public enum PlasticSite: String, CaseIterable, Sendable, Codable {
    case bias, sequences, features, matrix, episodes, layer, sayings

    /// Those from which runs of what was said can be read off: a remembered position has the token
    /// that followed it, a context the tokens that followed it, and which tokens the context's hash
    /// is of is found by trying. A saying is what was said itself.
    public static let verbatim: Set<PlasticSite> = [.episodes, .sequences, .sayings]
}

extension Engram {
    /// This engram with some of its sites as at birth, for giving away or for summing what is left.
    /// Gains stay: they are a number a site.
    public func without(_ left: Set<PlasticSite>) -> Engram {
        var copy = self
        for site in left { copy.sites.clear(site) }
        return copy
    }

    /// How much of a checkpoint of this engram is its owner's words.
    public var ownersWords: OwnersWords { OwnersWords(of: sites.withoutTraces()) }
}

extension PlasticSites {
    fileprivate mutating func clear(_ site: PlasticSite) {
        switch site {
        case .bias: bias = []
        case .sequences: sequences = SequenceSynapses()
        case .features:
            features = FeatureSynapses()
            // How often each latent was at work is of use to nothing else, and tells topics.
            familiarity = []
        case .matrix: matrix = DenseSynapses()
        case .episodes: episodes = EpisodicMemory()
        case .layer: layer = LayerSynapses()
        case .sayings: sayings = SayingMemory()
        }
    }
}

/// How much of an engram is words of its owner that can be read off it, for saying so wherever one
/// leaves the server.
public struct OwnersWords: Sendable, Equatable {
    /// Remembered positions, each with the token that followed.
    public var episodes = 0
    /// Runs of up to six tokens, hashed, each with the tokens that followed.
    public var sequences = 0
    /// Sentences and turns, word for word.
    public var sayings = 0

    public init() {}

    init(of sites: PlasticSites) {
        episodes = sites.episodes.count
        sequences = sites.sequences.count
        sayings = sites.sayings.count
    }

    /// As files and headers have it, e.g. `episodes=312; sequences=1204`.
    public var text: String {
        "episodes=\(episodes); sequences=\(sequences)"
            + (sayings > 0 ? "; sayings=\(sayings)" : "")
    }
}
