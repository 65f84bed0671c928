import CKernels

/// A frozen matrix W, laid out for products with any number of rows.
///
/// Outputs lie in panels of 64 (`HEBB_PANEL`), so that sums stay in registers without horizontal
/// additions, for one row and for hundreds alike. An element of a product is one chain of fused
/// multiply-adds over the inputs in their order: its bits depend on its row of x and its row of W
/// alone, not on how many rows are multiplied together, nor on the ``KernelClass``.
///
/// Sendable by this invariant: the bytes are written in `init` only, and only `deinit` frees them.
public final class PanelMatrix: @unchecked Sendable {
    public let encoding: WeightEncoding
    public let inputs: Int
    public let outputs: Int
    private let panels: UnsafeMutableRawPointer

    /// Lays a matrix out.
    ///
    /// - Parameters:
    ///   - weight: W, shape [outputs, inputs], or [inputs, outputs] when `inputsFirst`, row-major,
    ///     any alignment.
    /// - Precondition: `weight` has that many elements; there is at least one.
    /// - Complexity: O(outputs·inputs). Holds a copy, its outputs rounded up to a multiple of 64.
    public init(
        _ weight: RawSpan, _ encoding: WeightEncoding, inputs: Int, outputs: Int,
        inputsFirst: Bool = false
    ) {
        precondition(
            inputs > 0 && outputs > 0
                && weight.byteCount == encoding.byteCount(elements: inputs * outputs),
            "PanelMatrix: shapes differ")
        precondition(!encoding.isQuantised, "PanelMatrix: no product with \(encoding) yet")
        self.encoding = encoding
        self.inputs = inputs
        self.outputs = outputs
        let panelCount = (outputs + Int(HEBB_PANEL) - 1) / Int(HEBB_PANEL)
        panels = .allocate(
            byteCount: panelCount * Int(HEBB_PANEL) * inputs * encoding.blockBytes, alignment: 64)
        weight.withUnsafeBytes { source in
            hebb_pack_panels(
                source.baseAddress, encoding.blockBytes, outputs, inputs, inputsFirst, panels)
        }
    }

    deinit { panels.deallocate() }

    /// y = x·Wᵀ.
    ///
    /// - Parameters:
    ///   - x: shape [rows, inputs], rows `strideX` apart.
    ///   - rows: any number; 0 does nothing.
    ///   - scratch: at least `rows·inputs` elements where `rows` > 1; holds nothing afterwards.
    ///   - y: shape [rows, outputs], rows `strideY` apart.
    /// - Precondition: every span holds its matrix.
    /// - Complexity: O(rows·inputs·outputs); allocates nothing. One row takes the time that reading
    ///   the weights takes.
    public func multiply(
        _ x: Span<Float>, rows: Int, strideX: Int, scratch: inout MutableSpan<Float>,
        into y: inout MutableSpan<Float>, strideY: Int
    ) {
        guard rows > 0 else { return }
        precondition(
            strideX >= inputs && x.count >= (rows - 1) * strideX + inputs
                && strideY >= outputs && y.count >= (rows - 1) * strideY + outputs
                && (rows == 1 || scratch.count >= rows * inputs), "PanelMatrix: shapes differ")
        x.withUnsafeBufferPointer { x in
            scratch.withUnsafeMutableBufferPointer { scratch in
                y.withUnsafeMutableBufferPointer { y in
                    var product = hebb_product(
                        weights: panels, outputs: outputs, inputs: inputs, x: x.baseAddress,
                        x_stride: strideX, rows: rows, scratch: scratch.baseAddress,
                        y: y.baseAddress, y_stride: strideY)
                    switch encoding {
                    case .float32: kernels.pointee.product_f32(&product)
                    case .bfloat16: kernels.pointee.product_bf16(&product)
                    case .float16: kernels.pointee.product_f16(&product)
                    default: preconditionFailure("PanelMatrix: \(encoding) is not implemented yet")
                    }
                }
            }
        }
    }
}
