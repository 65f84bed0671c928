import Foundation
public import InnerCortex
import Kernels
import ModelFormats
public import OuterCortex

/// Second moments of a core's hidden states and of its unembedding: what the whitening of the matrix
/// site and the keys of the episodic site are made from.
public struct HiddenStatistics {
    private let size: Int
    private let mean: [Double]
    /// Eigenvalues of the hidden states' covariance, descending, and their vectors as rows.
    private let hidden: Spectrum
    private let unembeddingMean: [Double]
    private let unembedding: Spectrum
    private let rows: [Float]

    private struct Spectrum {
        var values: [Double]
        /// Shape [size, size]; row i belongs to values[i].
        var vectors: [Double]

        /// Σ_i max(value_i, floor)^power·v_i·v_iᵀ, shape [size, size].
        func power(_ power: Double) -> [Double] {
            let n = values.count
            var result = [Double](repeating: 0, count: n * n)
            for i in 0..<n {
                let scale = pow(max(values[i], floor), power)
                for r in 0..<n {
                    let left = scale * vectors[i * n + r]
                    for c in 0..<n { result[r * n + c] += left * vectors[i * n + c] }
                }
            }
            return result
        }

        /// Directions in which next to nothing varies are not blown up to the size of the rest.
        var floor: Double { 1e-4 * (values.first ?? 1) }
    }

    /// - Complexity: O(count·size² + size³); seconds at size 256.
    public init(of dataset: ActivationDataset, inner: InnerCortex) {
        size = dataset.hiddenSize
        (mean, hidden) = Self.moments(dataset.values, size: size)
        var rows = [Float](repeating: 0, count: inner.config.vocabularySize * size)
        for token in 0..<inner.config.vocabularySize {
            var all = rows.mutableSpan
            var row = all._mutatingExtracting(token * size..<(token + 1) * size)
            inner.unembeddingRow(TokenID(token), into: &row)
        }
        (unembeddingMean, unembedding) = Self.moments(rows, size: size)
        self.rows = rows
    }

    /// T = C_h^(−¼), and A = C_U^(−¼) scaled so that A·(U_j − ū) has mean norm 1.
    public func whitening() -> Whitening {
        var output = unembedding.power(-0.25).map { Float($0) }
        let centre = unembeddingMean.map { Float($0) }
        var total = 0.0
        var product = [Float](repeating: 0, count: size)
        let count = rows.count / size
        for token in 0..<count {
            let row = (0..<size).map { rows[token * size + $0] - centre[$0] }
            var result = product.mutableSpan
            MatrixKernels.multiply(output.span, by: row.span, into: &result)
            total += Double(VectorKernels.dot(product.span, product.span).squareRoot())
        }
        let scale = Float(Double(count) / max(total, 1e-9))
        for index in output.indices { output[index] *= scale }
        return Whitening(
            mean: mean.map { Float($0) }, transform: hidden.power(-0.25).map { Float($0) },
            unembeddingMean: centre, unembeddingTransform: output)
    }

    /// The leading whitened principal directions.
    /// - Parameter keySize: how many, at most the hidden size.
    public func keyProjection(keySize: Int) -> KeyProjection {
        let kept = min(keySize, size)
        var projection: [Float] = []
        for i in 0..<kept {
            let scale = pow(max(hidden.values[i], hidden.floor), -0.25)
            for c in 0..<size { projection.append(Float(scale * hidden.vectors[i * size + c])) }
        }
        return KeyProjection(mean: mean.map { Float($0) }, projection: projection)
    }

    private static func moments(_ values: [Float], size: Int) -> ([Double], Spectrum) {
        let count = values.count / size
        var mean = [Double](repeating: 0, count: size)
        for index in values.indices { mean[index % size] += Double(values[index]) }
        for index in mean.indices { mean[index] /= Double(max(1, count)) }
        var centred = values
        for index in centred.indices { centred[index] -= Float(mean[index % size]) }
        var product = [Float](repeating: 0, count: size * size)
        var output = product.mutableSpan
        BLAS.multiply(
            a: centred.span, b: centred.span, m: size, k: count, n: size, transposeA: true,
            alpha: 1 / Float(max(1, count)), into: &output)
        var covariance = [Double](repeating: 0, count: size * size)
        for r in 0..<size {
            for c in 0..<size {
                covariance[r * size + c] =
                    Double(product[r * size + c] + product[c * size + r]) / 2
            }
        }
        let eigen = SymmetricEigen(covariance, size: size)
        let order = (0..<size).sorted {
            eigen.values[$0] == eigen.values[$1] ? $0 < $1 : eigen.values[$0] > eigen.values[$1]
        }
        var vectors: [Double] = []
        for i in order {
            // Of the two signs, the one whose largest element is above 0.
            let column = (0..<size).map { eigen.vectors[$0 * size + i] }
            let peak = column.max { abs($0) < abs($1) } ?? 0
            vectors += column.map { peak < 0 ? -$0 : $0 }
        }
        return (mean, Spectrum(values: order.map { eigen.values[$0] }, vectors: vectors))
    }
}
