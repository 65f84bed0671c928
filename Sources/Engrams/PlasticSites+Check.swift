extension PlasticSites {
    /// Throws at the first value that is not finite, out of bounds or out of range, or that would
    /// push a protected token or begins at a protected latent.
    /// - Complexity: O(n) in biases, contexts, synapses and episodes.
    func check(identity: CortexIdentity, zone: SafeZone) throws(EngramError) {
        let vocabulary = identity.vocabularySize
        let protected = zone.protected
        guard bias.isEmpty || bias.count == vocabulary else {
            throw .outOfRange(site: "token bias", found: bias.count, limit: vocabulary)
        }
        for (index, value) in bias.enumerated() {
            try Self.check(value, "token bias", index, zone.weightBound)
            if value != 0 { try protected.check(token: Int32(index), at: "token bias") }
        }
        for (index, gain) in gains.all.enumerated() {
            guard gain.isFinite else { throw .notFinite(site: "site gains", index: index) }
            guard (zone.minimumGain...zone.maximumGain).contains(gain) else {
                throw .outOfBounds(site: "site gains", found: gain, allowed: zone.maximumGain)
            }
        }
        try features.visit { (latent, synapse) throws(EngramError) in
            try Self.check(synapse, of: latent, identity: identity, zone: zone)
        }
        try sequences.visit { (context) throws(EngramError) in
            try Self.check(context, vocabulary: vocabulary, zone: zone)
        }
        try checkDense(identity: identity, zone: zone)
        for latent in protected.latents
        where !(layer.decoder[latent] ?? []).allSatisfy({ $0 == 0 }) {
            try protected.check(latent: latent, at: "layer synapses (decoder)")
        }
        try checkEpisodes(identity: identity, protected: protected)
        try sayings.check(identity: identity, protected: protected)
        if !familiarity.isEmpty, familiarity.count != identity.latentCount {
            throw .outOfRange(
                site: "familiarity", found: familiarity.count, limit: identity.latentCount)
        }
        try checkAverage()
    }

    private static func check(
        _ synapse: Synapse, of latent: Int32, identity: CortexIdentity, zone: SafeZone
    ) throws(EngramError) {
        try checkIndex(Int(latent), "feature synapses (latent)", identity.latentCount)
        try checkIndex(Int(synapse.token), "feature synapses (token)", identity.vocabularySize)
        try check(synapse.weight, "feature synapses", Int(synapse.token), zone.weightBound)
        guard synapse.usage.isFinite, synapse.usage >= 0 else {
            throw .notFinite(site: "feature synapse traces", index: Int(synapse.token))
        }
        guard synapse.weight != 0 else { return }
        try zone.protected.check(token: synapse.token, at: "feature synapses")
        try zone.protected.check(latent: latent, at: "feature synapses")
    }

    private static func check(
        _ context: SequenceContext, vocabulary: Int, zone: SafeZone
    ) throws(EngramError) {
        guard context.targets.count <= zone.targetsPerContext else {
            throw .outOfRange(
                site: "sequence synapses (targets of a context)", found: context.targets.count,
                limit: zone.targetsPerContext)
        }
        let first = Int(context.targets.first?.token ?? 0)
        guard context.visits.isFinite, context.visits >= 0 else {
            throw .notFinite(site: "sequence synapse traces", index: first)
        }
        for target in context.targets {
            try checkIndex(Int(target.token), "sequence synapses (token)", vocabulary)
            try check(target.weight, "sequence synapses", Int(target.token), zone.weightBound)
            // Whatever its weight: learning moves every target of a context that it meets.
            try zone.protected.check(token: target.token, at: "sequence synapses")
        }
    }

    /// Learning averages losses of at most 1000 nats; one beyond that would hold the learning gate
    /// open or shut for longer than any text does.
    private func checkAverage() throws(EngramError) {
        guard let average = frozenLossAverage else { return }
        guard average.isFinite else { throw .notFinite(site: "running loss", index: 0) }
        // The margin is for the rounding of losses and of their mean.
        guard (-1...1001).contains(average) else {
            throw .outOfBounds(site: "running loss", found: abs(average), allowed: 1000)
        }
    }

    private func checkDense(identity: CortexIdentity, zone: SafeZone) throws(EngramError) {
        try layer.check(identity: identity, zone: zone)
        try LayerSynapses.check(
            "layer weights M", matrix.weights, count: identity.hiddenSize * identity.hiddenSize,
            zone: zone)
    }

    private func checkEpisodes(
        identity: CortexIdentity, protected: ProtectedSites
    ) throws(EngramError) {
        try episodes.visit { (episode) throws(EngramError) in
            try Self.checkIndex(
                Int(episode.token), "episodes (token)", identity.vocabularySize)
            try protected.check(token: episode.token, at: "episodes")
            for latent in episode.latents {
                try Self.checkIndex(Int(latent), "episodes (latent)", identity.latentCount)
            }
        }
        guard episodes.isEmpty || episodes.keySize == identity.episodeKeySize else {
            throw .outOfRange(
                site: "episodes (key)", found: episodes.keySize, limit: identity.episodeKeySize)
        }
    }

    private static func check(
        _ value: Float, _ site: String, _ index: Int, _ bound: Float
    ) throws(EngramError) {
        guard value.isFinite else { throw .notFinite(site: site, index: index) }
        guard abs(value) <= bound else {
            throw .outOfBounds(site: site, found: abs(value), allowed: bound)
        }
    }

    static func checkIndex(
        _ index: Int, _ site: String, _ limit: Int
    ) throws(EngramError) {
        guard (0..<limit).contains(index) else {
            throw .outOfRange(site: site, found: index, limit: limit)
        }
    }
}
