import CKernels

/// Rows of activations in signed bytes, as products with quantised weights read them: made once for
/// all the matrices that the same rows are multiplied with.
///
/// A block of 32 inputs has one scale: x ≈ scale·q, where scale = max|x|/127 and q = x/scale to the
/// nearest, ties to even. A block with a number that is not finite makes NaN of every product; one
/// whose numbers are all below 2⁻¹⁰⁰ is zero.
public struct QuantizedRows: Sendable {
    /// Inputs a block: rows have a multiple of it.
    public static let blockElements = Int(HEBB_BLOCK)

    public private(set) var rows = 0
    public private(set) var inputs = 0
    /// What `hebb_quantized_kernels.quantize` wrote; grows, and never shrinks.
    private var storage: [UInt64] = []

    public init() {}

    /// Replaces what is held.
    ///
    /// - Parameters:
    ///   - x: shape [rows, inputs], rows `strideX` apart.
    ///   - pool: shares the rows; nil takes all on this thread.
    /// - Precondition: `x` holds its rows; `inputs` is a multiple of 32.
    /// - Complexity: O(rows·inputs). Allocates only to hold more than ever before.
    public mutating func quantize(
        _ x: Span<Float>, rows: Int, strideX: Int, inputs: Int, on pool: WorkerPool? = nil
    ) {
        let words = Self.byteCount(rows: rows, inputs: inputs) / MemoryLayout<UInt64>.size
        if storage.count < words {
            storage.append(contentsOf: repeatElement(0, count: words - storage.count))
        }
        self.rows = rows
        self.inputs = inputs
        guard rows > 0 else { return }
        storage.withUnsafeMutableBytes {
            Self.quantize(x, rows: rows, strideX: strideX, inputs: inputs, on: pool, into: $0)
        }
    }

    func withUnsafeBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
        storage.withUnsafeBytes(body)
    }

    /// Bytes that so many rows take, fewer than two an element: a multiple of 8.
    static func byteCount(rows: Int, inputs: Int) -> Int {
        precondition(
            rows >= 0 && inputs >= 0 && inputs % blockElements == 0, "whole blocks of inputs")
        let blockBytes = blockElements + MemoryLayout<hebb_block_sums>.size
        return rows * (inputs / blockElements) * blockBytes
    }

    static func quantize(
        _ x: Span<Float>, rows: Int, strideX: Int, inputs: Int, on pool: WorkerPool?,
        into out: UnsafeMutableRawBufferPointer
    ) {
        precondition(
            strideX >= inputs && x.count >= (rows - 1) * strideX + inputs
                && out.count >= byteCount(rows: rows, inputs: inputs),
            "QuantizedRows: shapes differ")
        x.withUnsafeBufferPointer { x in
            hebb_quantize(
                pool?.pool, quantizedKernels, x.baseAddress, strideX, rows, inputs,
                out.baseAddress)
        }
    }
}

/// The table of the fastest implementation, resolved once for the process. All give the same bits,
/// so that it is not of a ``KernelClass``.
///
/// Invariant: it points to a constant of the C library, which nothing ever writes.
nonisolated(unsafe) let quantizedKernels: UnsafePointer<hebb_quantized_kernels> =
    hebb_quantized_best()

extension WeightEncoding {
    /// Its name in C; nil for plain numbers.
    var quantized: hebb_encoding? {
        switch self {
        case .float32, .float16, .bfloat16: nil
        case .q4_0: HEBB_Q4_0
        case .q4_1: HEBB_Q4_1
        case .q5_0: HEBB_Q5_0
        case .q5_1: HEBB_Q5_1
        case .q8_0: HEBB_Q8_0
        case .q4_K: HEBB_Q4_K
        case .q5_K: HEBB_Q5_K
        case .q6_K: HEBB_Q6_K
        }
    }
}
