import Foundation
import Kernels
public import ModelFormats

/// Trains a TopK sparse autoencoder with Adam (Gao et al. 2024, Scaling and evaluating sparse
/// autoencoders): encoder and decoder tied at the start, decoder rows of unit norm throughout,
/// and an auxiliary loss that lets latents which have gone silent learn from the residual.
///
/// The same dataset, options and seed give the same SAE, also when training was interrupted.
public struct SparseAutoencoderTrainer {
    public struct Options: Sendable, Codable {
        public var latentCount = 2048
        public var k = 32
        public var steps = 3000
        public var batchSize = 1024
        public var learningRate: Float = 1e-3
        /// A latent that did not fire for this many positions counts as dead.
        public var deadAfter = 100_000
        public var auxiliaryWeight: Float = 1.0 / 32
        public var auxiliaryK = 64
        public var seed: UInt64 = 1
        public init() {}
    }

    /// How well it reconstructs.
    public struct Report: Sendable {
        /// Fraction of variance unexplained: Σ‖x − x̂‖² / Σ‖x − mean‖².
        public var unexplainedVariance: Double
        /// Mean number of latents above 0 a position.
        public var meanActive: Double
        /// Latents that never fired over the positions measured.
        public var deadLatents: Int
    }

    public let options: Options
    public let inputSize: Int
    /// Steps done.
    public internal(set) var step = 0
    /// W_enc as [latent, input]: a latent's row is contiguous, which the sparse updates need.
    var encoder: AdamParameter
    var encoderBias: AdamParameter
    /// W_dec, [latent, input].
    var decoder: AdamParameter
    var decoderBias: AdamParameter
    /// Positions since each latent last fired.
    var silence: [Int]
    /// Of the values that it was begun on, and so of core, text and hookpoint.
    let datasetDigest: InputDigest

    /// - Complexity: O(values): they are hashed once, so that a state can name what it belongs to.
    public init(dataset: ActivationDataset, options: Options) {
        self.options = options
        datasetDigest = dataset.digest
        inputSize = dataset.hiddenSize
        var generator = SeededGenerator(seed: options.seed)
        var directions = [Float](repeating: 0, count: options.latentCount * dataset.hiddenSize)
        for index in directions.indices { directions[index] = generator.normal() }
        decoder = AdamParameter(directions)
        silence = [Int](repeating: 0, count: options.latentCount)
        encoderBias = AdamParameter([Float](repeating: 0, count: options.latentCount))
        decoderBias = AdamParameter(Self.mean(of: dataset))
        encoder = decoder
        normalizeDecoder()
        encoder = decoder
    }

    static func mean(of dataset: ActivationDataset) -> [Float] {
        var mean = [Float](repeating: 0, count: dataset.hiddenSize)
        var span = mean.mutableSpan
        for row in 0..<dataset.count {
            VectorKernels.addScaled(
                dataset.values.span.extracting(dataset.row(row)), 1 / Float(dataset.count),
                to: &span)
        }
        return mean
    }

    /// Does one Adam step on a batch drawn from the seed and the step's number.
    /// - Returns: The batch's fraction of variance unexplained.
    /// - Complexity: O(batch·latents·inputSize) for the encoder's product; the rest is sparse.
    public mutating func advance(on dataset: ActivationDataset) -> Double {
        var generator = SeededGenerator(seed: options.seed &+ UInt64(step + 1) &* 0x9E37_79B9)
        let batch = (0..<options.batchSize).map { _ in
            Int.random(in: 0..<dataset.count, using: &generator)
        }
        var gradients = Gradients(latentCount: options.latentCount, inputSize: inputSize)
        let (residual, total) = accumulate(&gradients, batch: batch, dataset: dataset)
        apply(gradients)
        step += 1
        return residual / max(total, 1e-12)
    }

    private func encoded(_ batch: [Int], _ dataset: ActivationDataset) -> (
        centered: [Float], activations: [Float]
    ) {
        var centered: [Float] = []
        centered.reserveCapacity(batch.count * inputSize)
        for row in batch {
            for (column, index) in dataset.row(row).enumerated() {
                centered.append(dataset.values[index] - decoderBias.value[column])
            }
        }
        var activations = [Float](repeating: 0, count: batch.count * options.latentCount)
        var output = activations.mutableSpan
        BLAS.multiply(
            a: centered.span, b: encoder.value.span, m: batch.count, k: inputSize,
            n: options.latentCount, transposeB: true, into: &output)
        for row in 0..<batch.count {
            var part = output._mutatingExtracting(
                row * options.latentCount..<(row + 1) * options.latentCount)
            VectorKernels.addScaled(encoderBias.value.span, 1, to: &part)
        }
        return (centered, activations)
    }

