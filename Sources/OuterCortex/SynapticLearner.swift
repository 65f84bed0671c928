import Engrams
import InnerCortex
import Kernels
import ModelFormats

/// Learns one stream: each site's update from one joint error, position by position. Holds what
/// goes from position to position (eligibility traces) and its scratch.
struct SynapticLearner {
    private let cortex: Cortex
    private let rule: PlasticityRule
    private let zone: SafeZone
    private var errors: ErrorTargets
    private var traces = EligibilityTraces()
    private var layer: LayerLearner?
    /// Scratch of the matrix site, shape [hidden].
    private var post: [Float]
    /// Scratch of the feature site: post_j of each token with an error, and whether the latent has a
    /// synapse onto it.
    private var posts: [Float] = []
    private var seen: [Bool] = []

    /// A latent above this was at work, for familiarity.
    private static let activityThreshold: Float = 0.05

    /// - Parameter rule: to learn by; the cortex's own where nothing else is said.
    init(cortex: Cortex, rule: PlasticityRule? = nil) {
        self.cortex = cortex
        self.rule = rule ?? cortex.rule
        zone = cortex.zone
        layer = self.rule.layer.isOn ? LayerLearner(cortex: cortex) : nil
        errors = ErrorTargets(
            vocabularySize: cortex.inner.config.vocabularySize,
            protected: zone.protected.tokens.count)
        posts.reserveCapacity(ErrorTargets.limit)
        seen.reserveCapacity(ErrorTargets.limit)
        post = [Float](repeating: 0, count: cortex.inner.config.hiddenSize)
    }

    /// Learns one position.
    ///
    /// - Parameters:
    ///   - sites: the draft to change.
    ///   - readout: what was predicted here, from these sites.
    ///   - row: of the slice.
    ///   - target: y, the token that came.
    ///   - reward: the third factor, in −1...1; 1 is plain learning from the error, 0 teaches nothing.
    /// - Returns: False when the learning gate kept it shut, y is protected or the reward is 0:
    ///   nothing but the gate moved.
    /// - Complexity: O(vocabulary + synapses of the active latents), and O(hidden²) for M.
    mutating func learn(
        _ sites: inout PlasticSites, readout: PlasticReadout, slice: FrozenSlice, row: Int,
        target: Int32, frozenLoss: Float, reward: Float
    ) -> Bool {
        guard rule.opensGate(&sites, frozenLoss: frozenLoss, limit: zone.learningGate),
            !zone.protected.hasToken(target),
            // Not left to the product: visits and places in a full context are no product of it.
            reward != 0
        else { return false }
        errors.collect(
            adapted: readout.adapted, target: target, threshold: rule.errorThreshold,
            protected: zone.protected)
        learnGains(&sites, readout: readout, target: Int(target), reward: reward)
        learnMatrix(&sites, slice: slice, row: row, reward: reward)
        learnFeatures(&sites, slice: slice, row: row, reward: reward)
        learnBias(&sites, reward: reward)
        learnSequences(&sites, readout: readout, target: target, reward: reward)
        countFamiliarity(&sites, slice: slice, row: row)
        remember(&sites, slice: slice, row: row, target: target, frozenLoss: frozenLoss, reward)
        layer?.collect(errors, row: row, reward: reward)
        return true
    }

    /// Lets the layer site learn the positions since it last did; they are rows of this slice.
    mutating func finishChunk(_ sites: inout PlasticSites, slice: inout FrozenSlice) {
        layer?.finishChunk(&sites.layer, slice: &slice)
    }

    /// g_k += η·clip(g_k·Σ_j e_j m_kj, ±3), within the safe zone.
    private func learnGains(
        _ sites: inout PlasticSites, readout: PlasticReadout, target: Int, reward: Float
    ) {
        guard rule.gainRate > 0, !readout.isSilent else { return }
        func step(_ gain: inout Float, _ drive: Float) {
            let change = rule.gainRate * reward * max(-3, min(3, drive))
            gain = max(zone.minimumGain, min(zone.maximumGain, gain + change))
        }
        let dense = { readout.drive(ofDense: $0, target: target) }
        step(&sites.gains.matrix, dense(SiteIndex.matrix))
        step(&sites.gains.feature, dense(SiteIndex.feature))
        step(&sites.gains.bias, dense(SiteIndex.bias))
        step(&sites.gains.layer, dense(SiteIndex.layer))
        step(
            &sites.gains.episode,
            readout.drive(
                ofSparse: readout.terms.episode, site: SiteIndex.episode, target: target))
        let sequences = readout.terms.sequences.enumerated().reduce(Float(0)) { sum, term in
            sum
                + readout.drive(
                    ofSparse: term.element, site: SiteIndex.firstSequence + term.offset,
                    target: target)
        }
        step(&sites.gains.sequence, sequences)
    }

