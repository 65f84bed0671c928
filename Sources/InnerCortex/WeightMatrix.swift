import Kernels
import ModelFormats

/// A two-dimensional weight where it lies in the mapped file, and the products with it.
struct WeightMatrix: Sendable {
    /// The order of the two dimensions in the file.
    enum Layout: Sendable {
        /// [outputs, inputs]: `torch.nn.Linear`, and embeddings with tokens as outputs.
        case outputsFirst
        /// [inputs, outputs]: GPT-2's `Conv1D`.
        case inputsFirst
    }

    let tensor: SafetensorsFile.Tensor
    let type: WeightType
    let layout: Layout
    let inputs: Int
    let outputs: Int

    /// Outputs whose weights are converted to single precision at a time: one megabyte, so that
    /// they stay in the second-level cache while the tiles pass. It depends on shapes only, because
    /// a product's rounding may depend on how it is cut.
    var blockOutputs: Int { min(outputs, max(64, 262_144 / inputs / 64 * 64)) }

    /// y = W·x, by our kernels.
    ///
    /// - Parameters:
    ///   - x: shape [inputs].
    ///   - y: shape [outputs].
    func multiply(_ x: Span<Float>, into y: inout MutableSpan<Float>) {
        tensor.withUnsafeBytes { bytes in
            switch layout {
            case .outputsFirst: MatrixKernels.multiply(bytes.bytes, type, by: x, into: &y)
            case .inputsFirst: MatrixKernels.multiplyTransposed(bytes.bytes, type, by: x, into: &y)
            }
        }
    }

    /// The weights of some outputs in single precision: shape [range.count, inputs], or
    /// [inputs, range.count] when the inputs come first.
    func widen(outputs range: Range<Int>, into out: inout MutableSpan<Float>) {
        let size = type.byteCount
        tensor.withUnsafeBytes { buffer in
            let bytes = buffer.bytes
            switch layout {
            case .outputsFirst:
                let part = bytes.extracting(
                    range.lowerBound * inputs * size..<range.upperBound * inputs * size)
                MatrixKernels.widen(part, type, into: &out)
            case .inputsFirst:
                for input in 0..<inputs {
                    let start = (input * outputs + range.lowerBound) * size
                    let part = bytes.extracting(start..<start + range.count * size)
                    let place = input * range.count..<(input + 1) * range.count
                    var row = out._mutatingExtracting(place)
                    MatrixKernels.widen(part, type, into: &row)
                }
            }
        }
    }

    /// y = x·Wᵀ for one tile of rows and one block of outputs, by OpenBLAS.
    ///
    /// - Parameters:
    ///   - x: shape [Tile.rows, inputs], rows `leadingX` apart.
    ///   - block: what `widen(outputs:into:)` gave for `count` outputs.
    ///   - y: shape [Tile.rows, count], rows `leadingY` apart.
    func multiplyTile(
        _ x: Span<Float>, leadingX: Int, block: Span<Float>, count: Int, leadingY: Int,
        into y: inout MutableSpan<Float>
    ) {
        BLAS.multiply(
            a: x, b: block, m: Tile.rows, k: inputs, n: count,
            transposeB: layout == .outputsFirst, leadingA: leadingX, leadingC: leadingY, into: &y)
    }
}

/// A matrix with its bias: y = W·x + b.
struct Projection: Sendable {
    let weight: WeightMatrix
    /// Shape [outputs].
    let bias: [Float]?
}

/// The tiles that prefill computes in.
///
/// Tiles are aligned to positions of the context, and rows of a tile that are not asked for are
/// computed and thrown away: so every product has the same shape, and a token's result depends on
/// its position and on the tokens before it, never on how a text was cut into calls. (OpenBLAS's
/// Haswell kernels round rows of one product differently, depending on their place in it.)
enum Tile {
    /// Rows of every product.
    static let rows = 64
    /// Most tokens of one pass through the layers: the weights are converted once for all of them.
    static let tokensPerPass = 512
    /// Rows that a pass can need: `tokensPerPass`, starting anywhere in a tile.
    static let maximumRows = tokensPerPass + rows
}
