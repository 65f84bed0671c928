public import Engrams
public import ModelFormats

/// One side of a comparison.
public enum DiffSide: Sendable, Equatable {
    case checkpoint(CheckpointID)
    /// The session as it is now.
    case session
    /// The untouched core.
    case frozen
}

/// What changed from one state of a user's model to another.
public struct CheckpointDiff: Sendable {
    public struct Side: Sendable, Equatable {
        public var side: DiffSide
        /// Of the checkpoint's file; for a session what a checkpoint of it would take, about.
        public var bytes: Int
        public var tokensLearned: Int
        public init(side: DiffSide, bytes: Int, tokensLearned: Int) {
            self.side = side
            self.bytes = bytes
            self.tokensLearned = tokensLearned
        }
    }

    /// What changed for one token, over all sites that name it; sums, logits.
    public struct Token: Sendable, Equatable {
        public var token: TokenID
        public var text: String
        public var bias: Float
        public var features: Float
        public var sequences: Float
        /// Σ|change|, by which tokens are ranked.
        public var total: Float
        public init(
            token: TokenID, text: String, bias: Float, features: Float, sequences: Float,
            total: Float
        ) {
            self.token = token
            self.text = text
            self.bias = bias
            self.features = features
            self.sequences = sequences
            self.total = total
        }
    }

    /// Bits a byte of the session's own newest text under each side.
    public struct Measured: Sendable, Equatable {
        public var tokens: Int
        public var bytes: Int
        public var frozen: Double
        public var from: Double
        public var to: Double
        public init(tokens: Int, bytes: Int, frozen: Double, from: Double, to: Double) {
            self.tokens = tokens
            self.bytes = bytes
            self.frozen = frozen
            self.from = from
            self.to = to
        }
    }

    public var from: Side
    public var to: Side
    public var sites: [EngramComparison.Site]
    public var latents: [LatentReport]
    public var contexts: [ContextReport]
    public var tokens: [Token]
    /// Nil where the journal keeps no text.
    public var measured: Measured?
    public init(
        from: Side, to: Side, sites: [EngramComparison.Site], latents: [LatentReport],
        contexts: [ContextReport], tokens: [Token], measured: Measured?
    ) {
        self.from = from
        self.to = to
        self.sites = sites
        self.latents = latents
        self.contexts = contexts
        self.tokens = tokens
        self.measured = measured
    }
}