    /// Adds the gradients of the mean squared error over a batch.
    /// - Returns: Σ‖x̂ − x‖² and Σ‖x − b_dec‖² over the batch.
    mutating func accumulate(
        _ gradients: inout Gradients, batch: [Int], dataset: ActivationDataset
    ) -> (residual: Double, total: Double) {
        let (centered, activations) = encoded(batch, dataset)
        let isDead = silence.map { $0 > options.deadAfter }
        let deadCount = isDead.reduce(0) { $0 + ($1 ? 1 : 0) }
        for latent in silence.indices { silence[latent] += batch.count }
        let scale = 2 / Float(batch.count)
        var (residual, total) = (0.0, 0.0)
        var top: [Int32] = []
        var masked = [Float](repeating: 0, count: options.latentCount)
        for row in batch.indices {
            let input = centered.span.extracting(row * inputSize..<(row + 1) * inputSize)
            let scores = activations.span.extracting(
                row * options.latentCount..<(row + 1) * options.latentCount)
            TopK.indices(of: scores, count: options.k, into: &top)
            let active = top.filter { scores[Int($0)] > 0 }
            // error = x̂ − x, both without the decoder bias.
            var error = [Float](repeating: 0, count: inputSize)
            subtract(input, from: &error)
            for latent in active {
                silence[Int(latent)] = 0
                add(decoder, latent, scores[Int(latent)], to: &error)
            }
            residual += Double(VectorKernels.dot(error.span, error.span))
            total += Double(VectorKernels.dot(input, input))
            propagate(error, active, scores, input, scale, &gradients)
            addToBias(error, scale, &gradients)

            guard deadCount > 0 else { continue }
            // The residual as the dead latents would explain it: error' = x̂' − (x − x̂).
            for index in masked.indices { masked[index] = isDead[index] ? scores[index] : -1e30 }
            TopK.indices(
                of: masked.span, count: min(options.auxiliaryK, deadCount), into: &top)
            var rest = error
            for latent in top where scores[Int(latent)] > 0 {
                add(decoder, latent, scores[Int(latent)], to: &rest)
            }
            let revived = top.filter { scores[Int($0)] > 0 }
            propagate(
                rest, revived, scores, input, scale * options.auxiliaryWeight, &gradients)
        }
        return (residual, total)
    }

    private func addToBias(_ error: [Float], _ scale: Float, _ gradients: inout Gradients) {
        var span = gradients.decoderBias.mutableSpan
        VectorKernels.addScaled(error.span, scale, to: &span)
    }

    private func subtract(_ input: Span<Float>, from error: inout [Float]) {
        var span = error.mutableSpan
        VectorKernels.addScaled(input, -1, to: &span)
    }

    private func add(
        _ parameter: AdamParameter, _ latent: Int32, _ factor: Float, to vector: inout [Float]
    ) {
        var span = vector.mutableSpan
        VectorKernels.addScaled(parameter.value.span.extracting(rows(latent)), factor, to: &span)
    }

    private func rows(_ latent: Int32) -> Range<Int> {
        Int(latent) * inputSize..<(Int(latent) + 1) * inputSize
    }

    /// Gradients of scale/2·‖error‖² with respect to the active latents' rows.
    private func propagate(
        _ error: [Float], _ active: [Int32], _ scores: Span<Float>, _ input: Span<Float>,
        _ scale: Float, _ gradients: inout Gradients
    ) {
        for latent in active {
            let range = rows(latent)
            let drive = VectorKernels.dot(error.span, decoder.value.span.extracting(range))
            gradients.encoderBias[Int(latent)] += scale * drive
            var encoderSpan = gradients.encoder.mutableSpan
            var encoderRow = encoderSpan._mutatingExtracting(range)
            VectorKernels.addScaled(input, scale * drive, to: &encoderRow)
            var decoderSpan = gradients.decoder.mutableSpan
            var decoderRow = decoderSpan._mutatingExtracting(range)
            VectorKernels.addScaled(error.span, scale * scores[Int(latent)], to: &decoderRow)
        }
    }

