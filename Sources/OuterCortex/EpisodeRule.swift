import Engrams
import Foundation

/// The episodic site: which positions of the past speak at the present one, and how loudly.
///
/// A position is remembered by a key, k = unit(P·(h − μ)), the latents it was made of, and the token
/// that followed. At a new position its neighbours are the remembered ones that share enough of
/// its strongest latents; each votes for its token by its similarity s_i, the cosine of the keys:
///
///     p_E(j) ∝ Σ_i exp(θ·s_i)·1[y_i = j]       m_j = ln(1 + κ·p_E(j)/p0_j),
///     κ = κ0·exp(a·(max s − 1)),
///
/// so that at gain 1 the neighbours are mixed into p0 rather than multiplied with it, as in the
/// continuous cache (Grave et al. 2016), the more the nearer the nearest is.
public struct EpisodeRule: Sendable, Equatable {
    /// Positions remembered; the oldest goes first. 0 switches the site off. Needs the key
    /// projection of `rule.safetensors`, and an SAE.
    public var capacity = 0
    /// How many of a position's strongest latents it is indexed and looked up by.
    public var indexedLatents = 16
    /// How many of them a neighbour has to share.
    public var sharedLatents = 3
    /// θ.
    public var sharpness: Float = 10
    /// κ0.
    public var strength: Float = 0.2
    /// a.
    public var confidence: Float = 2
    /// A token that cost the frozen core less than this, nats, is not worth remembering.
    public var minimumSurprise: Float = 1
    /// Whether a checkpoint keeps the episodes; else they live as long as the session's delta.
    public var isPersisted = false

    public init() {}

    public var isOn: Bool { capacity > 0 }

    var checks: [(String, Float, ClosedRange<Float>)] {
        [
            ("episode.capacity", Float(capacity), 0...1_000_000),
            (
                "episode.indexed_latents", Float(indexedLatents),
                1...Float(EpisodicMemory.latentsMaximum)
            ),
            (
                "episode.shared_latents", Float(sharedLatents),
                1...Float(EpisodicMemory.latentsMaximum)
            ),
            ("episode.sharpness", sharpness, 0...80), ("episode.strength", strength, 0...1000),
            ("episode.confidence", confidence, 0...80),
            ("episode.minimum_surprise", minimumSurprise, 0...100),
        ]
    }
}

extension EpisodeRule: Codable {
    private enum CodingKeys: String, CodingKey {
        case capacity, sharpness, strength, confidence
        case indexedLatents = "indexed_latents"
        case sharedLatents = "shared_latents"
        case minimumSurprise = "minimum_surprise"
        case isPersisted = "persisted"
    }

    /// A key that is not there keeps its default.
    public init(from decoder: any Decoder) throws {
        self.init()
        let box = try decoder.container(keyedBy: CodingKeys.self)
        func read<T: Decodable>(_ key: CodingKeys, _ value: inout T) throws {
            if let found = try box.decodeIfPresent(T.self, forKey: key) { value = found }
        }
        try read(.capacity, &capacity)
        try read(.indexedLatents, &indexedLatents)
        try read(.sharedLatents, &sharedLatents)
        try read(.sharpness, &sharpness)
        try read(.confidence, &confidence)
        try read(.minimumSurprise, &minimumSurprise)
        try read(.strength, &strength)
        try read(.isPersisted, &isPersisted)
    }
}
