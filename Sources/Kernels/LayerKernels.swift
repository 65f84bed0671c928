import CKernels

/// Normalisations, activations and rotary positions of Transformer blocks.
///
/// All are deterministic within one ``KernelClass``, run in O(n) and allocate nothing.
public enum LayerKernels {
    /// out = w·x / √(mean(x²) + ε) (Zhang and Sennrich 2019); all of shape [n].
    public static func rmsNorm(
        _ x: Span<Float>, weight: Span<Float>, epsilon: Float, into out: inout MutableSpan<Float>
    ) {
        precondition(x.count == weight.count && x.count == out.count, "rmsNorm: shapes differ")
        x.withUnsafeBufferPointer { x in
            weight.withUnsafeBufferPointer { w in
                out.withUnsafeMutableBufferPointer { out in
                    kernels.pointee.rms_norm(
                        x.baseAddress, w.baseAddress, epsilon, out.baseAddress, x.count)
                }
            }
        }
    }

    /// out = w·(x − mean) / √(variance + ε) + b (Ba et al. 2016); all of shape [n].
    public static func layerNorm(
        _ x: Span<Float>, weight: Span<Float>, bias: Span<Float>, epsilon: Float,
        into out: inout MutableSpan<Float>
    ) {
        precondition(
            x.count == weight.count && x.count == bias.count && x.count == out.count,
            "layerNorm: shapes differ")
        x.withUnsafeBufferPointer { x in
            weight.withUnsafeBufferPointer { w in
                bias.withUnsafeBufferPointer { b in
                    out.withUnsafeMutableBufferPointer { out in
                        kernels.pointee.layer_norm(
                            x.baseAddress, w.baseAddress, b.baseAddress, epsilon,
                            out.baseAddress, x.count)
                    }
                }
            }
        }
    }

    /// gate ← act(gate)·up, where act(x) = x/(1 + e⁻ˣ) (SwiGLU, Shazeer 2020).
    ///
    /// - Parameter row: gate, shape [n], then up, shape [n].
    public static func siluGate(_ row: inout MutableSpan<Float>) {
        precondition(row.count % 2 == 0, "siluGate: gate and up differ in size")
        row.withUnsafeMutableBufferPointer { row in
            guard let gate = row.baseAddress else { return }
            kernels.pointee.silu_multiply(gate, gate + row.count / 2, gate, row.count / 2)
        }
    }

    /// gate ← gate·up.
    ///
    /// - Parameter row: as for ``siluGate(_:)``; what is done to the gate first was done.
    public static func gate(_ row: inout MutableSpan<Float>) {
        precondition(row.count % 2 == 0, "gate: gate and up differ in size")
        row.withUnsafeMutableBufferPointer { row in
            guard let gate = row.baseAddress else { return }
            kernels.pointee.multiply(gate + row.count / 2, gate, row.count / 2)
        }
    }

    /// x ← x/(1 + e⁻ˣ).
    public static func silu(_ x: inout MutableSpan<Float>) {
        x.withUnsafeMutableBufferPointer {
            kernels.pointee.silu($0.baseAddress, $0.baseAddress, $0.count)
        }
    }

    /// x ← x/2·(1 + tanh(√(2/π)(x + 0.044715 x³))): `gelu_new`, `gelu_pytorch_tanh`.
    public static func geluTanh(_ x: inout MutableSpan<Float>) {
        x.withUnsafeMutableBufferPointer {
            kernels.pointee.gelu_tanh($0.baseAddress, $0.baseAddress, $0.count)
        }
    }

    /// x ← x/2·(1 + erf(x/√2)): `gelu`.
    public static func gelu(_ x: inout MutableSpan<Float>) {
        x.withUnsafeMutableBufferPointer {
            kernels.pointee.gelu_erf($0.baseAddress, $0.baseAddress, $0.count)
        }
    }

    /// x ← max(x, 0); NaN stays NaN.
    public static func relu(_ x: inout MutableSpan<Float>) {
        for index in x.indices where x[index] < 0 { x[index] = 0 }
    }

    /// Rotates each head's pairs (x[i], x[i + d/2]) by the angles of one position (Su et al.
    /// 2021, in the half-split layout of Hugging Face's Llama).
    ///
    /// - Parameters:
    ///   - x: shape [heads, d].
    ///   - cosines: shape [d/2].
    ///   - sines: shape [d/2].
    public static func rotate(
        _ x: inout MutableSpan<Float>, cosines: Span<Float>, sines: Span<Float>
    ) {
        let half = cosines.count
        precondition(sines.count == half && half > 0, "rotate: shapes differ")
        precondition(x.count % (2 * half) == 0, "rotate: not a whole number of heads")
        x.withUnsafeMutableBufferPointer { x in
            cosines.withUnsafeBufferPointer { c in
                sines.withUnsafeBufferPointer { s in
                    kernels.pointee.rope(
                        x.baseAddress, c.baseAddress, s.baseAddress, x.count / (2 * half), half)
                }
            }
        }
    }
}
