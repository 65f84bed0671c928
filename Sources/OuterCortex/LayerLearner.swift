import Engrams
import InnerCortex

/// Learns the layer site chunk by chunk: three factors meet at a synapse, the residual's x̂ or a
/// latent's f̂ before it, the output error sent straight back (`LayerHook`) behind it, and the
/// reward.
///
///     M += Σ_t η·R·δ_t·x̂_tᵀ        D_i += Σ_t η·R·f̂_ti·δ_t
///
/// over the chunk's positions t, one after the other. Within a chunk the synapses stay the same, so
/// that its positions go through the blocks above together.
struct LayerLearner {
    private let cortex: Cortex
    private let hook: LayerHook
    private var lessons: [Lesson] = []

    /// What one position asks for; nil for a part that is off.
    private struct Lesson {
        var row: Int
        var dense: Drive?
        var decoder: Drive?
    }

    private struct Drive {
        /// δ, shape [hidden].
        var post: [Float]
        var change: SynapticChange
    }

    /// - Returns: nil when the rule has the site off.
    init?(cortex: Cortex) {
        guard let hook = cortex.layerHook else { return nil }
        self.cortex = cortex
        self.hook = hook
    }

    /// Keeps a position's error for the end of its chunk.
    mutating func collect(_ errors: ErrorTargets, row: Int, reward: Float) {
        func drive(_ site: SynapseRule) -> Drive? {
            guard site.isOn else { return nil }
            return Drive(
                post: hook.feedback(
                    of: errors, prediction: site.prediction, inner: cortex.inner),
                change: site.change(reward: reward * site.surprise(of: errors.probabilities[0])))
        }
        let rule = cortex.rule.layer
        lessons.append(
            Lesson(row: row, dense: drive(rule.dense), decoder: drive(rule.decoder)))
    }

    /// Changes the synapses by what was collected, which are rows of this slice.
    /// - Complexity: O(positions·hidden²) for M, O(positions·active latents·hidden) for D.
    mutating func finishChunk(_ synapses: inout LayerSynapses, slice: inout FrozenSlice) {
        guard !lessons.isEmpty else { return }
        let bound = min(cortex.rule.layer.bound, cortex.zone.matrixBound)
        cortex.addLayerFeatures(to: &slice)
        var unit = [Float](repeating: 0, count: slice.hiddenSize)
        for lesson in lessons {
            if let drive = lesson.dense {
                _ = slice.unitResidual(lesson.row, into: &unit)
                synapses.dense.update(
                    post: drive.post.span, pre: unit.span, change: drive.change, bound: bound)
            }
            guard let drive = lesson.decoder else { continue }
            for (latent, value) in slice.layerFeatures(lesson.row)
            where value > 0 && !cortex.zone.protected.hasLatent(latent) {
                synapses.update(
                    latent: latent, post: drive.post, pre: value, change: drive.change,
                    bound: bound)
            }
        }
        lessons.removeAll(keepingCapacity: true)
    }
}