    /// M ← M + Δ(post = A·Σ_j e_j(U_j − ū), pre = ĥ).
    private mutating func learnMatrix(
        _ sites: inout PlasticSites, slice: FrozenSlice, row position: Int, reward: Float
    ) {
        let site = rule.matrix
        guard site.isOn, let whitening = rule.tensors.whitening else { return }
        var direction = [Float](repeating: 0, count: post.count)
        var row = direction
        for (index, token) in errors.tokens.enumerated() {
            let error = errors.post(index, prediction: site.prediction)
            var unembedding = row.mutableSpan
            cortex.inner.unembeddingRow(TokenID(rawValue: token), into: &unembedding)
            VectorKernels.addScaled(row, error, to: &direction)
            VectorKernels.addScaled(whitening.unembeddingMean, -error, to: &direction)
        }
        whitening.unwhitened(direction, into: &post)
        let pre = traces.matrix(slice.whitened(position), eligibility: site.eligibility)
        sites.matrix.update(
            post: post.span, pre: pre.span,
            change: site.change(reward: reward * surprise(site)),
            bound: zone.matrixBound)
    }

    /// W: each synapse from an active latent to a token with an error, slowed by its usage,
    /// G += (R·s·f̂_i·post_j)², η/√(1 + G/G0).
    private mutating func learnFeatures(
        _ sites: inout PlasticSites, slice: FrozenSlice, row: Int, reward: Float
    ) {
        let site = rule.feature
        guard site.isOn else { return }
        let strength = reward * surprise(site)
        let change = site.change(reward: strength)
        posts.removeAll(keepingCapacity: true)
        for index in errors.tokens.indices {
            posts.append(errors.post(index, prediction: site.prediction))
        }
        guard site.eligibility > 0 else {
            learn(
                &sites.features, slice.latents(row), slice.values(row), change: change,
                strength: strength)
            return
        }
        let traced = traces.features(
            slice.latents(row), slice.values(row), eligibility: site.eligibility)
        learn(
            &sites.features, traced.latents[...], traced.values[...], change: change,
            strength: strength)
    }

    private mutating func learn(
        _ features: inout FeatureSynapses, _ latents: ArraySlice<Int32>,
        _ values: ArraySlice<Float>,
        change: SynapticChange, strength: Float
    ) {
        let site = rule.feature
        let slowing = site.usageScale > 0 ? 1 / site.usageScale : 0
        let (errors, posts, zone) = (errors, posts, zone)
        func learn(_ synapse: inout Synapse, _ pre: Float, _ post: Float) {
            let use = strength * pre * post
            synapse.usage += use * use
            let slowed = 1 / (1 + synapse.usage * slowing).squareRoot()
            let step = slowed * change(weight: synapse.weight, pre: pre, post: post)
            synapse.weight = zone.squashed(synapse.weight, adding: step, cap: site.cap)
        }
        for (latent, value) in zip(latents, values)
        where value > 0 && !zone.protected.hasLatent(latent) {
            seen.removeAll(keepingCapacity: true)
            seen.append(contentsOf: repeatElement(false, count: posts.count))
            features.update(latent: latent) { synapses in
                for position in synapses.indices {
                    guard let index = errors.index(of: synapses[position].token) else { continue }
                    seen[index] = true
                    learn(&synapses[position], value, posts[index])
                }
                for index in seen.indices where !seen[index] {
                    var synapse = Synapse(token: errors.tokens[index], weight: 0)
                    learn(&synapse, value, posts[index])
                    synapses.append(synapse)
                }
            }
        }
    }

    /// b: its presynaptic side is always 1.
    private func learnBias(_ sites: inout PlasticSites, reward: Float) {
        let site = rule.bias
        guard site.isOn else { return }
        if sites.bias.isEmpty {
            sites.bias = [Float](repeating: 0, count: cortex.inner.config.vocabularySize)
        }
        let change = site.change(reward: reward * surprise(site))
        for (index, token) in errors.tokens.enumerated() {
            let weight = sites.bias[Int(token)]
            let post = errors.post(index, prediction: site.prediction)
            sites.bias[Int(token)] = zone.squashed(
                weight, adding: change(weight: weight, pre: 1, post: post), cap: site.cap)
        }
    }

