/// What the server says of what was learned.
struct WireFeatures: Codable, Sendable {
    struct Site: Codable, Sendable {
        let site: String
        let count: Int
        let norm: Double
        let gain: Double
    }

    struct Push: Codable, Sendable {
        let token: Int
        let text: String
        let weight: Double
        let change: Double?
    }

    struct Example: Codable, Sendable {
        let before: String
        let token: String
        let after: String
        let activity: Double
    }

    struct Latent: Codable, Sendable {
        let latent: Int
        let norm: Double
        let change: Double?
        let activations: Int
        let up: [Push]
        let down: [Push]
        let examples: [Example]?
    }

    struct Context: Codable, Sendable {
        let order: Int
        let text: String?
        let norm: Double?
        let change: Double?
        let targets: [Push]
    }

    let session: String
    let revision: Int
    let tokensLearned: Int
    let sites: [Site]
    let latents: [Latent]
    let contexts: [Context]
    let biases: [Push]
    let searchedTokens: Int?
}

/// What changed from one checkpoint to another.
struct WireDiff: Codable, Sendable {
    struct Side: Codable, Sendable {
        let id: String
        let bytes: Int
        let tokensLearned: Int
    }

    struct Site: Codable, Sendable {
        struct Counts: Codable, Sendable {
            let from: Int
            let to: Int
        }
        struct Norms: Codable, Sendable {
            let from: Double
            let to: Double
            let change: Double
        }
        let site: String
        let count: Counts
        let norm: Norms
        let added: Int
        let removed: Int
        let changed: Int
    }

    struct Token: Codable, Sendable {
        let token: Int
        let text: String
        let bias: Double
        let features: Double
        let sequences: Double
        let total: Double
    }

    struct Measured: Codable, Sendable {
        let tokens: Int
        let bytes: Int
        let frozen: Double
        let from: Double
        let to: Double
    }

    let from: Side
    let to: Side
    let sites: [Site]
    let latents: [WireFeatures.Latent]
    let contexts: [WireFeatures.Context]
    let tokens: [Token]
    let bitsPerByte: Measured?
}
