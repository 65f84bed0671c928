import Engrams
import InnerCortex
import ModelFormats

/// The part of an engram that a file of a format can hold, as the core computes with it.
struct AdapterContent: Sendable {
    /// The rank that readers take without being asked (vLLM's `max_lora_rank`).
    static let rank = 16

    var deltas: [ProjectionSite: LowRankDelta] = [:]
    /// What joins the residual stream at the hookpoint at every position; shape [hidden].
    var direction: [Float]?

    var isEmpty: Bool { deltas.isEmpty && direction == nil }
    var synapses: LayerSynapses { LayerSynapses(deltas: deltas) }

    /// The weight changes of the layer site: as they are where their rank allows it, else the best
    /// approximation; changes of one projection are added up first.
    init(weightsOf layer: LayerSynapses, cortex: Cortex) {
        var whole: [ProjectionSite: [Float]] = [:]
        if let hook = cortex.layerHook, !layer.dense.isEmpty {
            whole[hook.projection] = layer.dense.weights
        }
        for (site, delta) in layer.deltas {
            if var sum = whole[site] {
                delta.add(1, to: &sum)
                whole[site] = sum
            } else if delta.rank <= Self.rank {
                deltas[site] = delta
            } else {
                whole[site] = delta.product
            }
        }
        for site in whole.keys.sorted() {
            guard let matrix = whole[site], let size = cortex.inner.projections.size(of: site)
            else { continue }
            deltas[site] = LowRankDelta(
                approximating: matrix, inputs: size.inputs, outputs: size.outputs,
                rank: Self.rank)
        }
    }

    /// Adds a delta of the unembedding.
    mutating func add(toHead delta: LowRankDelta) {
        guard let own = deltas[.unembedding] else {
            deltas[.unembedding] = delta
            return
        }
        guard let sum = own.adding(delta, scale: 1) else {
            deltas[.unembedding] = nil
            return
        }
        deltas[.unembedding] =
            sum.rank <= Self.rank
            ? sum
            : LowRankDelta(
                approximating: sum.product, inputs: sum.inputs, outputs: sum.outputs,
                rank: Self.rank)
    }

    init(direction: [Float]?) { self.direction = direction }
}

extension PlasticSites {
    /// The sites that act and that no file of a format can hold, for people.
    func sitesBeyond(_ format: AdapterFormat) -> [String] {
        var names: [String] = []
        if bias.contains(where: { $0 != 0 }) { names.append("token biases") }
        if !sequences.isEmpty { names.append("sequence synapses") }
        if !features.isEmpty { names.append("feature synapses") }
        if !episodes.isEmpty { names.append("episodes") }
        if !matrix.isEmpty {
            names.append("layer weights M (they read whitened states of norm 1)")
        }
        switch format {
        case .peft, .ggufLoRA:
            if !layer.decoder.isEmpty { names.append("decoder directions of the layer site") }
        case .controlVector:
            if !layer.dense.isEmpty || !layer.deltas.isEmpty {
                names.append("weight changes of the layer site")
            }
        }
        return names
    }
}
