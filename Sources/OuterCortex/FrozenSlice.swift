import InnerCortex
import Kernels
import ModelFormats

/// Some consecutive positions of a text as the frozen core sees them: the presynaptic side of the
/// tokens that follow. Row r of every array is position `positions.lowerBound + r`.
struct FrozenSlice {
    /// Positions in the text; position t predicts token t + 1.
    var positions: Range<Int> = 0..<0
    /// z0, shape [count, vocabulary].
    var logits: [Float] = []
    /// h, the final normed hidden states, shape [count, hidden].
    var hidden: [Float] = []
    /// The residual stream in the middle of the network, at each of the cortex's `tappedBlocks` in
    /// their order: shape [count, tappedBlocks.count, hidden].
    var streams: [Float] = []
    /// ĥ, shape [count, hidden]; empty when the matrix site is off.
    var whitened: [Float] = []
    /// Episode keys of norm 1, shape [count, keySize]; empty when the episodic site is off.
    var keys: [Float] = []
    /// Scratch of what makes them.
    var centred: [Float] = []
    /// Active latents, strongest first, and f̂; shape [count, activeCount]; empty without an SAE.
    var latents: [Int32] = []
    var values: [Float] = []
    /// What the pass handed out from inside of the network, for the layer site.
    var taps = ForwardTaps()
    /// Active latents of the SAE at the hookpoint and their f̂, shape [count, layerActiveCount];
    /// empty until the layer site asks for them.
    var layerLatents: [Int32] = []
    var layerValues: [Float] = []
    /// What the layer site adds to the logits, shape [count, vocabulary]; empty when it is silent.
    var layerTerm: [Float] = []
    /// Row length of `logits` and `layerTerm`, of `hidden` and `whitened`, and of
    /// `latents`.
    var vocabularySize: Int
    var hiddenSize: Int
    var activeCount: Int
    var keySize: Int
    var layerActiveCount: Int

    init(cortex: Cortex) {
        vocabularySize = cortex.inner.config.vocabularySize
        hiddenSize = cortex.inner.config.hiddenSize
        activeCount = cortex.autoencoder?.activeCount ?? 0
        keySize = cortex.rule.episodeKeySize
        layerActiveCount = cortex.layerHook?.autoencoder?.activeCount ?? 0
    }

    /// Fills in `streams` from the taps.
    /// - Complexity: O(count·blocks·hidden); allocates only for more rows than before.
    mutating func takeStreams(at blocks: [Int]) {
        guard !blocks.isEmpty else { return }
        let (width, taps) = (hiddenSize, taps)
        let (rows, size) = (hidden.count / width, hidden.count * blocks.count)
        if streams.count != size { streams = [Float](repeating: 0, count: size) }
        var all = streams.mutableSpan
        for (index, block) in blocks.enumerated() {
            let stream = taps.residual(before: block)
            for row in 0..<rows {
                let place = (row * blocks.count + index) * width
                var target = all._mutatingExtracting(place..<place + width)
                VectorKernels.copy(
                    stream.span.extracting(row * width..<(row + 1) * width), into: &target)
            }
        }
    }

    /// A position's part of `streams`, shape [tapped blocks, hidden].
    func streams(_ row: Int) -> ArraySlice<Float> {
        let size = streams.count / positions.count
        return streams[row * size..<(row + 1) * size]
    }

    func rowRange(_ row: Int) -> Range<Int> {
        row * vocabularySize..<(row + 1) * vocabularySize
    }

    func latents(_ row: Int) -> ArraySlice<Int32> {
        latents[row * activeCount..<(row + 1) * activeCount]
    }

    func values(_ row: Int) -> ArraySlice<Float> {
        values[row * activeCount..<(row + 1) * activeCount]
    }

    /// Active latents at the layer site's hookpoint and their f̂; none where there is no SAE.
    func layerFeatures(_ row: Int) -> Zip2Sequence<ArraySlice<Int32>, ArraySlice<Float>> {
        let range = row * layerActiveCount..<(row + 1) * layerActiveCount
        return zip(layerLatents[range], layerValues[range])
    }

    /// The norm of the residual stream before a block, at one position.
    func residualNorm(before block: Int, row: Int) -> Float {
        let residual = taps.residual(before: block)
        let x = residual.span.extracting(row * hiddenSize..<(row + 1) * hiddenSize)
        return VectorKernels.dot(x, x).squareRoot()
    }

    /// â, what the down projection of a block read at one position, at norm 1; 0 stays 0.
    func unitActivations(of block: Int, row: Int, into unit: inout [Float]) {
        let activations = taps.activations(of: block)
        let width = unit.count
        let a = activations.span.extracting(row * width..<(row + 1) * width)
        let norm = VectorKernels.dot(a, a).squareRoot()
        var output = unit.mutableSpan
        VectorKernels.copy(a, into: &output)
        VectorKernels.scale(&output, by: norm > 0 ? 1 / norm : 0)
    }

    func keyRange(_ row: Int) -> Range<Int> { row * keySize..<(row + 1) * keySize }

    func whitened(_ row: Int) -> ArraySlice<Float> {
        whitened[row * hiddenSize..<(row + 1) * hiddenSize]
    }
}
