import Engrams
import Kernels

/// Scratch of one learning stream: which tokens carry an error at this position.
struct ErrorTargets {
    /// The token that came first, then the wrong ones with p above the threshold.
    var tokens: [Int32] = []
    /// e_j = 1[j = y] − p_j beside them, dimensionless.
    var errors: [Float] = []
    /// Position + 1 in `tokens` of each token of the vocabulary, 0 for those that are not there.
    private var place: [UInt16]

    /// At most this many tokens carry an error; with a threshold of .01 only 100 can.
    static let limit = 512

    init(vocabularySize: Int) { place = [UInt16](repeating: 0, count: vocabularySize) }

    mutating func collect(adapted: [Float], target: Int32, threshold: Float) {
        for token in tokens { place[Int(token)] = 0 }
        tokens.removeAll(keepingCapacity: true)
        errors.removeAll(keepingCapacity: true)
        tokens.append(target)
        errors.append(1 - adapted[Int(target)])
        let probabilities = adapted.span
        for token in probabilities.indices
        where probabilities[token] > threshold && token != Int(target) && tokens.count < Self.limit
        {
            tokens.append(Int32(token))
            errors.append(-probabilities[token])
        }
        for (index, token) in tokens.enumerated() { place[Int(token)] = UInt16(index + 1) }
    }

    /// Where `token` stands in `tokens`, or nil.
    @inline(__always)
    func index(of token: Int32) -> Int? {
        let found = place[Int(token)]
        return found == 0 ? nil : Int(found) - 1
    }
}

extension PlasticityRule {
    /// Learns one position: each site's three-factor update from the joint error.
    ///
    /// - Parameters:
    ///   - sites: the draft to change.
    ///   - readout: what was predicted here, from these sites.
    ///   - target: y, the token that came.
    ///   - reward: the third factor, in −1...1; 1 is plain learning from the error.
    /// - Returns: False when the learning gate kept it shut: nothing but the gate moved.
    /// - Complexity: O(vocabulary + synapses of the active latents).
    func learn(
        _ sites: inout PlasticSites, readout: PlasticReadout, latents: ArraySlice<Int32>,
        values: ArraySlice<Float>, target: Int32, frozenLoss: Float, reward: Float,
        errors: inout ErrorTargets
    ) -> Bool {
        guard opensGate(&sites, frozenLoss: frozenLoss) else { return false }
        errors.collect(adapted: readout.adapted, target: target, threshold: errorThreshold)
        learnGains(&sites, readout: readout, target: Int(target), reward: reward)
        learnFeatures(&sites, latents: latents, values: values, errors: errors, reward: reward)
        learnBias(&sites, vocabularySize: readout.frozen.count, errors: errors, reward: reward)
        learnSequences(&sites, readout: readout, target: target, errors: errors, reward: reward)
        return true
    }

    /// The learning gate: text that the core itself finds far from language (noise, another
    /// encoding) teaches nothing, and after 2,000 random tokens costs .1 instead of 12 points.
    private func opensGate(_ sites: inout PlasticSites, frozenLoss: Float) -> Bool {
        let limit = safeZone.learningGate
        let loss = min(frozenLoss, 1000)
        var average = sites.frozenLossAverage ?? 0.7 * limit
        average += (loss - average) / gateHorizon
        sites.frozenLossAverage = average
        return average <= limit
    }

    /// g_k += η·clip(Σ_j e_j dz_kj, ±3), within the safe zone; dz_kj with the gain in it.
    private func learnGains(
        _ sites: inout PlasticSites, readout: PlasticReadout, target: Int, reward: Float
    ) {
        guard gainRate > 0, !readout.isSilent else { return }
        let zone = safeZone
        func stepped(_ gain: Float, _ term: [Float]) -> Float {
            guard !term.isEmpty else { return gain }
            let expected = VectorKernels.dot(readout.adapted.span, term.span)
            let drive = gain * (term[target] - expected)
            let step = gainRate * reward * max(-3, min(3, drive))
            return max(zone.minimumGain, min(zone.maximumGain, gain + step))
        }
        sites.gains.bias = stepped(sites.gains.bias, sites.bias)
        sites.gains.sequence = stepped(sites.gains.sequence, readout.sequenceTerm)
        sites.gains.feature = stepped(sites.gains.feature, readout.featureTerm)
    }

