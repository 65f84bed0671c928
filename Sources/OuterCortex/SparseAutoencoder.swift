import Kernels
public import ModelFormats
import Synchronization

/// A TopK sparse autoencoder (Gao et al. 2024): which few features of 2,000 are at work in a
/// position. Over the final normed hidden state it is the presynaptic side of the feature synapses,
/// over the residual stream at a hookpoint that of the layer site's decoder synapses.
public final class SparseAutoencoder: Sendable {
    /// What its folder consists of.
    static let fileNames = ["cfg.json", "sae_weights.safetensors"]

    public let inputSize: Int
    public let latentCount: Int
    /// How many latents stay active a position.
    public let activeCount: Int

    /// W_enc.
    private let encoder: PanelMatrix
    /// b_enc − b_dec·W_enc when the decoder bias is taken off the input, so that encoding is one
    /// product; [latentCount].
    private let encoderBias: [Float]
    /// What waits for the next call, so that concurrent ones each have their own and nobody allocates
    /// twice. The lock is held for a push or a pop only.
    private let waiting = Mutex<[Scratch]>([])

    /// The buffers of one call.
    private struct Scratch: Sendable {
        /// Latents of some rows, [rows, latentCount].
        var activations: [Float] = []
        var rows: [Float] = []
        var top: [Int32] = []
    }

    /// Rows that are encoded together: enough for efficient products, and what they come to stays
    /// in the processor's cache.
    private static let chunk = 32

    /// - Parameter folder: What to call it in an error.
    /// - Throws: When it is not a TopK SAE over `inputSize` values, or normalises its input.
    public init(
        _ file: SparseAutoencoderFile, inputSize: Int, folder: String
    ) throws(CortexError) {
        func unusable(_ reason: String) -> CortexError {
            .unusableSparseAutoencoder(folder: folder, reason: reason)
        }
        guard file.architecture == .topk, let k = file.k else {
            throw unusable("its architecture is \(file.architecture), only topk is run here")
        }
        guard file.inputSize == inputSize else {
            throw unusable(
                "it reads \(file.inputSize) values, the core's hidden size is \(inputSize)")
        }
        guard (1...file.latentCount).contains(k) else {
            throw unusable("k = \(k) is not in 1...\(file.latentCount)")
        }
        guard file.normalization == .none, !file.rescalesActivationsByDecoderNorm else {
            throw unusable("it normalises its activations, which is not supported yet")
        }
        self.inputSize = inputSize
        latentCount = file.latentCount
        activeCount = k
        let weight = file.encoderWeight
        encoder = PanelMatrix(
            weight.span.bytes, .float32, inputs: inputSize, outputs: file.latentCount,
            inputsFirst: true)
        var bias = file.encoderBias
        if file.appliesDecoderBiasToInput {
            var shift = [Float](repeating: 0, count: file.latentCount)
            let decoderBias = file.decoderBias
            var output = shift.mutableSpan
            var none = MutableSpan<Float>()
            encoder.multiply(
                decoderBias.span, rows: 1, strideX: inputSize, scratch: &none, into: &output,
                strideY: latentCount)
            for index in bias.indices { bias[index] -= shift[index] }
        }
        encoderBias = bias
    }

    /// Encodes positions.
    /// - Parameters:
    ///   - hidden: shape [count, inputSize], row-major.
    ///   - latents: receives the active latents of each position, shape [count, activeCount],
    ///     strongest first.
    ///   - values: receives f̂ = relu(f)/‖relu(f)‖ beside them, same shape, dimensionless.
    /// - Complexity: One product [count, inputSize]·[inputSize, latentCount] and a selection;
    ///   allocates nothing once as many positions have been encoded.
    func encode(
        _ hidden: Span<Float>, count: Int, latents: inout [Int32], values: inout [Float]
    ) {
        latents.removeAll(keepingCapacity: true)
        values.removeAll(keepingCapacity: true)
        var scratch = waiting.withLock { $0.popLast() } ?? makeScratch(rows: min(count, Self.chunk))
        for start in stride(from: 0, to: count, by: Self.chunk) {
            let rows = min(Self.chunk, count - start)
            if scratch.activations.count < rows * latentCount {
                scratch = makeScratch(rows: rows)
            }
            activate(
                hidden.extracting(start * inputSize..<(start + rows) * inputSize), rows,
                &scratch.rows, into: &scratch.activations)
            for row in 0..<rows {
                select(row, scratch.activations, &scratch.top, &latents, &values)
            }
        }
        waiting.withLock { [scratch] in $0.append(scratch) }
    }

    private func makeScratch(rows: Int) -> Scratch {
        Scratch(
            activations: [Float](repeating: 0, count: rows * latentCount),
            rows: [Float](repeating: 0, count: rows * inputSize))
    }

    private func activate(
        _ hidden: Span<Float>, _ rows: Int, _ scratch: inout [Float],
        into activations: inout [Float]
    ) {
        var output = activations.mutableSpan
        var room = scratch.mutableSpan
        encoder.multiply(
            hidden, rows: rows, strideX: inputSize, scratch: &room, into: &output,
            strideY: latentCount)
        let encoderBias = encoderBias
        for row in 0..<rows {
            var all = output._mutatingExtracting(row * latentCount..<(row + 1) * latentCount)
            VectorKernels.addScaled(encoderBias.span, 1, to: &all)
        }
    }

    private func select(
        _ row: Int, _ activations: [Float], _ top: inout [Int32], _ latents: inout [Int32],
        _ values: inout [Float]
    ) {
        let start = row * latentCount
        TopK.indices(
            of: activations.span.extracting(start..<start + latentCount), count: activeCount,
            into: &top)
        var squares: Float = 1e-9
        for latent in top {
            let value = max(0, activations[start + Int(latent)])
            squares += value * value
        }
        let scale = 1 / squares.squareRoot()
        for latent in top {
            latents.append(latent)
            values.append(max(0, activations[start + Int(latent)]) * scale)
        }
    }
}