    /// N_o[c, j] at η_o/(1 + slowing·visits) for the stored j; y is inserted when it is not there,
    /// in place of the weakest when the context is full.
    private func learnSequences(
        _ sites: inout PlasticSites, readout: PlasticReadout, target: Int32, reward: Float
    ) {
        let site = rule.sequence
        guard site.isOn else { return }
        let whole = site.change(reward: reward * surprise(site))
        let targetPost = errors.post(0, prediction: site.prediction)
        func moved(_ weight: Float, _ change: SynapticChange, _ post: Float) -> Float {
            zone.squashed(
                weight, adding: change(weight: weight, pre: 1, post: post), cap: site.cap)
        }
        for (order, rate) in rule.orderRates.enumerated()
        where rate > 0 && order < readout.terms.contextKeys.count {
            let key = readout.terms.contextKeys[order]
            guard let position = sites.sequences.position(of: key) else {
                let weight = moved(0, whole.scaled(by: rate), targetPost)
                sites.sequences.insert(
                    SequenceContext(
                        key: key, order: order + 1, targets: [.init(token: target, weight: weight)])
                )
                continue
            }
            sites.sequences.update(at: position) { context in
                context.visits += 1
                let change = whole.scaled(by: rate / (1 + site.visitSlowing * context.visits))
                var isStored = false
                for index in context.targets.indices {
                    let token = context.targets[index].token
                    let isTarget = token == target
                    isStored = isStored || isTarget
                    let post =
                        isTarget
                        ? targetPost : -site.prediction * readout.adapted[Int(token)]
                    context.targets[index].weight = moved(
                        context.targets[index].weight, change, post)
                }
                guard !isStored else { return }
                context.insert(
                    .init(token: target, weight: moved(0, change, targetPost)),
                    limit: zone.targetsPerContext)
            }
        }
    }

    /// Remembers the position, once the token after it is known; not what was punished.
    private func remember(
        _ sites: inout PlasticSites, slice: FrozenSlice, row: Int, target: Int32,
        frozenLoss: Float, _ reward: Float
    ) {
        let site = rule.episode
        guard site.isOn, !slice.keys.isEmpty, reward > 0, frozenLoss > site.minimumSurprise
        else { return }
        let active = zip(slice.latents(row), slice.values(row)).prefix(site.indexedLatents)
        sites.episodes.append(
            Episode(
                key: Array(slice.keys[slice.keyRange(row)]),
                latents: active.filter { $0.1 > 0 }.map { $0.0 },
                token: target), capacity: site.capacity, isKept: site.isPersisted)
    }

    private func countFamiliarity(
        _ sites: inout PlasticSites, slice: FrozenSlice, row: Int
    ) {
        guard let latentCount = cortex.autoencoder?.latentCount else { return }
        if sites.familiarity.isEmpty {
            sites.familiarity = [Int32](repeating: 0, count: latentCount)
        }
        for (latent, value) in zip(slice.latents(row), slice.values(row))
        where value > Self.activityThreshold && sites.familiarity[Int(latent)] < .max {
            sites.familiarity[Int(latent)] += 1
        }
    }

    /// s at this position.
    private func surprise(_ site: SynapseRule) -> Float {
        site.surprise(of: errors.probabilities[0])
    }
}

extension PlasticityRule {
    /// The learning gate: text that the core itself finds far from language (noise, another
    /// encoding) teaches nothing, and after 2,000 random tokens costs .1 instead of 12 points.
    /// - Parameter limit: of the running mean, nats a token.
    func opensGate(_ sites: inout PlasticSites, frozenLoss: Float, limit: Float) -> Bool {
        let loss = min(frozenLoss, 1000)
        var average = sites.frozenLossAverage ?? 0.7 * limit
        average += (loss - average) / gateHorizon
        sites.frozenLossAverage = average
        return average <= limit
    }

    /// Forgetting over `tokens` tokens that were learned.
    func decay(_ sites: inout PlasticSites, tokens: Int) {
        var factors = SiteFactors()
        factors.bias = bias.retention(tokens: tokens)
        factors.sequence = sequence.retention(tokens: tokens)
        factors.feature = feature.retention(tokens: tokens)
        factors.matrix = matrix.retention(tokens: tokens)
        factors.layer = layer.dense.retention(tokens: tokens)
        sites.decay(factors)
    }
}