    /// W_ij += η/√(1 + G_ij/G0) · f̂_i·e_j with G_ij += (f̂_i e_j)².
    private func learnFeatures(
        _ sites: inout PlasticSites, latents: ArraySlice<Int32>, values: ArraySlice<Float>,
        errors: ErrorTargets, reward: Float
    ) {
        guard featureRate > 0 else { return }
        let zone = safeZone
        let slowing = featureUsageScale > 0 ? 1 / featureUsageScale : 0
        func change(_ synapse: inout Synapse, _ activity: Float, _ error: Float) {
            let coincidence = activity * error
            synapse.usage += coincidence * coincidence
            let rate = featureRate * reward / (1 + synapse.usage * slowing).squareRoot()
            synapse.weight = zone.squashed(synapse.weight, adding: rate * coincidence)
        }
        var seen = [Bool](repeating: false, count: errors.tokens.count)
        for (latent, value) in zip(latents, values) where value > 0 {
            for index in seen.indices { seen[index] = false }
            sites.features.update(latent: latent) { synapses in
                for position in synapses.indices {
                    guard let index = errors.index(of: synapses[position].token) else { continue }
                    seen[index] = true
                    change(&synapses[position], value, errors.errors[index])
                }
                for index in seen.indices where !seen[index] {
                    var synapse = Synapse(token: errors.tokens[index], weight: 0)
                    change(&synapse, value, errors.errors[index])
                    synapses.append(synapse)
                }
            }
        }
    }

    /// b_j += η·e_j.
    private func learnBias(
        _ sites: inout PlasticSites, vocabularySize: Int, errors: ErrorTargets, reward: Float
    ) {
        guard biasRate > 0 else { return }
        if sites.bias.isEmpty { sites.bias = [Float](repeating: 0, count: vocabularySize) }
        for (token, error) in zip(errors.tokens, errors.errors) {
            sites.bias[Int(token)] = safeZone.squashed(
                sites.bias[Int(token)], adding: biasRate * reward * error)
        }
    }

    /// N_o[c, j] += η_o/(1 + slowing·visits)·e_j for the stored j; y is inserted when it is not
    /// there, in place of the weakest when the context is full.
    private func learnSequences(
        _ sites: inout PlasticSites, readout: PlasticReadout, target: Int32,
        errors: ErrorTargets, reward: Float
    ) {
        let zone = safeZone
        for (index, (key, baseRate)) in zip(readout.contextKeys, sequenceRates).enumerated()
        where baseRate > 0 {
            guard let position = sites.sequences.position(of: key) else {
                let weight = zone.squashed(0, adding: baseRate * reward * errors.errors[0])
                sites.sequences.insert(
                    SequenceContext(
                        key: key, order: index + 1, targets: [.init(token: target, weight: weight)])
                )
                continue
            }
            sites.sequences.update(at: position) { context in
                context.visits += 1
                let rate = baseRate * reward / (1 + sequenceSlowing * context.visits)
                var isStored = false
                for index in context.targets.indices {
                    let token = context.targets[index].token
                    let isTarget = token == target
                    let error =
                        isTarget ? errors.errors[0] : -readout.adapted[Int(token)]
                    isStored = isStored || isTarget
                    context.targets[index].weight = zone.squashed(
                        context.targets[index].weight, adding: rate * error)
                }
                guard !isStored else { return }
                let weight = zone.squashed(0, adding: rate * errors.errors[0])
                let inserted = SequenceContext.Target(token: target, weight: weight)
                if context.targets.count < zone.targetsPerContext {
                    context.targets.append(inserted)
                } else if let weakest = context.targets.indices.min(by: {
                    abs(context.targets[$0].weight) < abs(context.targets[$1].weight)
                }) {
                    context.targets[weakest] = inserted
                }
            }
        }
    }
}
