public import ModelFormats

/// What an engram was learned on. An engram means nothing on another core: a weight from latent
/// 17 to token 200 is a different statement there.
public struct CortexIdentity: Hashable, Sendable, Codable {
    /// SHA-256 over the core's weights, configuration and tokenizer, hexadecimal.
    public var core: String
    /// SHA-256 over the SAE's configuration and weights, hexadecimal; over those of the layer
    /// site's as well when the rule uses one.
    public var sparseAutoencoder: String
    /// SHA-256 of the rule file, hexadecimal.
    public var rule: String
    /// SHA-256 of the constitution's file, hexadecimal; `ContentDigest.none` for a core that is
    /// not sealed.
    public var constitution: String
    /// How many tokens the core knows.
    public var vocabularySize: Int
    /// How many latents the SAE has.
    public var latentCount: Int
    /// Length of the core's hidden states.
    public var hiddenSize: Int
    /// Length of the rule's episode keys; 0 when the episodic site is off.
    public var episodeKeySize: Int
    /// How many latents the layer site's SAE has; 0 when the rule uses none.
    public var layerLatentCount: Int
    /// The core's linear projections, whose weights the layer site may change.
    public var projections: ProjectionShapes

    public init(
        core: String, sparseAutoencoder: String, rule: String, vocabularySize: Int,
        latentCount: Int, hiddenSize: Int, episodeKeySize: Int = 0,
        layerLatentCount: Int = 0, constitution: String = ContentDigest.none,
        projections: ProjectionShapes = ProjectionShapes()
    ) {
        self.core = core
        self.sparseAutoencoder = sparseAutoencoder
        self.rule = rule
        self.constitution = constitution
        self.vocabularySize = vocabularySize
        self.latentCount = latentCount
        self.hiddenSize = hiddenSize
        self.episodeKeySize = episodeKeySize
        self.layerLatentCount = layerLatentCount
        self.projections = projections
    }
}

extension CortexIdentity {
    /// Whether both name the same core, SAE, rule and constitution. Their numbers then agree too,
    /// save for what a file of version 2 leaves open.
    func isSameCortex(as other: CortexIdentity) -> Bool { differences(from: other).isEmpty }

    /// The numbers beside the hashes, as messages call them; the projections' are apart.
    var dimensions: [(name: String, size: Int)] {
        [
            ("vocabulary", vocabularySize), ("SAE's latents", latentCount),
            ("hidden size", hiddenSize), ("episode keys' size", episodeKeySize),
            ("layer SAE's latents", layerLatentCount),
        ]
    }

    private var projectionDimensions: [(name: String, size: Int)] {
        [
            ("blocks", projections.layers), ("projections' hidden size", projections.hidden),
            ("inner size", projections.intermediate), ("queries' size", projections.queries),
            ("keys' size", projections.keys), ("unembedding's size", projections.vocabulary),
        ]
    }

    /// Throws for the first number that is not that of the cortex with the same hashes. No tensor
    /// need use it: what is done with the engram later relies on all of them.
    func checkDimensions(against other: CortexIdentity) throws(EngramError) {
        var pairs = Array(zip(dimensions, other.dimensions))
        // A file of version 2 names no projections.
        if projections != ProjectionShapes() {
            guard projections.family == other.projections.family else {
                throw .malformed(
                    file: "The engram",
                    reason: "it names this core and blocks of another family than the core's")
            }
            pairs += zip(projectionDimensions, other.projectionDimensions)
        }
        for (found, expected) in pairs where found.size != expected.size {
            throw .otherShape(
                dimension: found.name, found: found.size, expected: expected.size)
        }
    }
}