    private mutating func apply(_ gradients: Gradients) {
        // Linear decay over the last fifth; a short warm-up keeps Adam's first steps small.
        let left = Float(options.steps - step) / (0.2 * Float(options.steps))
        let rate = options.learningRate * min(1, left, Float(step + 1) / 50)
        encoder.update(gradients.encoder, rate: rate, step: step + 1)
        encoderBias.update(gradients.encoderBias, rate: rate, step: step + 1)
        decoder.update(gradients.decoder, rate: rate, step: step + 1)
        decoderBias.update(gradients.decoderBias, rate: rate, step: step + 1)
        normalizeDecoder()
    }

    private func squaredNorm(ofDecoderRow range: Range<Int>) -> Float {
        let row = decoder.value.span.extracting(range)
        return VectorKernels.dot(row, row)
    }

    private mutating func normalizeDecoder() {
        for latent in 0..<options.latentCount {
            let range = latent * inputSize..<(latent + 1) * inputSize
            let norm = squaredNorm(ofDecoderRow: range).squareRoot()
            let scale = 1 / max(norm, 1e-8)
            for index in range { decoder.value[index] *= scale }
        }
    }

    /// Measures on positions it may or may not have been trained on.
    public func evaluate(on dataset: ActivationDataset, positions: Range<Int>) -> Report {
        let mean = Self.mean(of: dataset)
        var (residual, total, active) = (0.0, 0.0, 0)
        var hasFired = [Bool](repeating: false, count: options.latentCount)
        var top: [Int32] = []
        for start in stride(from: positions.lowerBound, to: positions.upperBound, by: 1024) {
            let batch = Array(start..<min(positions.upperBound, start + 1024))
            let (centered, activations) = encoded(batch, dataset)
            for row in batch.indices {
                let scores = activations.span.extracting(
                    row * options.latentCount..<(row + 1) * options.latentCount)
                TopK.indices(of: scores, count: options.k, into: &top)
                var error = [Float](repeating: 0, count: inputSize)
                subtract(
                    centered.span.extracting(row * inputSize..<(row + 1) * inputSize), from: &error)
                for latent in top where scores[Int(latent)] > 0 {
                    add(decoder, latent, scores[Int(latent)], to: &error)
                    active += 1
                    hasFired[Int(latent)] = true
                }
                residual += Double(VectorKernels.dot(error.span, error.span))
                for (column, index) in dataset.row(batch[row]).enumerated() {
                    let distance = Double(dataset.values[index] - mean[column])
                    total += distance * distance
                }
            }
        }
        return Report(
            unexplainedVariance: residual / max(total, 1e-12),
            meanActive: Double(active) / Double(max(1, positions.count)),
            deadLatents: hasFired.reduce(0) { $0 + ($1 ? 0 : 1) })
    }

    /// The SAE in SAELens's layout.
    public func file(modelName: String, hookName: String) -> SparseAutoencoderFile {
        var transposed = [Float](repeating: 0, count: encoder.value.count)
        for latent in 0..<options.latentCount {
            for column in 0..<inputSize {
                transposed[column * options.latentCount + latent] =
                    encoder.value[latent * inputSize + column]
            }
        }
        return SparseAutoencoderFile(
            architecture: .topk, inputSize: inputSize, latentCount: options.latentCount,
            k: options.k, appliesDecoderBiasToInput: true, normalization: .none,
            rescalesActivationsByDecoderNorm: false, hookName: hookName, modelName: modelName,
            encoderWeight: transposed, encoderBias: encoderBias.value,
            decoderWeight: decoder.value, decoderBias: decoderBias.value)
    }
}

/// Gradients of one batch, shapes as the parameters'.
struct Gradients {
    var encoder: [Float]
    var encoderBias: [Float]
    var decoder: [Float]
    var decoderBias: [Float]

    init(latentCount: Int, inputSize: Int) {
        encoder = [Float](repeating: 0, count: latentCount * inputSize)
        encoderBias = [Float](repeating: 0, count: latentCount)
        decoder = [Float](repeating: 0, count: latentCount * inputSize)
        decoderBias = [Float](repeating: 0, count: inputSize)
    }
}
