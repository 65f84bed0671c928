import Foundation
import Kernels

/// Keys of tokens by what they mean where they stand: k = unit(P·(x − μ)), with x the unit states of
/// the tapped blocks, one behind the other.
struct MeaningKeys {
    private let weights: RecallWeights
    /// x − μ of the newest row.
    private var state: [Float]
    private var product: [Float]

    init(_ weights: RecallWeights) {
        self.weights = weights
        state = [Float](repeating: 0, count: weights.mean.count)
        product = [Float](repeating: 0, count: weights.keySize)
    }

    /// Appends the key of a token that was said.
    /// - Parameter streams: of its position, shape [tapped blocks, hidden].
    /// - Complexity: O(key·blocks·hidden).
    mutating func appendSaid(_ streams: ArraySlice<Float>, to keys: inout [Float]) {
        centre(streams)
        project(weights.sayingProjection, to: &keys)
    }

    /// Appends the key of a token of a question.
    /// - Returns: How much of the question it is, w = r·exp(v·(x − μ)).
    mutating func appendAsked(
        _ streams: ArraySlice<Float>, token: Int32, to keys: inout [Float]
    ) -> Float {
        centre(streams)
        project(weights.questionProjection, to: &keys)
        let attention = weights.attention
        let drive = VectorKernels.dot(attention.span, state.span)
        return weights.rarity[Int(token)] * expf(max(-20, min(20, drive)))
    }

    private mutating func centre(_ streams: ArraySlice<Float>) {
        let width = state.count / weights.blocks.count
        for block in weights.blocks.indices {
            let start = streams.startIndex + block * width
            let part = streams[start..<start + width]
            let norm = VectorKernels.dot(part.span, part.span).squareRoot()
            let scale = norm > 0 && norm.isFinite ? 1 / norm : 0
            for (index, value) in part.enumerated() {
                state[block * width + index] = value * scale - weights.mean[block * width + index]
            }
        }
    }

    private mutating func project(_ projection: [Float], to keys: inout [Float]) {
        do {
            let state = state
            var output = product.mutableSpan
            MatrixKernels.multiply(projection.span, by: state.span, into: &output)
        }
        let norm = VectorKernels.dot(product.span, product.span).squareRoot()
        let scale = norm > 0 && norm.isFinite ? 1 / norm : 0
        for value in product { keys.append(value * scale) }
    }
}
