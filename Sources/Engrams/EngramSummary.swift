/// The size and strength of an engram at a glance.
public struct EngramSummary: Sendable, Equatable, Codable {
    /// Bytes of its checkpoint file.
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
    /// Frobenius norms of M and of the layer site's M; 0 while they are silent.
    public var matrixNorm: Float
    public var layerNorm: Float
    /// Positions the session remembers.
    public var episodes: Int

    public init(
        bytes: Int, biases: Int, biasNorm: Float, contexts: Int, sequenceNorm: Float,
        synapses: Int, featureNorm: Float, matrixNorm: Float = 0, layerNorm: Float = 0,
        episodes: Int = 0
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
    }
}
