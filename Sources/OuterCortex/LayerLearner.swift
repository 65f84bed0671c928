import Engrams
import InnerCortex
import ModelFormats

/// Learns the layer site chunk by chunk: three factors meet at a synapse, the down projection's
/// input â or a latent's f̂ before it, the output error sent straight back (`LayerHook`) behind it,
/// and the reward.
///
///     ΔW += Σ_t η·ω·R·δ_t·â_tᵀ        D_i += Σ_t η·R·f̂_ti·δ_t
///
/// over the chunk's positions t, one after the other, with â = a/‖a‖ of the frozen pass and ω the
/// unit of the projection (`LayerHook.projectionUnit`). The norm is taken out of the update only:
/// a long a would learn by its square. Forward ΔW acts on a itself, so that it is a change of
/// weights and nothing else. Within a chunk the synapses stay the same, so
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
    /// - Complexity: O(positions·hidden·intermediate) for ΔW, O(positions·active latents·hidden) for D.
    mutating func finishChunk(_ synapses: inout LayerSynapses, slice: inout FrozenSlice) {
        guard !lessons.isEmpty else { return }
        let (rule, zone) = (cortex.rule.layer, cortex.zone)
        cortex.addLayerFeatures(to: &slice)
        var unit = [Float](repeating: 0, count: cortex.inner.config.intermediateSize)
        for lesson in lessons {
            if let drive = lesson.dense {
                slice.unitActivations(of: hook.block - 1, row: lesson.row, into: &unit)
                synapses.dense.update(
                    post: drive.post.span, pre: unit.span,
                    change: drive.change.scaled(by: hook.projectionUnit),
                    bound: min(rule.bound * hook.projectionNorm, zone.matrixBound))
            }
            guard let drive = lesson.decoder else { continue }
            for (latent, value) in slice.layerFeatures(lesson.row)
            where value > 0 && !cortex.zone.protected.hasLatent(latent) {
                synapses.update(
                    latent: latent, post: drive.post, pre: value, change: drive.change,
                    bound: min(rule.bound, zone.matrixBound))
            }
        }
        lessons.removeAll(keepingCapacity: true)
    }
}
