import Engrams
import Kernels

/// What the plastic sites make of one position: z = z0 + g_b·b + g_n·Σ_o N_o[c_o] + g_w·Wᵀf̂, and
/// p = softmax(z). Holds the buffers of one stream, made once.
struct PlasticReadout {
    /// Contexts of the position, newest token first: keys of order 1, 2, …
    private(set) var contextKeys: [ContextKey] = []
    /// p0 and p, shape [vocabulary].
    private(set) var frozen: [Float]
    private(set) var adapted: [Float]
    /// ln Σ exp of z0 and of z, nats.
    private(set) var frozenNormalizer: Float = 0
    private(set) var adaptedNormalizer: Float = 0
    /// Each site's term without its gain, and their sum with gains: logits, shape [vocabulary].
    private(set) var sequenceTerm: [Float]
    private(set) var featureTerm: [Float]
    private(set) var shift: [Float]
    /// Whether any site says anything here: if not, p is p0.
    private(set) var isSilent = true

    init(vocabularySize: Int) {
        let zeros = [Float](repeating: 0, count: vocabularySize)
        (frozen, adapted, sequenceTerm, featureTerm, shift) = (zeros, zeros, zeros, zeros, zeros)
    }

    /// Computes the position's distributions.
    /// - Parameters:
    ///   - logits: z0, shape [vocabulary].
    ///   - latents, values: the SAE's active latents and f̂.
    ///   - history: the text so far, newest last; contexts reach back at most to its start.
    ///   - orders: how many orders of contexts there are.
    /// - Complexity: O(vocabulary + synapses of the active latents).
    mutating func compute(
        logits: Span<Float>, latents: ArraySlice<Int32>, values: ArraySlice<Float>,
        history: ArraySlice<Int32>, orders: Int, sites: PlasticSites
    ) {
        frozenNormalizer = VectorKernels.softmax(logits, into: &frozen)
        setContexts(history: history, orders: orders)
        isSilent = sites.isSilent
        guard !isSilent else {
            adapted = frozen
            adaptedNormalizer = frozenNormalizer
            return
        }
        addTerms(latents: latents, values: values, sites: sites)
        adaptedNormalizer = VectorKernels.softmaxOfSum(logits, shift, into: &adapted)
    }

    private mutating func setContexts(history: ArraySlice<Int32>, orders: Int) {
        contextKeys.removeAll(keepingCapacity: true)
        var key: ContextKey?
        for token in history.reversed().prefix(orders) {
            let next = key?.extended(by: token) ?? ContextKey(token: token)
            contextKeys.append(next)
            key = next
        }
    }

    private mutating func addTerms(
        latents: ArraySlice<Int32>, values: ArraySlice<Float>, sites: PlasticSites
    ) {
        for index in shift.indices {
            sequenceTerm[index] = 0
            featureTerm[index] = 0
            shift[index] = 0
        }
        for key in contextKeys {
            guard let context = sites.sequences[key] else { continue }
            for target in context.targets { sequenceTerm[Int(target.token)] += target.weight }
        }
        for (latent, value) in zip(latents, values) where value > 0 {
            sites.features.forEach(latent: latent) { synapse in
                featureTerm[Int(synapse.token)] += value * synapse.weight
            }
        }
        if !sites.bias.isEmpty {
            VectorKernels.addScaled(sites.bias, sites.gains.bias, to: &shift)
        }
        VectorKernels.addScaled(sequenceTerm, sites.gains.sequence, to: &shift)
        VectorKernels.addScaled(featureTerm, sites.gains.feature, to: &shift)
    }
}

extension PlasticSites {
    /// Whether nothing was ever learned, so that the prediction is the frozen core's.
    var isSilent: Bool { bias.isEmpty && sequences.isEmpty && features.isEmpty }
}
