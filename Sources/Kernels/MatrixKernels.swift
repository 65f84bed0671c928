import CKernels

/// Products of a matrix with a vector. Multiplied with `fma`; deterministic within one
/// ``KernelClass``; nothing is allocated. For frozen weights see ``PanelMatrix``.
public enum MatrixKernels {
    /// y = W·x.
    ///
    /// - Parameters:
    ///   - weight: W, shape [y.count, x.count], row-major.
    ///   - x: shape [columns].
    ///   - y: shape [rows]. Each element depends on its own row only, not on how many there are.
    public static func multiply(
        _ weight: Span<Float>, by x: Span<Float>, into y: inout MutableSpan<Float>
    ) {
        precondition(weight.count == x.count * y.count, "multiply: shapes differ")
        weight.withUnsafeBufferPointer { w in
            x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    kernels.pointee.gemv(
                        w.baseAddress, x.baseAddress, y.baseAddress, y.count, x.count)
                }
            }
        }
    }

    /// yᵢ = the row rowsᵢ of W times x, for a matrix of signed bytes.
    ///
    /// - Parameters:
    ///   - weight: W, shape [_, columns], row-major.
    ///   - rows: each a row of W.
    ///   - x: shape [columns].
    ///   - y: shape [rows.count].
    public static func multiplyRows(
        _ weight: Span<Int8>, columns: Int, rows: Span<Int32>, by x: Span<Float>,
        into y: inout MutableSpan<Float>
    ) {
        precondition(x.count == columns && y.count == rows.count, "multiplyRows: shapes differ")
        for index in rows.indices {
            precondition(
                rows[index] >= 0 && (Int(rows[index]) + 1) * columns <= weight.count,
                "multiplyRows: row \(rows[index]) is not there")
        }
        weight.withUnsafeBufferPointer { w in
            rows.withUnsafeBufferPointer { rows in
                x.withUnsafeBufferPointer { x in
                    y.withUnsafeMutableBufferPointer { y in
                        kernels.pointee.gather_dot_i8(
                            w.baseAddress, rows.baseAddress, x.baseAddress, y.baseAddress,
                            rows.count, columns)
                    }
                }
            }
        }
    }

    /// y = xᵀ·W.
    ///
    /// - Parameters:
    ///   - weight: W, shape [x.count, y.count], row-major.
    ///   - x: shape [rows].
    ///   - y: shape [columns].
    public static func multiplyTransposed(
        _ weight: Span<Float>, by x: Span<Float>, into y: inout MutableSpan<Float>
    ) {
        precondition(weight.count == x.count * y.count, "multiplyTransposed: shapes differ")
        weight.withUnsafeBufferPointer { w in
            x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                    kernels.pointee.gemv_transposed(
                        w.baseAddress, x.baseAddress, y.baseAddress, x.count, y.count)
                }
            }
        }
    }

    /// Converts stored elements to single precision: plain numbers exactly, quantised ones to the value
    /// that ggml defines.
    ///
    /// - Parameters:
    ///   - bytes: n elements of `encoding`.
    ///   - out: shape [n], whole blocks.
    public static func widen(
        _ bytes: RawSpan, _ encoding: WeightEncoding, into out: inout MutableSpan<Float>
    ) {
        precondition(
            bytes.byteCount == encoding.byteCount(elements: out.count), "widen: shapes differ")
        bytes.withUnsafeBytes { source in
            out.withUnsafeMutableBufferPointer { out in
                guard let from = source.baseAddress, let to = out.baseAddress else { return }
                switch encoding {
                case .float32:
                    UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: source.count)
                case .bfloat16: kernels.pointee.widen_bf16(from, to, out.count)
                case .float16: kernels.pointee.widen_f16(from, to, out.count)
                default: encoding.quantized.map { hebb_dequantize($0, from, to, out.count) }
                }
            }
        }
    }
}
