public import Engrams
public import ModelFormats

/// A weight onto a token, decoded.
public struct TokenPush: Sendable, Equatable {
    public var token: TokenID
    /// As bytes read as UTF-8; a token may be a part of a character.
    public var text: String
    /// Logits, now and against what it was compared with.
    public var weight: Float
    public var change: Float
    public init(token: TokenID, text: String, weight: Float, change: Float) {
        self.token = token
        self.text = text
        self.weight = weight
        self.change = change
    }
}

/// A latent of the SAE, and what it has learned to say.
public struct LatentReport: Sendable, Equatable {
    /// A place of the user's own text where the latent was at work.
    public struct Example: Sendable, Equatable {
        public var before: String
        /// The newest token that the latent saw; what it pushes is about the one that follows.
        public var token: String
        public var after: String
        /// f̂ there, 0...1.
        public var activity: Float
        public init(before: String, token: String, after: String, activity: Float) {
            self.before = before
            self.token = token
            self.after = after
            self.activity = activity
        }
    }

    public var latent: Int
    /// Of its row of W, logits, and of the row's change.
    public var norm: Float
    public var change: Float
    /// How often it was at work in what was learned.
    public var activations: Int
    /// The largest change first.
    public var pushes: [TokenPush]
    /// The most active first; nil where the journal keeps no text.
    public var examples: [Example]?
    public init(
        latent: Int, norm: Float, change: Float, activations: Int, pushes: [TokenPush],
        examples: [Example]? = nil
    ) {
        self.latent = latent
        self.norm = norm
        self.change = change
        self.activations = activations
        self.pushes = pushes
        self.examples = examples
    }
}

/// A context of the sequence synapses, and what it has learned to say.
public struct ContextReport: Sendable, Equatable {
    /// How many tokens it spans.
    public var order: Int
    /// Found again in the user's text: an engram has its hash alone. Nil where it is not there.
    public var text: String?
    /// Norm of its weights' change, logits.
    public var change: Float
    public var pushes: [TokenPush]
    public init(order: Int, text: String?, change: Float, pushes: [TokenPush]) {
        self.order = order
        self.text = text
        self.change = change
        self.pushes = pushes
    }
}

/// What a session's personal model has learned, beyond the frozen core.
public struct FeatureReport: Sendable {
    public struct Site: Sendable, Equatable {
        public var name: String
        /// Weights; positions for the episodes.
        public var count: Int
        public var norm: Float
        public var gain: Float
        public init(name: String, count: Int, norm: Float, gain: Float) {
            self.name = name
            self.count = count
            self.norm = norm
            self.gain = gain
        }
    }

    /// How many entries a list may be asked to have.
    public static let topMaximum = 200

    public var session: SessionID
    public var revision: Revision
    public var tokensLearned: Int
    public var sites: [Site]
    public var latents: [LatentReport]
    public var contexts: [ContextReport]
    public var biases: [TokenPush]
    /// How much of the newest text was searched for examples and contexts; nil: the journal has
    /// none.
    public var searchedTokens: Int?
    public init(
        session: SessionID, revision: Revision, tokensLearned: Int, sites: [Site],
        latents: [LatentReport], contexts: [ContextReport], biases: [TokenPush],
        searchedTokens: Int?
    ) {
        self.session = session
        self.revision = revision
        self.tokensLearned = tokensLearned
        self.sites = sites
        self.latents = latents
        self.contexts = contexts
        self.biases = biases
        self.searchedTokens = searchedTokens
    }
}
