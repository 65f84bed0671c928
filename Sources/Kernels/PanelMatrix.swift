import CKernels

/// A frozen matrix W, laid out for products with any number of rows.
///
/// Outputs lie in panels (64 of plain numbers, `HEBB_PANEL`; 32 of quantised ones), so that sums stay
/// in registers without horizontal additions, for one row and for hundreds alike. An element of a
/// product is one chain of operations over the inputs in their order: its bits depend on its row of x
/// and its row of W alone, not on how many rows are multiplied together, nor on the machine.
///
/// With plain numbers it is a chain of fused multiply-adds. Quantised weights are multiplied with
/// activations in bytes (``QuantizedRows``): each block of 32 inputs is an exact sum of integers,
/// which is then scaled and added.
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
    /// - Precondition: `weight` has that many elements; there is at least one. Quantised weights have
    ///   their outputs first, and whole blocks a row.
    /// - Complexity: O(outputs·inputs). Holds a copy, its outputs rounded up to whole panels.
    public init(
        _ weight: RawSpan, _ encoding: WeightEncoding, inputs: Int, outputs: Int,
        inputsFirst: Bool = false
    ) {
        precondition(
            inputs > 0 && outputs > 0 && inputs % encoding.blockElements == 0
                && weight.byteCount == encoding.byteCount(elements: inputs * outputs)
                && !(encoding.isQuantized && inputsFirst),
            "PanelMatrix: shapes differ")
        self.encoding = encoding
        self.inputs = inputs
        self.outputs = outputs
        let quantized = encoding.quantized
        let panel = Int(quantized == nil ? HEBB_PANEL : HEBB_QUANTIZED_PANEL)
        let panelBytes =
            quantized.map { hebb_quantized_panel_bytes($0, inputs) }
            ?? panel * inputs * encoding.blockBytes
        panels = .allocate(byteCount: (outputs + panel - 1) / panel * panelBytes, alignment: 64)
        weight.withUnsafeBytes { source in
            if let quantized {
                hebb_pack_quantized(quantized, source.baseAddress, outputs, inputs, panels)
            } else {
                hebb_pack_panels(
                    source.baseAddress, encoding.blockBytes, outputs, inputs, inputsFirst, panels)
            }
        }
    }

    deinit { panels.deallocate() }

    /// y = x·Wᵀ.
    ///
    /// - Parameters:
    ///   - x: shape [rows, inputs], rows `strideX` apart.
    ///   - rows: any number; 0 does nothing.
    ///   - scratch: at least `rows·inputs` elements where `rows` > 1 or W is quantised; holds nothing
    ///     afterwards.
    ///   - pool: shares the outputs; nil computes them on this thread. The bits are the same.
    ///   - y: shape [rows, outputs], rows `strideY` apart.
    /// - Precondition: every span holds its matrix.
    /// - Complexity: O(rows·inputs·outputs); allocates nothing. One row takes the time that reading
    ///   the weights takes.
    public func multiply(
        _ x: Span<Float>, rows: Int, strideX: Int, scratch: inout MutableSpan<Float>,
        on pool: WorkerPool? = nil, into y: inout MutableSpan<Float>, strideY: Int
    ) {
        guard rows > 0 else { return }
        precondition(
            strideX >= inputs && x.count >= (rows - 1) * strideX + inputs
                && (rows == 1 && !encoding.isQuantized || scratch.count >= rows * inputs),
            "PanelMatrix: shapes differ")
        if encoding.isQuantized {
            scratch.withUnsafeMutableBytes { scratch in
                QuantizedRows.quantize(
                    x, rows: rows, strideX: strideX, inputs: inputs, on: pool, into: scratch)
                multiply(
                    UnsafeRawBufferPointer(scratch), rows: rows, on: pool, into: &y,
                    strideY: strideY)
            }
            return
        }
        checkRoom(in: y, rows: rows, strideY: strideY)
        x.withUnsafeBufferPointer { x in
            scratch.withUnsafeMutableBufferPointer { scratch in
                y.withUnsafeMutableBufferPointer { y in
                    var product = hebb_product(
                        weights: panels, outputs: outputs, inputs: inputs, x: x.baseAddress,
                        x_stride: strideX, rows: rows, scratch: scratch.baseAddress,
                        y: y.baseAddress, y_stride: strideY)
                    kernels.pointee.pack_product(&product)
                    let kernel =
                        switch encoding {
                        case .float32: kernels.pointee.product_f32
                        case .bfloat16: kernels.pointee.product_bf16
                        default: kernels.pointee.product_f16
                        }
                    hebb_multiply(pool?.pool, kernel, encoding.blockBytes, &product)
                }
            }
        }
    }

    /// y = x·Wᵀ for rows that are in bytes already.
    ///
    /// - Parameters:
    ///   - pool: as above.
    ///   - y: shape [x.rows, outputs], rows `strideY` apart.
    /// - Precondition: W is quantised; `y` holds its matrix.
    /// - Complexity: O(rows·inputs·outputs); allocates nothing.
    public func multiply(
        _ x: borrowing QuantizedRows, on pool: WorkerPool? = nil,
        into y: inout MutableSpan<Float>, strideY: Int
    ) {
        guard x.rows > 0 else { return }
        precondition(x.inputs == inputs, "PanelMatrix: shapes differ")
        let rows = x.rows
        x.withUnsafeBytes { multiply($0, rows: rows, on: pool, into: &y, strideY: strideY) }
    }

    private func multiply(
        _ x: UnsafeRawBufferPointer, rows: Int, on pool: WorkerPool?,
        into y: inout MutableSpan<Float>, strideY: Int
    ) {
        guard let quantized = encoding.quantized else {
            preconditionFailure("PanelMatrix: quantised rows, and weights that are not")
        }
        checkRoom(in: y, rows: rows, strideY: strideY)
        y.withUnsafeMutableBufferPointer { y in
            var product = hebb_quantized_product(
                encoding: quantized, panels: panels, outputs: outputs, inputs: inputs, first: 0,
                count: outputs, x: x.baseAddress, rows: rows, y: y.baseAddress, y_stride: strideY)
            hebb_multiply_quantized(pool?.pool, quantizedKernels, &product)
        }
    }

    private func checkRoom(in y: borrowing MutableSpan<Float>, rows: Int, strideY: Int) {
        precondition(
            strideY >= outputs && y.count >= (rows - 1) * strideY + outputs,
            "PanelMatrix: shapes differ")
    }
}
