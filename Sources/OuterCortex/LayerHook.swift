import Engrams
import Foundation
import InnerCortex
import Kernels
import ModelFormats

/// What the layer site knows of its core: where it hooks in, the SAE of that place, and the
/// directions in which an output error reaches it.
///
/// The error goes back through the readout alone, as if the blocks above the hookpoint were the
/// identity ("direct identity feedback"; random feedback diverges there, DESIGN §4):
///
///     δ = Σ_j e_j·(R_j − r̄)/ρ,   R_j = γ ⊙ U_j
///
/// with U the unembedding, γ the final norm's scale, r̄ the mean of R's rows and ρ the mean norm of
/// the rows R_j − r̄. A wholly wrong prediction thus has a δ of norm about 1 on every core, so that
/// a rate means the same on each.
struct LayerHook: Sendable {
    /// The residual stream before this block, which is after as many.
    let block: Int
    /// nil when the decoder synapses are off.
    let autoencoder: SparseAutoencoder?
    /// r̄, shape [hidden].
    private let mean: [Float]
    /// 1/ρ.
    private let scale: Float
    /// ‖W‖ of the down projection that ΔW belongs to, and √ of its inputs.
    let projectionNorm: Float
    private let projectionRoot: Float

    static let folderName = "sae-layer"

    /// - Parameter folder: of the core.
    /// - Returns: nil when the rule has the site off.
    /// - Throws: `CortexError` when the core has no such block or no SAE for it, or the SAE's own.
    /// - Complexity: O(vocabulary·hidden), twice.
    init?(_ rule: LayerRule, inner: InnerCortex, folder: String) throws {
        guard rule.isOn else { return nil }
        let layers = inner.config.layerCount
        guard (1..<max(1, layers)).contains(rule.block) else {
            throw CortexError.unreadableRule(
                file: PlasticityRule.fileName,
                reason: "layer.block is \(rule.block), but this core has \(layers) blocks: "
                    + (layers > 1 ? "1 to \(layers - 1) are allowed" : "switch the site off"))
        }
        block = rule.block
        if rule.decoder.isOn {
            let path = URL(fileURLWithPath: folder).appendingPathComponent(Self.folderName).path
            autoencoder = try Self.autoencoder(at: path, block: rule.block, inner: inner)
        } else {
            autoencoder = nil
        }
        (mean, scale) = Self.statistics(of: inner)
        projectionNorm = inner.frobeniusNorm(of: .block(rule.block - 1, .down))
        projectionRoot = Float(inner.config.intermediateSize).squareRoot()
    }

    /// The projection that ΔW belongs to: the last before the hookpoint.
    var projection: ProjectionSite { .block(block - 1, .down) }

    /// ω: how much the frozen projection makes of an arbitrary input of norm 1, the unit of ΔW's
    /// rate, so that a rate means the same on each core.
    var projectionUnit: Float { projectionNorm / projectionRoot }

    private static func autoencoder(
        at path: String, block: Int, inner: InnerCortex
    ) throws -> SparseAutoencoder {
        guard FileManager.default.fileExists(atPath: path) else {
            throw CortexError.missing(
                file: path,
                remedy: "layer.decoder needs a TopK SAE over the residual stream before block "
                    + "\(block): train one with `hebb train-sae --block \(block)`, or set "
                    + "layer.decoder.rate to 0.")
        }
        let file = try SparseAutoencoderFile(folder: path)
        let names = ["blocks.\(block).hook_resid_pre", "blocks.\(block - 1).hook_resid_post"]
        // Names of another convention tell nothing and are believed.
        guard !file.hookName.hasPrefix("blocks.") || names.contains(file.hookName) else {
            throw CortexError.unusableSparseAutoencoder(
                folder: path,
                reason: "it was trained at \(file.hookName), the rule's hookpoint is \(names[0])")
        }
        return try SparseAutoencoder(file, inputSize: inner.config.hiddenSize, folder: path)
    }

    /// r̄ and 1/ρ, summed in the order of the vocabulary.
    private static func statistics(of inner: InnerCortex) -> (mean: [Float], scale: Float) {
        let zero = [Float](repeating: 0, count: inner.config.hiddenSize)
        let count = Float(inner.config.vocabularySize)
        var (mean, row) = (zero, zero)
        func read(_ token: Int) {
            var direction = row.mutableSpan
            inner.readoutDirection(of: TokenID(token), into: &direction)
        }
        for token in 0..<inner.config.vocabularySize {
            read(token)
            VectorKernels.addScaled(row, 1 / count, to: &mean)
        }
        var norms: Float = 0
        for token in 0..<inner.config.vocabularySize {
            read(token)
            VectorKernels.addScaled(mean, -1, to: &row)
            norms += VectorKernels.dot(row.span, row.span).squareRoot() / count
        }
        return (mean, norms > 0 ? 1 / norms : 0)
    }

    /// δ at one position, shape [hidden].
    /// - Complexity: O(errors·hidden).
    func feedback(of errors: ErrorTargets, prediction: Float, inner: InnerCortex) -> [Float] {
        var (delta, row) = ([Float](repeating: 0, count: mean.count), mean)
        for (index, token) in errors.tokens.enumerated() {
            let error = scale * errors.post(index, prediction: prediction)
            do {
                var direction = row.mutableSpan
                inner.readoutDirection(of: TokenID(rawValue: token), into: &direction)
            }
            VectorKernels.addScaled(row, error, to: &delta)
            VectorKernels.addScaled(mean, -error, to: &delta)
        }
        return delta
    }
}

extension Cortex {
    /// The first block that a pass under these synapses computes by itself: all before it is the
    /// frozen pass. While the rule lets the site learn it counts with what may come. nil: no block.
    func entryBlock(of synapses: LayerSynapses) -> Int? {
        var blocks: [Int] = []
        if let hook = layerHook {
            if rule.layer.dense.isOn { blocks.append(hook.block - 1) }
            if hook.autoencoder != nil { blocks.append(hook.block) }
        }
        if let first = synapses.firstDeltaBlock { blocks.append(first) }
        return blocks.min()
    }

    /// What the frozen pass has to hand out: at the tapped blocks, and for the layer site.
    func taps(_ synapses: LayerSynapses) -> ForwardTaps {
        var streams = Set(tappedBlocks)
        var activations: Set<Int> = []
        if let entry = entryBlock(of: synapses) { streams.insert(entry) }
        if let hook = layerHook {
            if hook.autoencoder != nil { streams.insert(hook.block) }
            if rule.layer.dense.isOn { activations.insert(hook.block - 1) }
        }
        return ForwardTaps(residualsBefore: streams, activationsOf: activations)
    }

    /// Fills in the latents at the layer site's hookpoint, unless they are there.
    func addLayerFeatures(to slice: inout FrozenSlice) {
        guard slice.layerLatents.isEmpty, let hook = layerHook, let autoencoder = hook.autoencoder
        else { return }
        let residual = slice.taps.residual(before: hook.block)
        autoencoder.encode(
            residual.span, count: residual.count / slice.hiddenSize, latents: &slice.layerLatents,
            values: &slice.layerValues)
    }
}
