/// The size and strength of an engram at a glance.
public struct EngramSummary: Sendable, Equatable, Codable {
    /// Bytes that its checkpoint takes at most, approximately.
    public var bytes: Int
    /// Tokens whose bias differs from 0, and the Euclidean norm of the biases, logits.
    public var biases: Int
    public var biasNorm: Float
    /// Contexts of the sequence synapses, and the norm of all their weights, logits.
    public var contexts: Int
    public var sequenceNorm: Float
    /// Latent → token synapses, and the norm of their weights, logits at unit activity.
    public var synapses: Int
    public var featureNorm: Float
    /// Frobenius norms of M and of all weight changes of the layer site; 0 while they are silent.
    public var matrixNorm: Float
    public var layerNorm: Float
    /// Positions the session remembers.
    public var episodes: Int
    /// Sentences and turns that are remembered word for word.
    public var sayings: Int?

    public init(
        bytes: Int, biases: Int, biasNorm: Float, contexts: Int, sequenceNorm: Float,
        synapses: Int, featureNorm: Float, matrixNorm: Float = 0, layerNorm: Float = 0,
        episodes: Int = 0, sayings: Int? = nil
    ) {
        self.bytes = bytes
        self.biases = biases
        self.biasNorm = biasNorm
        self.contexts = contexts
        self.sequenceNorm = sequenceNorm
        self.synapses = synapses
        self.featureNorm = featureNorm
        self.matrixNorm = matrixNorm
        self.layerNorm = layerNorm
        self.episodes = episodes
        self.sayings = sayings
    }
}

extension Engram {
    /// Norms, counts and the size of its checkpoint, without making one.
    /// - Complexity: O(n) in what it holds.
    public var summary: EngramSummary {
        let biases = sites.bias.filter { $0 != 0 }
        let features = sites.features.sorted()
        let contexts = sites.sequences.sorted()
        let targets = contexts.flatMap(\.targets)
        func norm(_ values: some Sequence<Float>) -> Float {
            values.reduce(0) { $0 + $1 * $1 }.squareRoot()
        }
        let token = identity.vocabularySize > Int(UInt16.max) ? 4 : 2
        let dense = sites.matrix.weights.count + sites.layer.weightCount
        let decoder = sites.layer.decoder.count
        let episodes = sites.episodes.isKept ? sites.episodes : EpisodicMemory()
        let known = sites.familiarity.count { $0 != 0 }
        // Header and metadata come to about 3,000 bytes, an index of a latent with its count to 4.
        let bytes =
            3000 + (1 + token) * (biases.count + features.count + targets.count)
            + 10 * contexts.count + 4 * (dense + decoder) + 8 * known + episodes.byteCount
            + sites.sayings.byteCount
        return EngramSummary(
            bytes: bytes, biases: biases.count, biasNorm: norm(biases), contexts: contexts.count,
            sequenceNorm: norm(targets.map(\.weight)), synapses: features.count,
            featureNorm: norm(features.map(\.synapse.weight)),
            matrixNorm: sites.matrix.frobeniusNorm, layerNorm: sites.layer.frobeniusNorm,
            episodes: sites.episodes.count,
            sayings: sites.sayings.isEmpty ? nil : sites.sayings.count)
    }
}
