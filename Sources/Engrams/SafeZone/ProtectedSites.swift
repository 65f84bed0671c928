/// Tokens and latents that plasticity may not push. Part of the safe zone; empty where no
/// constitution names any.
///
/// A protected token gets no error at any site and no personal term at readout, so that its logit
/// is the frozen core's. A position whose next token is protected teaches nothing: the errors of
/// the other tokens there would push it up as well. No row of W or D that begins at a protected
/// latent is ever written. Its probability can still move: the softmax normalises over the other
/// tokens, whose logits do change; that movement stays within the safe zone's ε, and a probe can
/// bound it.
public struct ProtectedSites: Sendable, Equatable {
    /// Ids, ascending, each once.
    public let tokens: [Int32]
    public let latents: [Int32]

    public init(tokens: [Int32] = [], latents: [Int32] = []) {
        self.tokens = Set(tokens).sorted()
        self.latents = Set(latents).sorted()
    }

    public var isEmpty: Bool { tokens.isEmpty && latents.isEmpty }

    /// - Complexity: O(log n); at once where there are none.
    @inline(__always)
    public func hasToken(_ token: Int32) -> Bool {
        !tokens.isEmpty && Self.contains(token, in: tokens)
    }

    /// - Complexity: O(log n); at once where there are none.
    @inline(__always)
    public func hasLatent(_ latent: Int32) -> Bool {
        !latents.isEmpty && Self.contains(latent, in: latents)
    }

    /// Throws for a term that pushes `token`, if it is protected.
    func check(token: Int32, at site: String) throws(EngramError) {
        guard !hasToken(token) else {
            throw .protected(site: site, kind: "token", found: Int(token))
        }
    }

    /// Throws for a term that begins at `latent`, if it is protected.
    func check(latent: Int32, at site: String) throws(EngramError) {
        guard !hasLatent(latent) else {
            throw .protected(site: site, kind: "latent", found: Int(latent))
        }
    }

    private static func contains(_ value: Int32, in sorted: [Int32]) -> Bool {
        var (low, high) = (0, sorted.count)
        while low < high {
            let middle = (low + high) / 2
            if sorted[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < sorted.count && sorted[low] == value
    }
}

extension PlasticSites {
    /// These sites without what `check(identity:zone:)` refuses for its protection: for an engram
    /// that was not learned under it.
    /// - Complexity: O(biases + contexts + synapses + episodes); at once where none is protected.
    func dropping(_ protected: ProtectedSites) -> PlasticSites {
        guard !protected.isEmpty else { return self }
        var kept = self
        for token in protected.tokens where bias.indices.contains(Int(token)) {
            kept.bias[Int(token)] = 0
        }
        kept.features = FeatureSynapses(
            features.sorted().filter {
                !protected.hasToken($0.synapse.token) && !protected.hasLatent($0.latent)
            })
        kept.sequences = SequenceSynapses(
            sequences.sorted().compactMap { context in
                var context = context
                context.targets.removeAll { protected.hasToken($0.token) }
                return context.targets.isEmpty ? nil : context
            })
        kept.layer = layer.keepingLatents { !protected.hasLatent($0) }
        if episodes.stored.contains(where: { protected.hasToken($0.token) }) {
            kept.episodes = episodes.filter { !protected.hasToken($0.token) }
        }
        kept.sayings = sayings.filter { !$0.tokens.contains(where: protected.hasToken) }
        return kept
    }
}
